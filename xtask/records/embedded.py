"""Records in one SQLite file: its engines, for who writes and for who only looks."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from xtask.records import SCHEMA
from xtask.records.driver import prepare
from xtask.records.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine

# What SQLite says of a folder or a file system in which it cannot put its two side files.
_UNWRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN")


def writing_engine(address: URL, patience: float) -> Engine:
    """Return an engine whose transactions take the write lock when they begin."""
    engine = create_engine(address)
    event.listen(engine, "connect", lambda connection, _: prepare(connection, patience))
    event.listen(engine, "begin", _begin)
    return engine


def reading_engine(address: URL, file: Path, patience: float) -> Engine:
    """Return an engine that reads a file as it is, and leaves the folder as it was."""
    engine = create_engine(address, creator=partial(_open_to_read, file, patience))
    event.listen(engine, "begin", _begin)
    return engine


def empty_engine() -> Engine:
    """Return an engine of records in memory without any row, where nothing can be written."""
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.exec_driver_sql(f"CREATE TABLE alembic_version AS SELECT '{SCHEMA}' version_num")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    return engine


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _open_to_read(file: Path, patience: float) -> sqlite3.Connection:
    try:
        # Not `ro`, which leaves the side files of the write-ahead log behind.
        return _open(file, "mode=rw", patience)
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith(_UNWRITABLE) or _has_log(file):
            raise
        # Reads without locks: whoever could write would have left a log beside the file.
        return _open(file, "immutable=1", patience)


def _open(file: Path, how: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?{how}",
        uri=True, timeout=patience, isolation_level=None, check_same_thread=False,
    )  # fmt: skip
    try:
        for statement in (
            "PRAGMA query_only = ON",
            "PRAGMA trusted_schema = OFF",
            "SELECT 1 FROM sqlite_master",
        ):
            connection.execute(statement).fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _has_log(file: Path) -> bool:
    log = file.with_name(f"{file.name}-wal")
    return log.exists() and log.stat().st_size > 0
