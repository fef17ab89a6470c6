"""The one SQLite database: how it is opened, and what a transaction is."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_SECONDS = 5.0


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for one request, job or start; rows read by column name.

    Statements outside `transaction` commit by themselves.

    Raises:
        sqlite3.OperationalError: the file cannot be opened.
    """
    # A request's dependencies and its endpoint may run on different threads, one after the other.
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    with closing(connection):
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what happens inside, or nothing of it when an exception leaves.

    The write lock is taken at the start, so that what was read inside is still true at commit.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
