"""The schema of a new embedded database, as it is when all migrations were applied.

Running them needs SQLAlchemy and Alembic, which take longer to import than all that a first build
asks of its records. What they give is kept in `schema.sql`, and a test holds both equal.
"""

from __future__ import annotations

from pathlib import Path

IS_EMPTY = "SELECT count(*) = 0 FROM sqlite_master"
"""Asks a database, in the transaction that would create the schema, whether anybody has."""

_FILE = Path(__file__).with_name("schema.sql")


def statements() -> list[str]:
    """Return what creates the schema in an empty database, its allowed transitions, its version."""
    return _FILE.read_text("utf-8").split("\n\n")
