"""Sealing the log through SQLAlchemy, at the end of whatever transaction has written to it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from xtask.records import chain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


# Parsed once: a release is half a dozen events.
_parsed = cache(text)


def seal(connection: Connection) -> None:
    """Seal the events that the open transaction has written; see `chain.seal`."""

    def execute(statement: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        result = connection.execute(_parsed(statement), values)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []

    chain.seal(execute, serialise=connection.dialect.name == "postgresql")
