"""What the rows say against what the log says of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import case, func, select

from xtask.digest import sha256
from xtask.records import rules, tables
from xtask.records.chain import fact
from xtask.records.connection import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, RowMapping, Table

_WITH_STATUS = (("build", tables.builds), ("release", tables.releases))
_SAID = ("from_status", "to_status", "actor", "at", "detail", "facts")
# By subject: which column is the moment of which event, and which is that of the end.
_BEGINNINGS = {
    "build": {"started_at": "running"},
    "release": {"deployed_at": "deploying", "activated_at": "active"},
}
_END = {"build": "finished_at", "release": "ended_at"}
_ENDED = {*rules.FINISHED, *rules.ENDED}


class Contradiction(NamedTuple):
    """A row by its table and id, and what is wrong with it."""

    table: str
    id: str
    says: str


class Audit(Database):
    """Every row is what the events made it: status, who, why, when, and what never changes."""

    __slots__ = ()

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield each row that the log knows otherwise, or does not know."""
        with self.reading() as connection:
            for subject, table in _WITH_STATUS:
                yield from _of_subject(connection, subject, table)
            yield from _of_holds(connection)
            yield from _of_approvals(connection)
            yield from _of_configurations(connection)
            yield from _without_rows(connection)


def _of_subject(connection: Connection, subject: str, table: Table) -> Iterator[Contradiction]:
    events = tables.events.c
    moments = {
        column: func.max(case((events.to_status == status, events.at))).label(f"_{column}")
        for column, status in _BEGINNINGS[subject].items()
    }
    last = (
        select(events.subject_id, func.max(events.id).label("id"), *moments.values())
        .where(events.subject == subject)
        .group_by(events.subject_id)
        .subquery()
    )
    said = (events[name].label(f"_{name}") for name in _SAID)
    query = (
        select(table, *said, *(last.c[f"_{column}"] for column in moments))
        .select_from(table)
        .outerjoin(last, last.c.subject_id == table.c.id)
        .outerjoin(tables.events, events.id == last.c.id)
        .order_by(table.c.id)
    )
    for row in connection.execute(query.execution_options(yield_per=1000)).mappings():
        if wrong := next(_wrong(subject, row), None):
            yield Contradiction(table.name, row["id"], wrong)


def _wrong(subject: str, row: RowMapping) -> Iterator[str]:
    """Yield what the last event of a row, and those that began something, say otherwise."""
    if row["_to_status"] is None:
        yield "the log has never heard of it"
    if row["_to_status"] != row["status"]:
        yield f"it is {row['status']}, and the log left it {row['_to_status']}"
    if not _has_facts(row, row["_facts"]):
        yield "it is not what the log says it was asked for"
    if (row["updated_by"], row["updated_at"]) != (row["_actor"], row["_at"]):
        yield f"the log says that {row['_actor']} changed it last, at {row['_at']}"
    ended, is_first = row["status"] in _ENDED, row["_from_status"] is None
    # A build that runs may have been cancelled, of which its end will tell.
    if not is_first and (ended or subject == "release") and row["error"] != row["_detail"]:
        yield "the log has another reason for what became of it"
    at = {_END[subject]: row["_at"] if ended else None}
    if not (is_first and ended):  # else it is older than the log
        at |= {column: row[f"_{column}"] for column in _BEGINNINGS[subject]}
    for column, moment in at.items():
        if row[column] != moment:
            yield f"its {column} is {row[column]}, and the log has {moment}"


def _has_facts(row: RowMapping, facts: str | None) -> bool:
    """Return whether a row has what an event vouches for; one of an old version has less."""
    known = json.loads(facts) if facts is not None else {}
    return all(fact(row, name) == value for name, value in known.items())


def _of_holds(connection: Connection) -> Iterator[Contradiction]:
    events, holds = tables.events.c, tables.holds
    query = select(tables.events).where(events.subject == "hold").order_by(events.id)
    said = {event["subject_id"]: event for event in connection.execute(query).mappings()}
    for row in connection.execute(select(holds).order_by(holds.c.id)).mappings():
        event = said.get(row["id"])
        status = event["to_status"] if event else None
        now = "placed" if row["lifted_at"] is None else "lifted"
        end = row["lifted_by"], row["lifted_at"], row["lifted_reason"]
        if event is None or status != now:
            yield Contradiction("holds", row["id"], f"it is {now}, and the log says {status}")
        elif not _has_facts(row, event["facts"]) or (
            now == "lifted" and end != (event["actor"], event["at"], event["detail"])
        ):
            yield Contradiction("holds", row["id"], "it is not what the log says it was")


def _of_approvals(connection: Connection) -> Iterator[Contradiction]:
    events, approvals = tables.events.c, tables.approvals.c
    rows = select(approvals.release_id, approvals.actor, approvals.at, approvals.reason)
    said = select(events.subject_id, events.actor, events.at, events.detail).where(
        events.subject == "approval"
    )
    given = {tuple(row) for row in connection.execute(rows)}
    known = {tuple(row) for row in connection.execute(said)}
    for release_id, actor, *_ in sorted(given - known):
        yield Contradiction("approvals", release_id, f"the log knows no such yes of {actor}")
    for release_id, actor, *_ in sorted(known - given):
        yield Contradiction("approvals", release_id, f"the yes of {actor} is gone or changed")


def _of_configurations(connection: Connection) -> Iterator[Contradiction]:
    for digest, content in connection.execute(select(tables.configurations)):
        if sha256(content.encode()) != digest:
            yield Contradiction("configurations", digest, "it is not the content of its digest")


def _without_rows(connection: Connection) -> Iterator[Contradiction]:
    """Yield what the log tells of and no table has any more."""
    events = tables.events.c
    for subject, table in (*_WITH_STATUS, ("hold", tables.holds)):
        query = (
            select(events.subject_id)
            .distinct()
            .outerjoin(table, table.c.id == events.subject_id)
            .where(events.subject == subject, table.c.id.is_(None))
            .order_by(events.subject_id)
        )
        for found in connection.execute(query).scalars():
            yield Contradiction(table.name, found, "the log tells of it, and it is gone")
