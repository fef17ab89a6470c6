"""What the routers of one Python file answer, as far as their code says it in literals.

The style is FastAPI's: `router = APIRouter(prefix="/x")`, `@router.get("/y")`,
`@router.api_route("/z", methods=["PUT"])`, `outer.include_router(router, prefix="/p")`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.notation.python import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from xtask.diagnostics import Place

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_ANY_METHOD = frozenset({"api_route", "add_api_route"})
_CONVERTOR = re.compile(r"\{([A-Za-z_]\w*):[A-Za-z_]\w*\}")
# Far more than a file that people wrote has; includes of includes multiply.
_MAX_STEPS, _MAX_PATH, _MAX_DEPTH = 10_000, 2_000, 20


class TooMuchError(ValueError):
    """A file has more operations than anybody writes."""


class CodeOperation(NamedTuple):
    """A method on a path that a router of this file answers, by the name of the router.

    The path has the router's own prefix and what it was included with in this file, and not the
    prefix that it is mounted under; parameters are in braces, without convertor.
    """

    router: str
    method: str
    path: str
    place: Place


class _Routers(NamedTuple):
    """The routers of a file; a prefix is None where the code computes it."""

    prefixes: dict[str, str | None]
    answers: dict[str, list[tuple[str, str, Place]]]
    includes: dict[str, list[tuple[str, str]]]


def read_operations(
    tree: ast.Module, place: Callable[[ast.AST], Place]
) -> tuple[CodeOperation, ...]:
    """Return what the routers at the top of a file answer, in the order of the file.

    A path, prefix or method that is not a literal is nobody's to know: such operations are left
    out. A router of another file counts as one without prefix.

    Raises:
        TooMuchError: there are more than 10,000 of them, or longer ones than 2,000 characters.
    """
    routers = _Routers({}, defaultdict(list), defaultdict(list))
    nodes = list(walk(tree, _outside_functions))
    routers.prefixes.update(pair for node in nodes for pair in _router(node))
    decorators = {id(item) for node in nodes for item in getattr(node, "decorator_list", ())}
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = dotted(node.func.value)
            if name and (id(node) in decorators or name in routers.prefixes):
                _note_call(node, name, node.func.attr, routers, place)
    roots = dict.fromkeys((*routers.answers, *routers.includes))
    found = {item for root in roots for item in _answered(root, routers)}
    return tuple(sorted(found, key=lambda item: (item.place.key, *item[:3])))


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


def _outside_functions(node: ast.AST) -> Iterable[ast.AST]:
    """Return what runs when the file is imported: of a function that is its decorators."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.decorator_list
    return () if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)


def _router(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield name and prefix of `name = APIRouter(prefix="/x")`."""
    match node:
        case ast.Assign(targets=targets, value=ast.Call() as call):
            pass
        case ast.AnnAssign(target=target, value=ast.Call() as call):
            targets = [target]
        case _:
            return
    kind = dotted(call.func)
    if kind.endswith(("Router", "FastAPI")):
        prefix = _prefix(call)
        yield from ((target.id, prefix) for target in targets if isinstance(target, ast.Name))


def _prefix(call: ast.Call) -> str | None:
    given = keyword(call, "prefix")
    return "" if given is None else string(given)


def _note_call(
    call: ast.Call, name: str, verb: str, routers: _Routers, place: Callable[[ast.AST], Place]
) -> None:
    """Note `name.get("/path")`, `name.api_route(…)`, `name.include_router(other)` and the like."""
    first = call.args[0] if call.args else keyword(call, "path")
    if verb == "include_router":
        child = call.args[0] if call.args else keyword(call, "router")
        prefix = _prefix(call)
        if child is not None and prefix is not None and dotted(child):
            routers.includes[name].append((dotted(child), prefix))
    elif verb in _METHODS | _ANY_METHOD and first is not None:
        path = string(first)
        if path is not None and (not path or path.startswith("/")):
            path = _CONVERTOR.sub(r"{\1}", path)
            methods = _methods(call) if verb in _ANY_METHOD else [verb.upper()]
            routers.answers[name] += [(method, path, place(first)) for method in methods]


def _methods(call: ast.Call) -> list[str]:
    match keyword(call, "methods"):
        case None:
            return ["GET"]  # as FastAPI does
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [text.upper() for item in items if (text := string(item))]
    return []


def _answered(root: str, routers: _Routers) -> Iterator[CodeOperation]:
    """Yield what one router answers, with all that it includes."""
    waiting: list[tuple[str, str, tuple[str, ...]]] = [(root, "", (root,))]
    steps = 0
    while waiting:
        name, before, chain = waiting.pop()
        prefix = routers.prefixes.get(name, "")
        if prefix is None:
            continue
        answers = routers.answers.get(name, ())
        for method, path, place in answers:
            yield CodeOperation(root, method, before + prefix + path, place)
        waiting += [
            (child, before + prefix + under, (*chain, child))
            for child, under in routers.includes.get(name, ())
            if child not in chain
        ]
        steps += 1 + len(answers)
        longest = max((len(path) for _, path, _ in answers), default=0)
        if (
            steps + len(waiting) > _MAX_STEPS
            or len(chain) > _MAX_DEPTH
            or len(before + prefix) + longest > _MAX_PATH
        ):
            raise TooMuchError
