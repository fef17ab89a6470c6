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
    from importlib.resources.abc import Traversable

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
    """One step of a module's schema, and the file with the SQL that undoes it."""

    module: str
    name: str
    sql: str
    down: Traversable | None = None

    @property
    def key(self) -> str:
        """What people call it."""
        return f"{self.module}/{self.name}"

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
            files(module.package).joinpath(step.down),
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
    there = applied(connection)
    for migration in migrations:
        if there.get(migration.key, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"{migration.key} was changed after it was applied;"
                " restore the file and add a new migration"
            )
    return tuple(step for step in migrations if step.key not in there)


def require_applied(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Raise MigrationError when the database lacks one, or has another one under its name."""
    if missing := pending(connection, migrations):
        named = ", ".join(step.key for step in missing)
        raise MigrationError(f"the database was not migrated for this release: it lacks {named}")


def applied(connection: sqlite3.Connection) -> dict[str, str]:
    """Return what the database has: the digest of each migration by MODULE/NAME."""
    name = ("module_migrations",)
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", name).fetchone():
        return {}
    rows = connection.execute("SELECT module, name, sha256 FROM module_migrations")
    return {f"{row['module']}/{row['name']}": row["sha256"] for row in rows}


def run(connection: sqlite3.Connection, migration: Migration, sql: str) -> None:
    """Execute the SQL of a migration, there or back.

    Raises:
        MigrationError: it is wrong.
    """
    try:
        for statement in _statements(sql):
            connection.execute(statement)
    except sqlite3.Error as error:
        raise MigrationError(f"{migration.key}: {error}") from error


def _apply(connection: sqlite3.Connection, migration: Migration, now: datetime) -> None:
    run(connection, migration, migration.sql)
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
