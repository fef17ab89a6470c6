"""The tables of the database that Python code and migrations define."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from xtask.manifest.module import DatabaseTable
from xtask.manifest.notation.python import walk
from xtask.manifest.operations import dotted, string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xtask.diagnostics import Place

_NAME = r"""(?:"[^"]++"|`[^`]++`|\[[^\]]++\]|\w++)"""
_SQL = re.compile(
    rf"""--[^\n]*+ | /\*.*?(?:\*/|\Z) | '[^']*+(?:'|\Z)
    | \bCREATE\s++(?:(?:UNLOGGED|VIRTUAL|FOREIGN)\s++)?TABLE\s++(?:IF\s++NOT\s++EXISTS\s++)?
      (?:{_NAME}\s*+\.\s*+)*+ (?P<name>{_NAME})""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


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
            # Tables of other libraries, such as rich, have texts only.
            case ast.Call(func=function, args=[value, second, *_]) if (
                dotted(function).rpartition(".")[2] == "Table" and string(second) is None
            ):
                pass
            case _:
                continue
        if name := string(value):
            yield DatabaseTable(name, place(value))
