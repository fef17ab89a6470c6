"""The one embedded database as its own driver reaches it, whoever writes through it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from xtask.errors import UsageError

if TYPE_CHECKING:
    import sqlite3

_PAUSE_MS = 10
_OLDEST = (3, 35)
"""The first version with RETURNING."""


def prepare(connection: sqlite3.Connection, patience: float) -> None:
    """Make a new connection one that may write: explicit transactions, every commit durable.

    Args:
        connection: one that was just opened.
        patience: seconds to wait for a lock that another process holds.

    Raises:
        UsageError: this Python's SQLite is too old.
    """
    _require_version()
    # The driver's implicit transactions begin too late; SQLAlchemy's begin event does it instead.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {round(patience * 1000)}",
        "synchronous = FULL",
        "foreign_keys = ON",
        # So that INSERT OR REPLACE fires the triggers that refuse a deletion.
        "recursive_triggers = ON",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")
    _enter_wal(connection, round(patience * 1000) // _PAUSE_MS)


def _require_version() -> None:
    import sqlite3  # noqa: PLC0415 - start-up

    if sqlite3.sqlite_version_info < _OLDEST:
        raise UsageError(
            f"this Python has SQLite {sqlite3.sqlite_version}, which cannot return what it changed",
            help="take a Python with SQLite 3.35 (2021) or newer",
        )


def _enter_wal(connection: sqlite3.Connection, retries: int) -> None:
    # The one statement that SQLite refuses at once, whatever the busy timeout, when another
    # process opens a new database at the same moment.
    import sqlite3  # noqa: PLC0415 - start-up

    for left in range(retries, -1, -1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not (left and is_locked(error)):
                raise
            time.sleep(_PAUSE_MS / 1000)
        else:
            return


def is_locked(error: BaseException | None) -> bool:
    """Return whether an error of the driver means that another process holds a lock."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
