"""SQLAlchemy's ORM on the connection of a unit of work, for modules of FastVue.

The host never imports it: a product without such modules starts without SQLAlchemy.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import NullPool, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.schema import CreateIndex, CreateTable

from server.session import may_write

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection


class Base(DeclarativeBase):
    """What models inherit."""


class _Borrowed:
    """The connection of a unit of work, which ends what SQLAlchemy begins and nothing else.

    The first statement that may write begins a transaction, with the write lock; inside one that
    somebody else began, such as that of the start of a product, it sets a savepoint.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ends: tuple[str, ...] = ()
        self._undoes: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what the connection has
        return getattr(self._connection, name)

    def cursor(self) -> sqlite3.Cursor:
        """Return a cursor whose rows are tuples, as SQLAlchemy expects them."""
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor

    def begin_for(self, statement: str) -> None:
        """Begin what has to end, when the statement may write."""
        if self._ends or not may_write(statement):
            return
        if self._connection.in_transaction:
            self._connection.execute("SAVEPOINT orm")
            self._ends, self._undoes = ("RELEASE orm",), ("ROLLBACK TO orm", "RELEASE orm")
        else:
            self._connection.execute("BEGIN IMMEDIATE")
            self._ends, self._undoes = ("COMMIT",), ("ROLLBACK",)

    def commit(self) -> None:
        """Keep what was written, as far as whoever began the transaction does, or undo it."""
        try:
            self._finish(self._ends)
        except BaseException:
            self.rollback()  # SQLAlchemy does it where a pool takes the connection back
            raise

    def rollback(self) -> None:
        """Undo what was written since the last commit; SQLite may have done so by itself."""
        self._finish(self._undoes if self._connection.in_transaction else ())

    def close(self) -> None:
        """Leave the connection open, which is not ours."""

    def _finish(self, statements: tuple[str, ...]) -> None:
        for statement in statements:
            self._connection.execute(statement)
        self._ends = self._undoes = ()


_HANDED_OVER: ContextVar[_Borrowed] = ContextVar("_HANDED_OVER")
# One engine keeps what it has compiled; each of its connections is one that it is handed over.
_ENGINE = create_engine(
    "sqlite://",
    creator=lambda: cast("DBAPIConnection", _HANDED_OVER.get()),
    poolclass=NullPool,
)


@event.listens_for(_ENGINE, "before_cursor_execute")
def _begin(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
    cast("_Borrowed", connection.connection.dbapi_connection).begin_for(statement)


@contextmanager
def session_on(connection: sqlite3.Connection) -> Iterator[Session]:
    """Open a session on a connection; what it has not committed at the end is undone."""
    token = _HANDED_OVER.set(_Borrowed(connection))
    try:
        bound = _ENGINE.connect()
    finally:
        _HANDED_OVER.reset(token)
    with bound, Session(bound) as session:
        yield session


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables of all models that are not there, in the caller's transaction.

    A column that a model has gained since is not added: a hook of the module does that.
    """
    dialect = sqlite.dialect()
    for table in Base.metadata.sorted_tables:
        connection.execute(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)))
