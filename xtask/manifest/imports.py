"""What one Python file imports, wherever in it the import stands."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.notation.python import dotted, string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xtask.diagnostics import Place

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_IMPORTERS = frozenset({"import_module", "__import__"})


class Import(NamedTuple):
    """An import statement, or `import_module("…")`; `level` counts the dots of a relative one.

    `names` is empty for `import module`. `guarded`: the code goes on when there is no such module.
    `bound` is what each of `names` is called in the file.
    """

    module: str
    names: tuple[str, ...]
    level: int
    guarded: bool
    place: Place
    bound: tuple[str, ...] = ()


def read_imports(tree: ast.Module, place: Callable[[ast.AST], Place]) -> Iterator[Import]:
    """Yield every import anywhere in a file, in its order."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, guarded = waiting.pop()
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, (), 0, guarded, place(alias))
            case ast.ImportFrom(module=module, names=names, level=level):
                wanted = tuple(alias.name for alias in names)
                bound = tuple(alias.asname or alias.name for alias in names)
                yield Import(module or "", wanted, level, guarded, place(node), bound)
            case ast.Call(func=function, args=[first, *_]) if text := string(first):
                if dotted(function).rpartition(".")[2] in _IMPORTERS:
                    name = text.lstrip(".")
                    yield Import(name, (), len(text) - len(name), guarded, place(first))
        inside = [*ast.iter_child_nodes(node)]
        optional = {id(child) for child in _guarded(node)}
        waiting += [(child, guarded or id(child) in optional) for child in reversed(inside)]


def _guarded(node: ast.AST) -> list[ast.AST]:
    """Return the children of a node whose imports may fail, or that only a type checker reads."""
    match node:
        case ast.Try(body=body, handlers=handlers) if any(map(_catches, handlers)):
            return [*body, *handlers]
        case ast.If(test=test, body=body) if dotted(test).rpartition(".")[2] == "TYPE_CHECKING":
            return [*body]
    return []


def _catches(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind) in _IMPORT_ERRORS for kind in caught)
