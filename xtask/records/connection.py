"""Reaching the database: one engine per process, explicit transactions, refusals as sentences.

SQLite and PostgreSQL both lose updates as they come (a deferred BEGIN, READ COMMITTED). Here a
writing transaction starts with BEGIN IMMEDIATE on SQLite, and locks the environment's row first
on PostgreSQL.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, exc, inspect, make_url

from xtask.errors import RefusedError, UsageError
from xtask.files import require_writable
from xtask.records import SCHEMA, refusals
from xtask.records.driver import is_locked
from xtask.records.embedded import empty_engine, reading_engine, writing_engine
from xtask.records.migrations import migrate
from xtask.records.sealing import seal
from xtask.records.values import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from sqlalchemy import URL, Connection, Engine

# lock_not_available and deadlock_detected, PostgreSQL's documentation, appendix A.
_LOCKED_STATES = ("55P03", "40P01")
_URL_HELP = "write sqlite:///releases/records.sqlite3 or postgresql://user@host/database"


class Database:
    """An engine with the clock and the source of ids that its writers use.

    Without a clock of its own, time is the server's, so that the leases of many machines agree;
    an embedded database has one machine, and that machine's.
    """

    __slots__ = ("engine", "new_id", "now")

    def __init__(
        self, engine: Engine, *, now: Callable[[], datetime] | None, new_id: Callable[[], UUID]
    ) -> None:
        self.engine = engine
        self.now = now
        self.new_id = new_id

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold one transaction that only reads, blocks nobody, and sees one moment."""
        engine = self.engine.execution_options(read_only=True)
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with _refusals(self.engine), engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hold one transaction that happens whole or not at all.

        Raises:
            RefusedError: a constraint forbids it, or another process holds the lock for too long.
            XtaskError: the database does not answer.
        """
        with _refusals(self.engine), self.engine.begin() as connection:
            yield connection
            seal(connection)

    def moment(self, connection: Connection) -> datetime:
        """Return the time by the clock that all writers share."""
        if self.now is not None:
            return self.now()
        if connection.dialect.name == "sqlite":
            return datetime.now(UTC)
        found: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return found

    def present(self) -> datetime:
        """Return the time by that clock, outside of any transaction."""
        with self.reading() as connection:
            return self.moment(connection)

    def timestamp(self, connection: Connection) -> str:
        """Return the present moment as the records write it."""
        return timestamp(self.moment(connection))


def connect(url: str, *, patience: float, upgrade: bool | None = None) -> Engine:
    """Return the engine of a records database that has this version's schema.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
        patience: seconds to wait for a lock that another process holds.
        upgrade: create or migrate the schema; by default only an embedded (SQLite) one.

    Raises:
        UsageError: another kind of URL, a driver that is not installed, a folder without access.
        RefusedError: the database is newer than this version, or has to be migrated first.
        XtaskError: the database does not answer.
    """
    address = _address(url)
    file = _file(address)
    if file:
        require_writable(file.parent)
        engine = writing_engine(address, patience)
    else:
        engine = _server(address, f"SET lock_timeout = {round(patience * 1000)}")
    with _disposing(engine):
        _require_schema(engine, upgrade=file is not None if upgrade is None else upgrade)
    return engine


def connect_to_read(url: str, *, patience: float) -> Engine:
    """Return the engine of a records database that is read as it is: no file is no rows.

    Raises:
        UsageError: another kind of URL, a driver that is not installed, a file without access.
        RefusedError: the database is newer than this version, or has to be migrated first.
        XtaskError: the database does not answer.
    """
    address = _address(url)
    file = _file(address)
    if file and not _exists(file):
        return empty_engine()
    if file:
        engine = reading_engine(address, file, patience)
    else:
        engine = _server(address, "SET default_transaction_read_only = on")
    with _disposing(engine):
        if file and _revision(engine) is None:
            # Somebody creates it at this moment.
            engine.dispose()
            return empty_engine()
        _require_schema(engine, upgrade=False)
    return engine


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except exc.ArgumentError as error:
        raise UsageError("the records database has no valid URL", help=_URL_HELP) from error
    if address.get_backend_name() not in {"sqlite", "postgresql"}:
        raise UsageError(f"records cannot live in {address.get_backend_name()}", help=_URL_HELP)
    return address


def _file(address: URL) -> Path | None:
    """Return the file of an embedded database, None for a server."""
    if address.get_backend_name() != "sqlite":
        return None
    if not address.database or address.database == ":memory:":
        raise UsageError("records in memory would be lost", help=_URL_HELP)
    return Path(address.database)


def _exists(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UsageError(
            f"cannot read {file}: {error.strerror}", help="check the owner and mode of the folder"
        ) from error
    return True


def _server(address: URL, setting: str) -> Engine:
    try:
        engine = create_engine(address.set(drivername="postgresql+psycopg"))
    except ModuleNotFoundError as error:
        raise UsageError(
            "records in PostgreSQL need the psycopg driver",
            help="pip install 'psycopg[binary]'",
        ) from error
    event.listen(engine, "connect", lambda connection, _: _set(connection, setting))
    return engine


def _set(connection: Any, setting: str) -> None:  # noqa: ANN401 - the driver's own type
    connection.execute(setting)
    connection.commit()


@contextlib.contextmanager
def _disposing(engine: Engine) -> Iterator[None]:
    """Name what goes wrong on the way to an engine, and give its connections back."""
    try:
        with _refusals(engine):
            yield
    except BaseException:
        engine.dispose()
        raise


def _require_schema(engine: Engine, *, upgrade: bool) -> None:
    found = _revision(engine)
    if found is not None and found > SCHEMA:
        raise RefusedError(
            f"the records were written by a newer xtask (schema {found}, known: {SCHEMA})",
            help="update xtask; an older one must not touch them",
        )
    if found == SCHEMA:
        return
    if not upgrade:
        raise RefusedError(
            f"the records have schema {found or 'none'}, this xtask needs {SCHEMA}",
            help="run `xtask migrate`",
        )
    migrate(engine)


def _revision(engine: Engine) -> str | None:
    with engine.execution_options(read_only=True).begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


@contextlib.contextmanager
def _refusals(engine: Engine) -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        raise refusals.refused(_message(error)) from error
    except exc.DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        if _is_locked(error.orig):
            raise refusals.held(where) from error
        raise refusals.silent(_message(error), where) from error


def _message(error: exc.DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


def _is_locked(error: BaseException | None) -> bool:
    state = getattr(error, "sqlstate", "") or ""
    return is_locked(error) or state in _LOCKED_STATES
