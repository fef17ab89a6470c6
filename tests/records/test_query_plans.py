"""No question that is asked often reads a whole table, however long the records are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from tests.bench.records import ask, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.records.store import Records

_LONG = re.compile(r"\b(?:SCAN|Seq Scan on) (builds|releases|events|outbox|build_lines)\b(.*)")
# SQLite walks an index from its end for the newest rows, and reads only as many as are wanted.
_IN_ORDER = re.compile(r"USING (?:COVERING )?INDEX")

# Indexes of what has not ended, of which there is never much.
_SHORT = re.compile(
    r"USING INDEX (?:one_active_release|one_release_in_flight|releases_pending|events_to_seal)$"
)


@pytest.fixture
def statements(records: Records) -> Iterator[dict[str, Any]]:
    """Every statement that reaches the database, with one set of its parameters."""
    found: dict[str, Any] = {}

    def note(*happened: Any) -> None:
        _, _, statement, parameters, *_ = happened
        if statement.lstrip().startswith(("SELECT", "INSERT INTO outbox", "UPDATE", "DELETE")):
            found.setdefault(statement, parameters)

    event.listen(records.engine, "before_cursor_execute", note)
    yield found
    event.remove(records.engine, "before_cursor_execute", note)


def test_every_question_and_every_change_uses_an_index(
    records: Records, statements: dict[str, Any]
) -> None:
    fill(records, 400, 80)
    statements.clear()
    list(ask(records, 2))
    asked = dict(statements)
    assert len(asked) > 15
    sqlite = records.engine.dialect.name == "sqlite"
    with records.engine.connect() as connection:
        if not sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in asked.items():
            explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
            rows = connection.exec_driver_sql(explain + statement, parameters).all()
            plan = "\n".join(str(row[-1]) for row in rows)
            reads_few = _IN_ORDER if "LIMIT" in statement else _SHORT
            long = [found for found in _LONG.finditer(plan) if not reads_few.search(found[2])]
            assert not long, f"{statement}\n{plan}"
