"""Builds of an embedded database, written with its own driver.

Importing SQLAlchemy takes longer than all the rest of a build of one changed module. Only ever a
shortcut to the store, for a new database and the rows of builds: the rules are those of `attempts`
and of the schema's constraints and triggers, and whatever is in doubt is left to the store.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from xtask.records import chain, refusals, schema
from xtask.records.attempts import Attempts
from xtask.records.driver import is_locked, prepare
from xtask.records.lookup import DOCUMENTS, decoded, has_schema
from xtask.records.values import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

    from xtask.records.values import Build

_ONE = "SELECT * FROM builds WHERE id = ?"
_LIVE = (
    "SELECT * FROM builds WHERE manifest_hash = ? AND status IN ('queued', 'running', 'succeeded')"
)
_EXHUME = "DELETE FROM tombstones WHERE manifest_hash = ?"
_LAST = (
    "SELECT * FROM builds WHERE status = 'succeeded'"
    " ORDER BY finished_at DESC, created_at DESC, id DESC LIMIT 1"
)

_LINE = (
    "INSERT INTO build_lines (build_id, number, at, line)"
    " SELECT ?, coalesce(max(number), 0) + 1, ?, ? FROM build_lines WHERE build_id = ?"
)


class DirectBuilds(Attempts):
    """Attempts to make bundles in one embedded database; a context manager that closes itself."""

    __slots__ = ("_connection", "_file", "new_id", "now")

    def __init__(
        self,
        connection: sqlite3.Connection,
        file: Path,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._connection = connection
        self._file = file
        self.now = now
        self.new_id = new_id

    @contextlib.contextmanager
    def build_rows(self, *, durable: bool = True) -> Iterator[_Rows]:
        """Hold one transaction; see `Attempts`."""
        synchronous = "FULL" if durable else "NORMAL"
        with _refusals(self._file):
            self._connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Rows(self._connection, self.now)
                chain.seal(_Transaction(self._connection), serialise=False)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Give the connection back; the database becomes one file again."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Transaction(NamedTuple):
    """What is sealed at its end; see `chain.Transaction`."""

    connection: sqlite3.Connection

    def rows(self, statement: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        return self.connection.execute(statement, values).fetchall()

    def each(self, statement: str, values: Sequence[Mapping[str, Any]]) -> None:
        self.connection.executemany(statement, values)


class _Rows:
    """The rows of builds in a transaction of the driver's."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now

    @cached_property
    def moment(self) -> datetime:
        return self._now()

    def one(self, build_id: str) -> Build:
        build = self._first(_ONE, build_id)
        if build is None:
            raise refusals.unknown(build_id)
        return build

    def live(self, manifest_hash: str) -> Build | None:
        return self._first(_LIVE, manifest_hash)

    def last_succeeded(self) -> Build | None:
        return self._first(_LAST)

    def insert(self, row: Mapping[str, Any]) -> Build:
        names, places = ", ".join(row), ", ".join("?" * len(row))
        statement = f"INSERT INTO builds ({names}) VALUES ({places})"  # noqa: S608 - our own names
        return self._changed(statement, _encoded(row))

    def exhume(self, manifest_hash: str) -> None:
        self._connection.execute(_EXHUME, (manifest_hash,))

    def change(self, build_id: str, **columns: Any) -> Build:  # noqa: ANN401 - columns
        settings = ", ".join(f"{name} = ?" for name in columns)
        statement = f"UPDATE builds SET {settings} WHERE id = ?"  # noqa: S608 - our own names
        return self._changed(statement, [*_encoded(columns), build_id])

    def say(self, build_id: str, lines: Sequence[str]) -> None:
        at = timestamp(self.moment)
        self._connection.executemany(_LINE, [(build_id, at, line, build_id) for line in lines])

    def _first(self, query: str, *values: str) -> Build | None:
        row = self._connection.execute(query, values).fetchone()
        return decoded(row) if row else None

    def _changed(self, statement: str, values: list[Any]) -> Build:
        # All rows are fetched: the statement has ended when the transaction does.
        (row,) = self._connection.execute(f"{statement} RETURNING *", values).fetchall()
        return decoded(row)


def open_direct(
    file: Path,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], UUID],
    patience: float = 30.0,
) -> DirectBuilds | None:
    """Return the builds of an embedded database that has this version's schema.

    None stands for every doubt: no such folder, another schema, locked, damaged.

    Args:
        file: the database, which is made if it is not there.
        now: the clock.
        new_id: gives a UUID that was never given before.
        patience: seconds to wait for a lock that another process holds.
    """
    try:
        connection = sqlite3.connect(file, timeout=patience)
    except sqlite3.Error:
        return None
    try:
        prepare(connection, patience)
        connection.row_factory = sqlite3.Row
        _create_schema(connection)
        if has_schema(connection):
            return DirectBuilds(connection, file, now=now, new_id=new_id)
    except sqlite3.Error:
        pass
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def _create_schema(connection: sqlite3.Connection) -> None:
    """Give an empty database this version's schema; nobody else does so meanwhile."""
    if not connection.execute(schema.IS_EMPTY).fetchone()[0]:
        return
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute(schema.IS_EMPTY).fetchone()[0]:
        for statement in schema.statements():
            connection.execute(statement)
    connection.execute("COMMIT")


def _encoded(row: Mapping[str, Any]) -> list[Any]:
    """Return the values of columns as SQLAlchemy writes them too."""
    return [json.dumps(value) if name in DOCUMENTS else value for name, value in row.items()]


@contextlib.contextmanager
def _refusals(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise refusals.refused(str(error)) from error
    except sqlite3.Error as error:
        where = f"sqlite:///{file}"
        if is_locked(error):
            raise refusals.held(where) from error
        raise refusals.silent(str(error), where) from error
