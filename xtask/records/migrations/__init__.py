"""The versions of the records' own schema, applied by program: users need no `alembic.ini`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xtask.records import schema, triggers

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def migrate(engine: Engine) -> None:
    """Bring the database to this version's schema, all or nothing; one migrator at a time."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # SQLite's transaction is already exclusive.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('xtask.migrate'))")
        elif connection.exec_driver_sql(schema.IS_EMPTY).scalar():
            for statement in schema.statements():
                connection.exec_driver_sql(statement)
            return
        upgrade(connection)


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
