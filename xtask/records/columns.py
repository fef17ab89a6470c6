"""What columns, conditions and indexes are made of, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Index, Text, TypeDecorator, literal_column, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Dialect
    from sqlalchemy.types import TypeEngine

# Compared by bytes, as SQLite does: order is the same on both, and a prefix is a range of an index.
Words = Text().with_variant(Text(collation="C"), "postgresql")


class Document(TypeDecorator[Any]):
    """JSON; on PostgreSQL `jsonb`, whose types are not imported without it."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415 - start-up

            return dialect.type_descriptor(JSONB())
        return dialect.type_descriptor(JSON())


def one_of(column: str, values: Iterable[str]) -> str:
    """Return the SQL that a column has one of these values."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def is_digest(column: str) -> str:
    """Return the SQL that a column has a SHA-256 digest with its prefix."""
    return f"substr({column}, 1, 7) = 'sha256:' AND length({column}) = 71"


def among(column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition with its values written out.

    SQLite takes an index of some rows only for a query whose text says that it wants those.
    """
    literals: list[ColumnElement[str]] = [literal_column(repr(value)) for value in values]
    return column == literals[0] if len(literals) == 1 else column.in_(literals)


def rows_where(
    name: str, *columns: ColumnElement[Any], condition: str, unique: bool = False
) -> Index:
    """Return an index of the rows for which a condition holds."""
    where = text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)
