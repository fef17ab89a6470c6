"""The database as modules of other platforms know it: an asynchronous session, raw SQL, rows.

The names and what they do are those of SQLAlchemy's asyncio extension, as far as raw SQL goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

if TYPE_CHECKING:
    import sqlite3

Parameters = Mapping[str, object] | Sequence[Mapping[str, object]]
"""Values of `:name` in a statement; of a sequence the statement runs once for each."""

R = TypeVar("R")

# What surely writes nothing needs no lock. Comments may come first.
_READS = re.compile(
    r"(?>\s+|--[^\n]*|/\*.*?\*/)*+(?:SELECT|VALUES|EXPLAIN|PRAGMA)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class TextClause:
    """A statement of raw SQL, with `:name` where a value belongs."""

    text: str


def may_write(sql: str) -> bool:
    """Say whether a statement is not one that surely only reads."""
    return not _READS.match(sql)


def text(sql: str) -> TextClause:
    """Return a statement of raw SQL, with `:name` where a value belongs."""
    return TextClause(sql)


class Row(tuple[Any, ...]):  # noqa: SLOT001 - a tuple of any length cannot have slots
    """One row: its values in order, by attribute, and as a mapping (`_mapping`)."""

    _columns: tuple[str, ...]

    @classmethod
    def of(cls, columns: tuple[str, ...], values: Sequence[Any]) -> Row:
        """Return a row of these columns."""
        row = cls(values)
        row._columns = columns
        return row

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever SQLite holds
        try:
            return self[self._columns.index(name)]
        except ValueError:
            raise AttributeError(f"there is no column {name!r} in this row") from None

    @property
    def _mapping(self) -> dict[str, Any]:
        return dict(zip(self._columns, self, strict=True))


class Result(Generic[R]):
    """What a statement returned; each of its rows is handed out once."""

    def __init__(self, rows: Sequence[R], rowcount: int = -1, lastrowid: int | None = None) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount
        self.lastrowid = lastrowid

    def __iter__(self) -> Iterator[R]:
        return self._rows

    def all(self) -> list[R]:
        """Return the rows that are left."""
        return list(self._rows)

    def fetchall(self) -> list[R]:
        """Return the rows that are left."""
        return self.all()

    def fetchone(self) -> R | None:
        """Return the next row, None after the last."""
        return next(self._rows, None)

    def first(self) -> R | None:
        """Return the first row, None when there is none; the others are let go."""
        rows, self._rows = self._rows, iter(())
        return next(rows, None)

    def one_or_none(self) -> R | None:
        """Return the only row, None when there is none.

        Raises:
            LookupError: there are several.
        """
        rows = self.all()
        if len(rows) > 1:
            raise LookupError(f"one row was expected, and there are {len(rows)}")
        return rows[0] if rows else None

    def one(self) -> R:
        """Return the only row.

        Raises:
            LookupError: there is none, or there are several.
        """
        row = self.one_or_none()
        if row is None:
            raise LookupError("one row was expected, and there is none")
        return row

    def mappings(self: Result[Row]) -> Result[dict[str, Any]]:
        """Return the rows as tables of column and value."""
        return Result([row._mapping for row in self._rows], self.rowcount, self.lastrowid)  # noqa: SLF001

    def scalars(self: Result[Row]) -> Result[Any]:
        """Return the first value of each row."""
        return Result([row[0] for row in self._rows], self.rowcount, self.lastrowid)

    def scalar(self: Result[Row]) -> Any:  # noqa: ANN401 - whatever SQLite holds
        """Return the first value of the first row, None when there is no row."""
        return self.scalars().first()

    def scalar_one(self: Result[Row]) -> Any:  # noqa: ANN401
        """Return the first value of the only row.

        Raises:
            LookupError: there is no row, or there are several.
        """
        return self.one()[0]

    def scalar_one_or_none(self: Result[Row]) -> Any:  # noqa: ANN401
        """Return the first value of the only row, None when there is none.

        Raises:
            LookupError: there are several.
        """
        return self.scalars().one_or_none()


class AsyncSession:
    """The connection of one unit of work; statements run on other threads, one after the other.

    The first statement that may write begins a transaction, with the write lock. It ends with
    `commit`, `rollback`, or the unit of work, which commits unless an exception leaves it. Inside
    a transaction that somebody else began, such as the one in which an event is published, the
    session's statements are part of that one.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._began = False

    async def execute(
        self, statement: TextClause, parameters: Parameters | None = None
    ) -> Result[Row]:
        """Run a statement, which `text` made: the one here, or SQLAlchemy's.

        Raises:
            TypeError: it is something else.
            sqlite3.Error: SQLite refuses it.
        """
        sql = getattr(statement, "text", None)
        if not isinstance(sql, str):
            raise TypeError(f"write text(...) around the statement, not {type(statement).__name__}")
        return await run_in_threadpool(self._execute, sql, parameters or {})

    async def scalar(self, statement: TextClause, parameters: Parameters | None = None) -> Any:  # noqa: ANN401
        """Run a statement and return the first value of its first row, None without a row."""
        return (await self.execute(statement, parameters)).scalar()

    async def commit(self) -> None:
        """Keep what was written; in somebody else's transaction that one decides."""
        await run_in_threadpool(self.end)

    async def rollback(self) -> None:
        """Undo what was written since the session's transaction began.

        Raises:
            RuntimeError: the transaction is somebody else's; an exception undoes it.
        """
        if self._connection.in_transaction and not self._began:
            raise RuntimeError("raise an exception to undo a transaction that another one began")
        await run_in_threadpool(self._undo)

    def end(self) -> None:
        """Commit the transaction that this session began, if it did."""
        if self._began:
            self._connection.commit()
            self._began = False

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Commit what the session begins inside, or undo it when an exception leaves."""
        if self._began:
            yield
            return
        try:
            yield
        except BaseException:
            self._undo()
            raise
        self.end()

    def _undo(self) -> None:
        if self._began:
            self._began = False
            self._connection.rollback()

    def _execute(self, sql: str, parameters: Parameters) -> Result[Row]:
        if not self._connection.in_transaction and may_write(sql):
            self._connection.execute("BEGIN IMMEDIATE")
            self._began = True
        if isinstance(parameters, Mapping):
            cursor = self._connection.execute(sql, _stored(parameters))
        else:
            cursor = self._connection.executemany(sql, map(_stored, parameters))
        columns = tuple(column[0] for column in cursor.description or ())
        rows = [Row.of(columns, tuple(row)) for row in cursor.fetchall()]
        return Result(rows, cursor.rowcount, cursor.lastrowid)


def _stored(parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return parameters as SQLite stores them: moments as text in ISO 8601."""
    return {
        name: value.isoformat(" ")
        if isinstance(value, datetime)
        else value.isoformat()
        if isinstance(value, date)
        else value
        for name, value in parameters.items()
    }
