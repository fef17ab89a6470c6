"""Transactions: as a whole or not at all, and what was read is still true at commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from server.database import connect, transaction

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "app.sqlite3"
    with connect(path) as connection:
        connection.execute("CREATE TABLE counters (value INTEGER NOT NULL)")
        connection.execute("INSERT INTO counters VALUES (0)")
    return path


def _value(path: Path) -> int:
    with connect(path) as connection:
        return int(connection.execute("SELECT value FROM counters").fetchone()["value"])


def _add(path: Path, amount: int) -> None:
    with connect(path) as connection, transaction(connection):
        value = connection.execute("SELECT value FROM counters").fetchone()["value"]
        connection.execute("UPDATE counters SET value = ?", (value + amount,))
        if amount < 0:
            raise ValueError(amount)


def test_no_update_is_lost_between_reading_and_writing(database: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _add(database, 1), range(64)))
    assert _value(database) == 64


def test_an_exception_undoes_the_transaction(database: Path) -> None:
    with pytest.raises(ValueError, match="-1"):
        _add(database, -1)
    assert _value(database) == 0
