"""What the names at the top of a Python file stand for, where each stands for one thing only."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.notation.python import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# A name for a name, and so on.
_MAX_NAMES = 20


class Imported(NamedTuple):
    """`from module import name`; the name is empty for a module, `level` counts leading dots."""

    module: str
    name: str
    level: int


class Scope(NamedTuple):
    """The names of a file that stand for one thing in all of it; functions have names of their own.

    `values` are those of `NAME = value`. `means` has names for another name, as it is written, or
    for what is imported; `loops` what `for NAME in (users.router, items.router)` goes through.
    """

    values: Mapping[str, ast.expr]
    means: Mapping[str, str | Imported]
    loops: Mapping[str, Sequence[str]]

    def followed(self, node: ast.expr) -> ast.expr:
        """Return what a name that is bound once stands for, any other expression as it is."""
        for _ in range(_MAX_NAMES):
            if not isinstance(node, ast.Name) or node.id not in self.values:
                break
            node = self.values[node.id]
        return node


def read_scope(tree: ast.Module, nodes: Sequence[ast.AST]) -> Scope:
    """Return what the names of a file stand for.

    Args:
        tree: the whole file.
        nodes: what of it runs when it is imported.
    """
    count = Counter(name for node in _in_scope(tree) for name in _names(node))
    scope = Scope(_values(tree, count), {}, {})
    return scope._replace(
        means=_means(nodes, scope.values, count), loops=dict(_loops(nodes, scope, count))
    )


def _in_scope(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what may bind names of a file: nothing of a function but what it calls global."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, is_local = waiting.pop()
        if not is_local or isinstance(node, ast.Global):
            yield node
        body = {id(item) for item in node.body} if isinstance(node, _FUNCTIONS) else ()
        waiting += [(child, is_local or id(child) in body) for child in ast.iter_child_nodes(node)]


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds, except for parameters; `*` for any."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.split(".")[0] for alias in names)
        case ast.Global(names=words):
            yield from words
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


def _values(tree: ast.Module, count: Counter[str]) -> dict[str, ast.expr]:
    """Return the values of `NAME = value` at the top, where nothing else in the file binds it.

    None at all when a star import may bind any name.
    """
    found: dict[str, ast.expr] = {}
    for statement in () if count["*"] else tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if count[name] == 1:
                found[name] = value
    return found


def _means(
    nodes: Iterable[ast.AST], values: Mapping[str, ast.expr], count: Counter[str]
) -> dict[str, str | Imported]:
    """Return which names stand for another name, or for what is imported, and nothing else."""
    found: dict[str, str | Imported] = {
        name: other for name, value in values.items() if (other := dotted(value))
    }
    pairs = Counter(pair for node in nodes for pair in _import_of(node))
    for (name, what), times in pairs.items():
        if name and times == count[name] and not count["*"]:
            found[name] = what
    return found


def _import_of(node: ast.AST) -> Iterator[tuple[str, Imported]]:
    """Yield what an import statement binds: `import a.b` binds `a`."""
    match node:
        case ast.Import(names=names):
            for alias in names:
                whole = alias.name if alias.asname else alias.name.split(".")[0]
                yield alias.asname or whole, Imported(whole, "", 0)
        case ast.ImportFrom(module=module, names=names, level=level):
            for alias in names:
                yield alias.asname or alias.name, Imported(module or "", alias.name, level)


def _loops(
    nodes: Iterable[ast.AST], scope: Scope, count: Counter[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the names of loops over dotted names that are written out."""
    for node in nodes:
        match node:
            case (
                ast.For(target=ast.Name(id=name), iter=source)
                | ast.comprehension(target=ast.Name(id=name), iter=source)
            ) if count[name] == 1:
                match scope.followed(source):
                    case ast.Tuple(elts=items) | ast.List(elts=items):
                        yield name, [dotted(item) for item in items]
