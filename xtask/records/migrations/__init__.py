"""The versions of the records' own schema, applied by program: users need no `alembic.ini`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.errors import XtaskError
from xtask.records import schema, triggers
from xtask.records.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine


def migrate(engine: Engine) -> None:
    """Bring the database to this version's schema, all or nothing; one migrator at a time."""
    with engine.connect() as connection, _rebuilding(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            # SQLite's transaction is already exclusive.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('xtask.migrate'))")
        elif connection.exec_driver_sql(schema.IS_EMPTY).scalar():
            for statement in schema.statements():
                connection.exec_driver_sql(statement)
            return
        upgrade(connection)
        seal(connection)
        if connection.dialect.name == "sqlite":
            _require_references(connection)


@contextlib.contextmanager
def _rebuilding(connection: Connection) -> Iterator[None]:
    """Let SQLite take a table away that others refer to, until one of its name is there again.

    It reads these settings outside of transactions only (sqlite.org/lang_altertable.html, 7).
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.dbapi_connection
    assert driver is not None  # noqa: S101 - a connection that is open has one
    driver.execute("PRAGMA foreign_keys = OFF")
    driver.execute("PRAGMA legacy_alter_table = ON")
    try:
        yield
    finally:
        driver.execute("PRAGMA legacy_alter_table = OFF")
        driver.execute("PRAGMA foreign_keys = ON")


def _require_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise XtaskError(
            f"the records refer to a row that is not there: table {broken[0]}, row {broken[1]}",
            help="restore them from a backup: something other than xtask has written to them",
        )


def upgrade(connection: Connection) -> None:
    """Apply the migrations that a database lacks, all of them to an empty one.

    Triggers step aside while they run, since a migration may rebuild or correct what they protect.
    """
    # Alembic costs 100 ms that an up-to-date database does not have to pay.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    triggers.drop(connection)
    command.upgrade(config, "head")
    triggers.install(None, connection)
