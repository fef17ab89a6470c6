"""A session: whose transaction it is, and what its results are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from server.database import connect, transaction
from server.session import AsyncSession, Result, Row, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

INSERT = text("INSERT INTO t VALUES (1)")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with connect(tmp_path / "app.sqlite3") as opened:
        opened.execute("CREATE TABLE t (id INTEGER)")
        yield opened


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


@pytest.mark.parametrize(
    ("sql", "locks"),
    [
        ("SELECT 1", False),
        ("  -- note\n/* two; */ select 1", False),
        ("-- SELECT\nDELETE FROM t", True),
        ("/* SELECT */ UPDATE t SET id = 2", True),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", True),
    ],
)
def test_only_what_may_write_takes_the_lock(
    connection: sqlite3.Connection,
    sql: str,
    locks: bool,  # noqa: FBT001
) -> None:
    session = AsyncSession(connection)
    asyncio.run(session.execute(text(sql)))
    assert connection.in_transaction is locks


def test_a_commit_does_not_end_the_transaction_of_another(connection: sqlite3.Connection) -> None:
    session = AsyncSession(connection)

    def write() -> None:
        with transaction(connection):
            asyncio.run(session.execute(INSERT))
            asyncio.run(session.commit())
            assert connection.in_transaction
            with pytest.raises(RuntimeError, match="another one began"):
                asyncio.run(session.rollback())
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write()
    assert _count(connection) == 0


def test_settled_twice_ends_with_the_outer_one(connection: sqlite3.Connection) -> None:
    session = AsyncSession(connection)
    with session.settled():
        asyncio.run(session.execute(INSERT))
        with session.settled():
            asyncio.run(session.execute(INSERT))
        assert connection.in_transaction
    assert not connection.in_transaction
    assert _count(connection) == 2


def test_a_transaction_waits_for_nobody_who_only_reads(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    session = AsyncSession(connection)
    asyncio.run(session.execute(INSERT))
    with connect(tmp_path / "app.sqlite3") as other:
        reading = AsyncSession(other)
        assert asyncio.run(reading.scalar(text("SELECT count(*) FROM t"))) == 0
    asyncio.run(session.commit())
    assert _count(connection) == 1


def test_one_row_means_one() -> None:
    rows = [Row.of(("id",), (1,)), Row.of(("id",), (2,))]
    with pytest.raises(LookupError, match="there are 2"):
        Result(rows).one()
    with pytest.raises(LookupError, match="there is none"):
        Result([]).one()
    assert Result(rows[:1]).one().id == 1
    assert Result(rows[:1]).scalar_one_or_none() == 1
    assert Result[Row]([]).scalar_one_or_none() is None
    result = Result(rows)
    assert (result.first(), result.all()) == ((1,), [])


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="'name'"):
        _ = Row.of(("id",), (1,)).name
