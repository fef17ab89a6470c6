"""The one question of a build without changes, answered before SQLAlchemy could be imported.

Only ever a shortcut: every doubt is None, and the caller asks the store.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING

from xtask.records import SCHEMA
from xtask.records.values import Build

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = ("modules", "modules_delta")
"""The columns of a build that are JSON."""

_SECONDS = 1.0
_SCHEMA_QUERY = "SELECT version_num FROM alembic_version"
# What `gc` has given free counts as gone, whatever may still be there.
_BUILD_QUERY = (
    "SELECT * FROM builds WHERE manifest_hash = :hash AND status = 'succeeded' AND NOT EXISTS"
    " (SELECT 1 FROM tombstones WHERE manifest_hash = :hash AND deleted_at IS NOT NULL)"
)


def recorded(database_file: Path, manifest_hash: str) -> Build | None:
    """Return the succeeded build of a manifest hash from an embedded database, opened read-only.

    None also stands for: removed as not needed, no such file, another schema, locked, damaged.
    """
    if not database_file.is_file():
        return None
    address = f"{database_file.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_SECONDS)) as connection:
            connection.row_factory = sqlite3.Row
            return _find(connection, manifest_hash)
    except (sqlite3.Error, ValueError, LookupError, TypeError):
        return None


def _find(connection: sqlite3.Connection, manifest_hash: str) -> Build | None:
    if not has_schema(connection):
        return None
    row = connection.execute(_BUILD_QUERY, {"hash": manifest_hash}).fetchone()
    return decoded(row) if row else None


def has_schema(connection: sqlite3.Connection) -> bool:
    """Return whether the database has exactly this version's schema."""
    return [tuple(row) for row in connection.execute(_SCHEMA_QUERY)] == [(SCHEMA,)]


def decoded(row: sqlite3.Row) -> Build:
    """Return the build of a row as the driver gives it."""
    documents = {name: json.loads(row[name]) for name in DOCUMENTS}
    return Build.from_row({**dict(row), **documents})
