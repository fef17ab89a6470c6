"""The product's database, for modules of the BMC Hub, which work on it directly.

with get_db_connection() as connection:          SQLite; what is written is committed at the end
execute_query("SELECT … WHERE id = ?", (1,))     rows as tables of column and value
check_module_table_exists("invoices_issued")     whether there is a table
execute_module_migration("invoices", "CREATE …") runs SQL once for a database
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from server.context import served
from server.migrations import Migration, migrate

__all__ = [
    "check_module_table_exists",
    "execute_module_migration",
    "execute_query",
    "get_db_connection",
]


@contextmanager
def get_db_connection() -> Iterator[sqlite3.Connection]:
    """Open the database; rows read by column name.

    What is written inside is committed at the end, or undone when an exception leaves.

    Raises:
        LookupError: no product runs in this process.
    """
    with served().work() as context:
        context.connection.isolation_level = "IMMEDIATE"  # begin before the first write
        with context.connection:
            yield context.connection


def execute_query(query: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
    """Run one statement with `?` where a value belongs, and return its rows; writes are kept."""
    with get_db_connection() as connection:
        return [dict(row) for row in connection.execute(query, tuple(params)).fetchall()]


def check_module_table_exists(table_name: str) -> bool:
    """Say whether the database has a table."""
    known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return bool(execute_query(known, (table_name,)))


def execute_module_migration(module_name: str, migration_sql: str) -> bool:
    """Run SQL unless this database has had it, and say whether it did.

    Files in `migrations/` are not for this: the host runs them when the product starts.

    Raises:
        MigrationError: the SQL is wrong; nothing of it stays.
    """
    name = hashlib.sha256(migration_sql.encode()).hexdigest()[:16]
    with served().work() as context:
        step = Migration(module_name, name, migration_sql)
        return bool(migrate(context.connection, (step,), context.now))
