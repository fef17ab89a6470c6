"""The migrations of all modules, applied in dependency order before the first request."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from server.database import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from server.registry import Module

_TABLE = """
CREATE TABLE IF NOT EXISTS module_migrations (
    module TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    PRIMARY KEY (module, name)
) STRICT
"""


class MigrationError(Exception):
    """A migration cannot be applied, or is not the one that was applied under its name."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a module's schema."""

    module: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The hex digest of the SQL text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(modules: Sequence[Module]) -> tuple[Migration, ...]:
    """Return the migrations of the modules, in the order in which they are applied.

    One is known by its file name, without the suffix `.up.sql` or `.sql`.
    """
    return tuple(
        Migration(
            module.name,
            step.up.rpartition("/")[2].removesuffix(".sql").removesuffix(".up"),
            files(module.package).joinpath(step.up).read_text(encoding="utf-8"),
        )
        for module in modules
        for step in module.migrations
    )


def migrate(
    connection: sqlite3.Connection, migrations: Sequence[Migration], now: datetime
) -> tuple[Migration, ...]:
    """Apply what is missing, all of it or nothing, and return what was applied.

    Migrations in the database that this product does not know are left alone: they belong to a
    newer release which was rolled back.

    Raises:
        MigrationError: an applied migration has changed, or one is wrong SQL.
    """
    with transaction(connection):
        return apply_missing(connection, migrations, now)


def apply_missing(
    connection: sqlite3.Connection, migrations: Sequence[Migration], now: datetime
) -> tuple[Migration, ...]:
    """Do what `migrate` does, in a transaction of the caller's.

    Raises:
        MigrationError: an applied migration has changed, or one is wrong SQL.
    """
    connection.execute(_TABLE)
    missing = pending(connection, migrations)
    for migration in missing:
        _apply(connection, migration, now)
    return missing


def pending(
    connection: sqlite3.Connection, migrations: Sequence[Migration]
) -> tuple[Migration, ...]:
    """Return the migrations that the database does not have yet.

    Raises:
        MigrationError: an applied migration has changed.
    """
    rows = connection.execute("SELECT module, name, sha256 FROM module_migrations")
    applied = {(row["module"], row["name"]): row["sha256"] for row in rows}
    for migration in migrations:
        key = migration.module, migration.name
        if applied.get(key, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"{migration.module}/{migration.name} was changed after it was applied;"
                " restore the file and add a new migration"
            )
    return tuple(step for step in migrations if (step.module, step.name) not in applied)


def _apply(connection: sqlite3.Connection, migration: Migration, now: datetime) -> None:
    try:
        for statement in _statements(migration.sql):
            connection.execute(statement)
    except sqlite3.Error as error:
        raise MigrationError(f"{migration.module}/{migration.name}: {error}") from error
    connection.execute(
        "INSERT INTO module_migrations (module, name, sha256, applied_at) VALUES (?, ?, ?, ?)",
        (migration.module, migration.name, migration.sha256, now.isoformat(timespec="seconds")),
    )


def _statements(sql: str) -> Iterator[str]:
    # `executescript` commits first, which would end the transaction that guards all migrations.
    statement = ""
    for piece in re.findall(r"[^;]*;|[^;]+", sql):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
