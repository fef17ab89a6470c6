"""Sealing the log through SQLAlchemy, at the end of whatever transaction has written to it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from xtask.records import chain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, RowMapping

# Parsed once.
_parsed = cache(text)


def seal(connection: Connection) -> None:
    """Seal the events that the open transaction has written; see `chain.seal`."""
    chain.seal(_Transaction(connection), serialise=connection.dialect.name == "postgresql")


class _Transaction(NamedTuple):
    connection: Connection

    def rows(self, statement: str, values: Mapping[str, Any]) -> Sequence[RowMapping]:
        result = self.connection.execute(_parsed(statement), values)
        return result.mappings().all() if result.returns_rows else []

    def each(self, statement: str, values: Sequence[Mapping[str, Any]]) -> None:
        self.connection.execute(_parsed(statement), values)
