"""The tables of the database that Python code and migrations define, and their columns."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.module import DatabaseTable
from xtask.manifest.notation.python import dotted, keyword, string, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from xtask.diagnostics import Place

_NAME = r"""(?:"[^"]++"|`[^`]++`|\[[^\]]++\]|\w++)"""
_SQL = re.compile(
    rf"""--[^\n]*+ | /\*.*?(?:\*/|\Z) | '[^']*+(?:'|\Z)
    | \bCREATE\s++(?:(?:UNLOGGED|VIRTUAL|FOREIGN)\s++)?TABLE\s++(?:IF\s++NOT\s++EXISTS\s++)?
      (?:{_NAME}\s*+\.\s*+)*+ (?P<name>{_NAME})""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)

_COLUMN = frozenset({"Column", "mapped_column"})
_WRAPPERS = frozenset({"deferred", "column_property"})


class MappedClass(NamedTuple):
    """A class as SQLAlchemy sees it, or `Table("x", metadata, …)`, which has no name.

    `table` is empty for a class that is none, or that computes what it is called. `columns` are
    those of its own body, as the database calls them; `bases` may bring more.
    """

    name: str
    bases: tuple[str, ...]
    table: str
    columns: tuple[str, ...]


def sql_tables(text: str) -> tuple[str, ...]:
    """Return the names of all tables that a migration creates to stay, sorted, without schema."""
    found = (match["name"] for match in _SQL.finditer(text))
    return tuple(sorted({name.strip('"`[]') for name in found if name}))


def code_tables(tree: ast.Module, place: Callable[[ast.AST], Place]) -> Iterator[DatabaseTable]:
    """Yield the tables of SQLAlchemy: `__tablename__ = "x"`, `Table("x", metadata, …)`."""
    for node in walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__tablename__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__tablename__"), value=ast.expr() as value)
            ):
                pass
            case ast.Call(args=[value, *_]) if _is_table(node):
                pass
            case _:
                continue
        if name := string(value):
            yield DatabaseTable(name, place(value))


def code_classes(nodes: Iterable[ast.AST]) -> Iterator[MappedClass]:
    """Yield the classes among these nodes, and the tables of SQLAlchemy that are none."""
    for node in nodes:
        match node:
            case ast.ClassDef():
                bases = tuple(map(_last, node.bases))
                yield MappedClass(node.name, bases, _table_name(node), tuple(_own_columns(node)))
            case ast.Call(args=[value, _, *others]) if _is_table(node):
                names = (_column(item, "") for item in others)
                more = ("*",) if any(isinstance(item, ast.Starred) for item in others) else ()
                yield MappedClass("", more, string(value) or "", tuple(filter(None, names)))


def _is_table(call: ast.Call) -> bool:
    """Return whether this is `Table("x", metadata, …)`; that of rich, for one, has texts only."""
    texts = [string(item) is not None for item in call.args[:2]]
    return texts == [True, False] and _last(call.func) == "Table"


def _own_columns(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=attribute)], value=value)
                | ast.AnnAssign(target=ast.Name(id=attribute), value=ast.expr() as value)
            ):
                if name := _column(value, attribute):
                    yield name
            case ast.AnnAssign(
                target=ast.Name(id=attribute), annotation=ast.Subscript(value=kind), value=None
            ) if _last(kind) == "Mapped":
                yield attribute


def _column(node: ast.expr, attribute: str) -> str:
    """Return what a column is called in the database, nothing when the node is none."""
    match node:
        case ast.Call(func=function) if _last(function) in _COLUMN:
            first = string(node.args[0]) if node.args else None
            return first or string(keyword(node, "name")) or attribute
        case ast.Call(func=function, args=[ast.Call() as inner, *_]) if (
            _last(function) in _WRAPPERS
        ):
            return _column(inner, attribute)
    return ""


def _table_name(node: ast.ClassDef) -> str:
    """Return the last `__tablename__` of a class, nothing when it has none in plain words."""
    found = ""
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="__tablename__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__tablename__"), value=value)
            ):
                found = (value and string(value)) or ""
    return found


def _last(node: ast.expr) -> str:
    """Return the last of the names in `a.b.c`; nothing for any other expression."""
    return dotted(node).rpartition(".")[2]
