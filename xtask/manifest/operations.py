"""What the routers of one Python file answer, as far as their code says it in literals.

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from xtask.diagnostics import Place

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_ANY_METHOD = frozenset({"api_route", "add_api_route"})
_LOOKED_AT = (
    *(ast.Call, ast.Assign, ast.AnnAssign),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)
# What runs its statements sometimes. A `finally` always runs.
_SKIPPING = (
    *(ast.If, ast.For, ast.While, ast.Try, ast.TryStar, ast.ExceptHandler, ast.match_case),
)
_CONVERTOR = re.compile(r"\{([A-Za-z_]\w*):[A-Za-z_]\w*\}")
# The convertor that a parameter without one has (starlette.convertors).
_DEFAULT_CONVERTOR = re.compile(r"\{([A-Za-z_]\w*):str\}")
_PARAMETER_NAME = re.compile(r"\{[^{}:]*")
# Far more than a file that people wrote has; includes of includes multiply.
_MAX_STEPS, _MAX_PATH, _MAX_DEPTH = 10_000, 2_000, 20


class TooMuchError(ValueError):
    """A file has more operations than anybody writes."""


class CodeOperation(NamedTuple):
    """A method on a path that a router of this file answers, by the name of the router.

    The path has the router's own prefix and what it was included with in this file, and not the
    prefix that it is mounted under; parameters are in braces, with the convertors of Starlette
    (`{rest:path}`) except for the default.
    """

    router: str
    method: str
    path: str
    place: Place


class _Spot(NamedTuple):
    """A line, and the lines of the innermost block around it that may be skipped."""

    line: int
    block: range


class _Routers(NamedTuple):
    """The routers of a file; a prefix is None where the code computes it.

    `once` has the values of the names that stand for one thing in the whole file.
    """

    once: Mapping[str, ast.expr]
    prefixes: dict[str, str | None]
    rebound: set[str]
    answers: dict[str, list[tuple[str, str, Place, _Spot]]]
    includes: dict[str, list[tuple[str, str, _Spot]]]


_Answer = tuple[CodeOperation, tuple[_Spot, ...]]


def read_operations(
    tree: ast.Module, place: Callable[[ast.AST], Place]
) -> tuple[CodeOperation, ...]:
    """Return what the routers at the top of a file answer, in the order of the file.

    A path, prefix or method that is neither a literal nor a name for one is nobody's to know: such
    operations are left out. A router of another file counts as one without prefix. An operation is
    there twice when the first one is defined whenever the second is; one of each branch of an `if`
    is there once.

    Raises:
        TooMuchError: there are more than 10,000 of them, or longer ones than 2,000 characters.
    """
    routers = _Routers(_bound_once(tree), {}, set(), defaultdict(list), defaultdict(list))
    nodes = list(_at_import(tree))
    for name, prefix in (pair for node, _ in nodes for pair in _router(node, routers.once)):
        if name in routers.prefixes:
            routers.rebound.add(name)
        routers.prefixes[name] = prefix
    decorators = {id(item) for node, _ in nodes for item in getattr(node, "decorator_list", ())}
    for node, block in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = dotted(node.func.value)
            if name and (id(node) in decorators or name in routers.prefixes):
                _note_call(node, name, _Spot(node.lineno, block), routers, place)
    roots = dict.fromkeys((*routers.answers, *routers.includes))
    return tuple(_once_if_doubtful(item for root in roots for item in _answered(root, routers)))


def openapi_path(path: str) -> str:
    """Return a path as OpenAPI has it: parameters in braces, without convertors."""
    return _CONVERTOR.sub(r"{\1}", path)


def unnamed(path: str) -> str:
    """Return a path without the names of its parameters: `/a/{x}` and `/a/{y}` are one.

    Convertors stay: what `/a/{x:int}` does not take goes on to `/a/{x}`.
    """
    return _PARAMETER_NAME.sub("{", path)


def _once_if_doubtful(answers: Iterable[_Answer]) -> Iterator[CodeOperation]:
    """Yield all in the order of the file, without those whose equal may not be there as well."""
    spots = dict(answers)
    first: dict[tuple[str, str, str], CodeOperation] = {}
    for item in sorted(spots, key=lambda item: (item.place.key, *item[:3])):
        earlier = first.setdefault((item.router, item.method, unnamed(item.path)), item)
        if earlier is item or _both_run(spots[earlier], spots[item]):
            yield item


def _both_run(first: Sequence[_Spot], second: Sequence[_Spot]) -> bool:
    """Return whether all of the first runs whenever all of the second does, as far as is seen."""
    known = bool(first and second)
    return known and all(any(there.line in here.block for there in second) for here in first)


def dotted(node: ast.expr) -> str:
    """Return a name or `a.b.c` as it is written; nothing for any other expression."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(names))) if isinstance(node, ast.Name) else ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return what a call gives for a keyword."""
    return next((item.value for item in call.keywords if item.arg == name), None)


def string(node: ast.expr | None) -> str | None:
    """Return the value of a literal string."""
    match node:
        case ast.Constant(value=str() as text):
            return text
    return None


def _bound_once(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the values of `NAME = value` at the top, where nothing else in the file binds it.

    None at all when a star import may bind any name.
    """
    count = Counter(name for node in ast.walk(tree) for name in _names(node))
    found: dict[str, ast.expr] = {}
    for statement in () if count["*"] else tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if count[name] == 1:
                found[name] = value
    return found


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds in any scope, except for parameters; `*` for any."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.split(".")[0] for alias in names)
        case (
            ast.FunctionDef(name=str() as name)
            | ast.AsyncFunctionDef(name=str() as name)
            | ast.ClassDef(name=str() as name)
            | ast.ExceptHandler(name=str() as name)
            | ast.MatchAs(name=str() as name)
            | ast.MatchStar(name=str() as name)
            | ast.MatchMapping(rest=str() as name)
        ):
            yield name


def _followed(node: ast.expr, once: Mapping[str, ast.expr]) -> ast.expr:
    """Return what a name that is bound once stands for, and any other expression as it is."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(node, ast.Name) or node.id not in once:
            break
        node = once[node.id]
    return node


def _at_import(tree: ast.Module) -> Iterator[tuple[ast.AST, range]]:
    """Yield calls, assignments and definitions that run when a file is imported, and their blocks.

    Of a function that is its decorators. Only a block that may be skipped counts as one.
    """
    waiting: list[tuple[ast.AST, range]] = [(tree, range(sys.maxsize))]
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


def _router(node: ast.AST, once: Mapping[str, ast.expr]) -> Iterator[tuple[str, str | None]]:
    """Yield name and prefix of `name = APIRouter(prefix="/x")`."""
    match node:
        case ast.Assign(targets=targets, value=ast.Call() as call):
            pass
        case ast.AnnAssign(target=target, value=ast.Call() as call):
            targets = [target]
        case _:
            return
    kind = dotted(_followed(call.func, once))
    if kind.endswith(("Router", "FastAPI")):
        prefix = _prefix(call, once)
        yield from ((target.id, prefix) for target in targets if isinstance(target, ast.Name))


def _prefix(call: ast.Call, once: Mapping[str, ast.expr]) -> str | None:
    given = keyword(call, "prefix")
    return "" if given is None else string(_followed(given, once))


def _note_call(
    call: ast.Call, name: str, spot: _Spot, routers: _Routers, place: Callable[[ast.AST], Place]
) -> None:
    """Note `name.get("/path")`, `name.api_route(…)`, `name.include_router(other)` and the like."""
    verb = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    first = call.args[0] if call.args else keyword(call, "path")
    if verb == "include_router":
        child = call.args[0] if call.args else keyword(call, "router")
        prefix = _prefix(call, routers.once)
        if child is not None and prefix is not None and dotted(child):
            routers.includes[name].append((dotted(child), prefix, spot))
    elif verb in _METHODS | _ANY_METHOD and first is not None:
        path = string(_followed(first, routers.once))
        if path is not None and (not path or path.startswith("/")):
            path = _DEFAULT_CONVERTOR.sub(r"{\1}", path)
            methods = _methods(call) if verb in _ANY_METHOD else [verb.upper()]
            routers.answers[name] += [(method, path, place(first), spot) for method in methods]


def _methods(call: ast.Call) -> list[str]:
    match keyword(call, "methods"):
        case None:
            return ["GET"]  # as FastAPI does
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [text.upper() for item in items if (text := string(item))]
    return []


def _answered(root: str, routers: _Routers) -> Iterator[_Answer]:
    """Yield what one router answers with all that it includes, and the lines that make it do so.

    No lines when a name stands for several routers.
    """
    waiting: list[tuple[str, str, tuple[str, ...], tuple[_Spot, ...]]] = [(root, "", (root,), ())]
    steps = 0
    while waiting:
        name, before, chain, spots = waiting.pop()
        prefix = routers.prefixes.get(name, "")
        if prefix is None:
            continue
        answers = routers.answers.get(name, ())
        is_known = routers.rebound.isdisjoint(chain)
        for method, path, place, spot in answers:
            found = CodeOperation(root, method, before + prefix + path, place)
            yield found, (*spots, spot) if is_known else ()
        waiting += [
            (child, before + prefix + under, (*chain, child), (*spots, spot))
            for child, under, spot in routers.includes.get(name, ())
            if child not in chain
        ]
        steps += 1 + len(answers)
        longest = max((len(path) for _, path, *_ in answers), default=0)
        if (
            steps + len(waiting) > _MAX_STEPS
            or len(chain) > _MAX_DEPTH
            or len(before + prefix) + longest > _MAX_PATH
        ):
            raise TooMuchError
