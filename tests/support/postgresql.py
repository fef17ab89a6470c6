"""Schemas of a PostgreSQL server, each migrated once and emptied between its users."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from xtask.records import SCHEMA, triggers
from xtask.records.store import migrate_records
from xtask.records.tables import metadata


class Schemas:
    """Hands out schemas without rows; whoever has one may do with it what they want.

    Migrating takes a second, emptying a hundredth. Triggers refuse that to everybody but a
    superuser who turns them off, which the user of a server for tests is.
    """

    def __init__(self, server: str) -> None:
        self._server = make_url(server).set(drivername="postgresql+psycopg")
        self._engine = create_engine(self._server)
        self._spare: list[str] = []
        self._all: list[str] = []

    def take(self) -> str:
        """Return the name of a migrated schema without rows."""
        return self._spare.pop() if self._spare else self._made()

    def give_back(self, schema: str) -> None:
        """Take a schema that nobody uses any more; one that was damaged is not handed out again."""
        if self._is_whole(schema):
            self.empty(schema)
            self._spare.append(schema)

    def new(self) -> str:
        """Return the name of a schema in which nothing is."""
        schema = f"xtask_{uuid4().hex}"
        self._all.append(schema)
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        return schema

    def address(self, schema: str) -> str:
        """Return the URL of a schema."""
        address = self._server.update_query_dict({"options": f"-csearch_path={schema}"})
        return address.render_as_string(hide_password=False)

    def close(self) -> None:
        """Drop every schema that was handed out."""
        for schema in self._all:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
        self._engine.dispose()

    def _made(self) -> str:
        schema = self.new()
        migrate_records(self.address(schema))
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL search_path = {schema}")
            self._triggers = triggers.installed(connection)
        return schema

    def _is_whole(self, schema: str) -> bool:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL search_path = {schema}")
            if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
                return False
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return version == SCHEMA and triggers.installed(connection) == self._triggers

    def empty(self, schema: str) -> None:
        """Delete every row but those of the schema itself."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL search_path = {schema}")
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table in metadata.tables.values():
                # The allowed transitions are part of the schema.
                if table.name != "transitions":
                    connection.execute(table.delete())
