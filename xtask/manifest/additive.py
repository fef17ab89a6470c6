"""Whether the SQL of a migration only adds, so that the code of before works with it too.

SQLite and PostgreSQL are asked, as sqlglot reads them. A statement that one of them has not got,
such as `TEXT[]`, is for the other one to judge; what neither reads is not additive.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlglot.expressions import ColumnDef, Expr

_DATABASES: Final = ("sqlite", "postgres")
# What databases divide in ways of their own, so that a statement could hide in it: escapes in
# strings, dollar quotes, names in brackets or backticks, comments in comments.
_AMBIGUOUS = re.compile(r"[\\$`]|\[(?!\])|/\*(?:[^*]|\*(?!/))*?/\*", re.DOTALL)
# Longer than any change of a schema; rows, which may be many, are not additive anyway.
_MOST_CHARACTERS: Final = 1 << 17
# The words behind the columns of a new table that say how it is stored, and nothing of others.
_STORAGE: Final = frozenset(
    {"PartitionedByProperty", "StrictProperty", "TableSpaceProperty", "UnloggedProperty"}
)
_MAY_BE_LEFT_OUT: Final = frozenset(
    {"CollateColumnConstraint", "DefaultColumnConstraint", "NotNullColumnConstraint", "Reference"}
)


def is_additive(sql: str) -> bool:
    """Return whether each statement creates a table, an index, or a column that may be left out.

    What this does not know is not additive, and neither is an index that makes rows of before
    unique. Text that two databases would divide in two ways is not looked at any further.
    """
    if len(sql) > _MOST_CHARACTERS or _AMBIGUOUS.search(sql):
        return False
    readings = [_read(sql, database) for database in _DATABASES]
    if any(reading is None for reading in readings):
        return False
    new = {_created(statement) for reading in readings for statement in reading or ()}
    statements = zip_longest(*(reading or () for reading in readings))
    return all(_all_add(as_read, new - {""}) for as_read in statements)


def _read(sql: str, database: str) -> Sequence[Expr] | None:
    """Return the statements as a database has them; nothing when it is no SQL of its."""
    import logging  # noqa: PLC0415 - 250 ms, which a build that knows the module does not pay

    import sqlglot  # noqa: PLC0415
    from sqlglot.errors import SqlglotError  # noqa: PLC0415
    from sqlglot.expressions import Semicolon  # noqa: PLC0415

    # It logs what it cannot read, and returns it as a `Command`.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        found = sqlglot.parse(sql, read=database)
    except (SqlglotError, RecursionError):
        return None
    return [each for each in found if each is not None and not isinstance(each, Semicolon)]


def _all_add(as_read: Iterable[Expr | None], new: set[str]) -> bool:
    """Return whether a statement adds for every database that can read it, and one can."""
    from sqlglot.expressions import Command  # noqa: PLC0415 - see `_read`

    known = [statement for statement in as_read if not isinstance(statement, Command)]
    return bool(known) and all(statement and _adds(statement, new) for statement in known)


def _adds(statement: Expr, new: set[str]) -> bool:
    from sqlglot import expressions as exp  # noqa: PLC0415 - see `_read`

    match statement:
        case exp.Transaction() | exp.Commit():
            return True
        case exp.Create() if statement.kind == "TABLE":
            return _created(statement) in new
        case exp.Create() if statement.kind == "INDEX":
            return not statement.args.get("unique") or _table_of(statement.this) in new
        case exp.Alter() if statement.args.get("kind") == "TABLE":
            columns = statement.args["actions"]
            return all(isinstance(each, exp.ColumnDef) and _optional(each) for each in columns)
    return False


def _created(statement: Expr) -> str:
    """Return the table that a statement makes of nothing that was there; empty when it does not."""
    from sqlglot import expressions as exp  # noqa: PLC0415 - see `_read`

    if not isinstance(statement, exp.Create) or statement.kind != "TABLE":
        return ""
    said = statement.args.get("properties")
    kinds = {type(each).__name__ for each in (said.expressions if said else ())}
    if statement.args.get("replace") or kinds - _STORAGE or statement.find(exp.DML):
        return ""
    return _table_of(statement)


def _table_of(statement: Expr) -> str:
    """Return the table that a statement is about, in small letters, with its schema."""
    from sqlglot.expressions import Table  # noqa: PLC0415 - see `_read`

    table = statement.find(Table)
    return ".".join(part.name for part in table.parts).lower() if table else ""


def _optional(column: ColumnDef) -> bool:
    """Return whether rows of before may lack a column, or it has a value for them."""
    from sqlglot import expressions as exp  # noqa: PLC0415 - see `_read`

    kinds = [constraint.kind for constraint in column.constraints]
    if {type(kind).__name__ for kind in kinds} - _MAY_BE_LEFT_OUT:
        return False
    required = any(
        isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null")
        for kind in kinds
    )
    return not required or any(
        isinstance(kind, exp.DefaultColumnConstraint) and not isinstance(kind.this, exp.Null)
        for kind in kinds
    )
