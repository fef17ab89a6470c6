"""What one Python file says of routers: which it makes, adds to, includes, and imports.

The style is FastAPI's: `router = APIRouter(prefix="/x")`, `@router.get("/y")`,
`@router.api_route("/z", methods=["PUT"])`, `outer.include_router(router, prefix="/p")`.
A name at the top of the file that is bound once is as good as its value: `PATH = "/y"`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.notation.python import dotted, keyword, string
from xtask.manifest.scope import Imported, Scope, read_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from xtask.diagnostics import Place

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_ANY_METHOD = frozenset({"api_route", "add_api_route"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOKED_AT = (
    *(ast.Call, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.For),
    *(*_FUNCTIONS, ast.ClassDef, ast.comprehension),
)
# What runs its statements sometimes. A `finally` always runs.
_SKIPPING = (
    *(ast.If, ast.For, ast.While, ast.Try, ast.TryStar, ast.ExceptHandler, ast.match_case),
)
WHOLE_FILE = range(sys.maxsize)
# The convertor that a parameter without one has (starlette.convertors).
_DEFAULT_CONVERTOR = re.compile(r"\{([A-Za-z_]\w*):str\}")


class Spot(NamedTuple):
    """A line, and the lines of the innermost block around it that may be skipped."""

    line: int
    block: range


class Answer(NamedTuple):
    """A method on a path that a router answers; the path is what was given for this one.

    Parameters are in braces, with Starlette's convertors (`{rest:path}`) except for the default.
    """

    method: str
    path: str
    place: Place
    spot: Spot


class Include(NamedTuple):
    """A router that another one includes, as its name is written, and below which prefix."""

    router: str
    prefix: str
    spot: Spot


class FileRouters(NamedTuple):
    """What one file says of routers, by their names in it.

    `prefixes` has the routers that it makes, with None where the code computes the prefix;
    `rebound` those of them whose name stands for several. `means` has names that the file binds
    once, to another name or by an import. `imports` says whether each one happens whenever the
    file is imported itself.
    """

    prefixes: Mapping[str, str | None]
    rebound: frozenset[str]
    answers: Mapping[str, Sequence[Answer]]
    includes: Mapping[str, Sequence[Include]]
    means: Mapping[str, str | Imported]
    imports: Mapping[Imported, bool]


def read_routers(tree: ast.Module, place: Callable[[ast.AST], Place]) -> FileRouters:
    """Return what a file says of routers when it is imported, all in the order of the file.

    A path, prefix or method that is neither a literal nor a name for one is nobody's to know: such
    operations, and what is included in such a way, are left out.
    """
    nodes = list(_at_import(tree))
    scope = read_scope(tree, [node for node, _ in nodes])
    made = [pair for node, _ in nodes for pair in _router(node, scope)]
    prefixes = dict(made)
    times = Counter(name for name, _ in made)
    answers: dict[str, list[Answer]] = defaultdict(list)
    includes: dict[str, list[Include]] = defaultdict(list)
    decorators = {id(item) for node, _ in nodes for item in getattr(node, "decorator_list", ())}
    for node, block in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, spot = dotted(node.func.value), Spot(node.lineno, block)
        is_known = name in prefixes or name.split(".", maxsplit=1)[0] in scope.means
        if name and (is_known or id(node) in decorators):
            answers[name] += _answers(node, node.func.attr, spot, scope, place)
            includes[name] += _includes(node, node.func.attr, spot, scope)
    return FileRouters(
        prefixes=prefixes,
        rebound=frozenset(name for name in times if times[name] > 1),
        answers={name: found for name, found in answers.items() if found},
        includes={name: found for name, found in includes.items() if found},
        means=scope.means,
        imports=_imports(nodes),
    )


def _imports(nodes: Iterable[tuple[ast.AST, range]]) -> dict[Imported, bool]:
    """Return what is imported, and whether nothing around the statement may skip it."""
    found: dict[Imported, bool] = {}
    for node, block in nodes:
        match node:
            case ast.Import(names=names):
                wanted = [Imported(alias.name, "", 0) for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                wanted = [Imported(module or "", alias.name, level) for alias in names]
            case _:
                continue
        for item in wanted:
            found[item] = found.get(item, False) or block is WHOLE_FILE
    return found


def _at_import(tree: ast.Module) -> Iterator[tuple[ast.AST, range]]:
    """Yield what runs when a file is imported, as far as it is looked at, and its block.

    Of a function that is its decorators. Only a block that may be skipped counts as one.
    """
    waiting: list[tuple[ast.AST, range]] = [(tree, WHOLE_FILE)]
    while waiting:
        node, block = waiting.pop()
        if isinstance(node, _LOOKED_AT):
            yield node, block
        own = _blocks(node) if isinstance(node, _SKIPPING) else {}
        inside = _outside_functions(node)
        waiting += [(child, own.get(id(child), block)) for child in reversed(list(inside))]


def _outside_functions(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.decorator_list
    return () if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)


def _blocks(node: ast.AST) -> dict[int, range]:
    """Return the lines of its block for each statement of a node that may be skipped."""
    found: dict[int, range] = {}
    for block in (getattr(node, "body", []), getattr(node, "orelse", [])):
        if block:
            lines = range(_first_line(block[0]), (block[-1].end_lineno or 0) + 1)
            found.update(dict.fromkeys(map(id, block), lines))
    return found


def _first_line(node: ast.stmt) -> int:
    """Return where a statement begins, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(item.lineno for item in decorators)])


def _router(node: ast.AST, scope: Scope) -> Iterator[tuple[str, str | None]]:
    """Yield name and prefix of `name = APIRouter(prefix="/x")`."""
    match node:
        case ast.Assign(targets=targets, value=ast.Call() as call):
            pass
        case ast.AnnAssign(target=target, value=ast.Call() as call):
            targets = [target]
        case _:
            return
    kind = dotted(scope.followed(call.func))
    if kind.endswith(("Router", "FastAPI")):
        prefix = _prefix(call, scope)
        yield from ((target.id, prefix) for target in targets if isinstance(target, ast.Name))


def _prefix(call: ast.Call, scope: Scope) -> str | None:
    """Return the prefix that a call gives, None where only running it could tell."""
    given = keyword(call, "prefix")
    if given is None:
        return None if _has_more(call) else ""
    return string(scope.followed(given))


def _has_more(call: ast.Call) -> bool:
    """Return whether a call has keywords that are not written out: `**options`."""
    return any(item.arg is None for item in call.keywords)


def _answers(
    call: ast.Call, verb: str, spot: Spot, scope: Scope, place: Callable[[ast.AST], Place]
) -> Iterator[Answer]:
    """Yield what `name.get("/path")`, `name.api_route(…)` and the like make a router answer."""
    first = call.args[0] if call.args else keyword(call, "path")
    if verb not in _METHODS | _ANY_METHOD or first is None:
        return
    path = string(scope.followed(first))
    if path is not None and (not path or path.startswith("/")):
        path = _DEFAULT_CONVERTOR.sub(r"{\1}", path)
        for method in _methods(call) if verb in _ANY_METHOD else [verb.upper()]:
            yield Answer(method, path, place(first), spot)


def _methods(call: ast.Call) -> list[str]:
    match keyword(call, "methods"):
        case None:
            return [] if _has_more(call) else ["GET"]  # as FastAPI does
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [text.upper() for item in items if (text := string(item))]
    return []


def _includes(call: ast.Call, verb: str, spot: Spot, scope: Scope) -> Iterator[Include]:
    """Yield what `name.include_router(other)` includes: one for each turn of a loop around it."""
    given = call.args[0] if call.args else keyword(call, "router")
    prefix = _prefix(call, scope)
    if verb != "include_router" or given is None or prefix is None:
        return
    for child in scope.loops.get(dotted(given), [dotted(given)]):
        if child:
            yield Include(child, prefix, spot)
