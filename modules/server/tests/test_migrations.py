"""Migrations run once, in order, and as a whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from server.database import connect
from server.migrations import Migration, MigrationError, migrate, pending

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIRST = Migration(
    "base", "0001_parents", "CREATE TABLE parents (id INTEGER PRIMARY KEY, note TEXT);"
)
SECOND = Migration(
    "child",
    "0001_children",
    "-- a; comment\nCREATE TABLE children (p INTEGER REFERENCES parents (id));\n"
    "INSERT INTO parents VALUES (1, 'a;\nb');\nINSERT INTO children VALUES (1)",
)
BROKEN = Migration("child", "0002_broken", "CREATE TABLE extra (id INTEGER);\nNONSENSE;")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with connect(tmp_path / "app.sqlite3") as opened:
        yield opened


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {row["name"] for row in rows}


def test_applies_in_the_given_order_every_statement_of_a_file(
    connection: sqlite3.Connection,
) -> None:
    assert migrate(connection, [FIRST, SECOND], NOW) == (FIRST, SECOND)
    assert connection.execute("SELECT note FROM parents").fetchone()["note"] == "a;\nb"
    assert connection.execute("SELECT count(*) FROM children").fetchone()[0] == 1


def test_several_statements_may_share_a_line(connection: sqlite3.Connection) -> None:
    sql = (
        "CREATE TABLE a (x TEXT); CREATE TABLE b (x TEXT); -- the end; really\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b VALUES ('1;'); DELETE FROM a; END;"
        "INSERT INTO a VALUES (';'); -- done"
    )
    migrate(connection, [Migration("a", "001_initial", sql)], NOW)
    assert [tuple(row) for row in connection.execute("SELECT x FROM b")] == [("1;",)]


def test_a_second_start_applies_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection, [FIRST, SECOND], NOW)
    assert migrate(connection, [FIRST, SECOND], NOW) == ()


def test_one_wrong_migration_leaves_nothing_of_any(connection: sqlite3.Connection) -> None:
    with pytest.raises(MigrationError, match="child/0002_broken"):
        migrate(connection, [FIRST, SECOND, BROKEN], NOW)
    assert _tables(connection) == set()


def test_refuses_a_migration_that_changed_after_it_was_applied(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection, [FIRST], NOW)
    changed = Migration("base", "0001_parents", "CREATE TABLE others (id INTEGER);")
    with pytest.raises(MigrationError, match="was changed after it was applied"):
        migrate(connection, [changed], NOW)


def test_an_older_release_starts_on_the_database_of_a_newer_one(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection, [FIRST, SECOND], NOW)
    assert migrate(connection, [FIRST], NOW) == ()
    assert "children" in _tables(connection)


def test_what_is_missing_is_known_before_it_is_applied(connection: sqlite3.Connection) -> None:
    migrate(connection, [FIRST], NOW)
    assert pending(connection, [FIRST, SECOND]) == (SECOND,)
