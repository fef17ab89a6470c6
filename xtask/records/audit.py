"""What the rows say against what the log says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from xtask.digest import canonical_json
from xtask.records import tables
from xtask.records.chain import fact_columns
from xtask.records.connection import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, RowMapping, Table

_WITH_STATUS = (("build", tables.builds), ("release", tables.releases))


class Contradiction(NamedTuple):
    """A row by its table and id, and what is wrong with it."""

    table: str
    id: str
    says: str


class Audit(Database):
    """Every row is what the events made it: its status, and what never changes about it."""

    __slots__ = ()

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield each row that the log knows otherwise, or does not know."""
        with self.reading() as connection:
            for subject, table in _WITH_STATUS:
                yield from _of_subject(connection, subject, table)
            yield from _of_holds(connection)
            yield from _of_approvals(connection)
            yield from _without_rows(connection)


def _of_subject(connection: Connection, subject: str, table: Table) -> Iterator[Contradiction]:
    events = tables.events.c
    last = (
        select(events.subject_id, func.max(events.id).label("id"))
        .where(events.subject == subject)
        .group_by(events.subject_id)
        .subquery()
    )
    query = (
        select(table, events.to_status.label("_to"), events.facts.label("_facts"))
        .select_from(table)
        .outerjoin(last, last.c.subject_id == table.c.id)
        .outerjoin(tables.events, events.id == last.c.id)
        .order_by(table.c.id)
    )
    for row in connection.execute(query.execution_options(yield_per=1000)).mappings():
        if wrong := _wrong(subject, row):
            yield Contradiction(table.name, row["id"], wrong)


def _wrong(subject: str, values: RowMapping) -> str | None:
    said = values["_to"]
    if said is None:
        return "the log has never heard of it"
    if said != values["status"]:
        return f"it is {values['status']}, and the log left it {said}"
    facts = {name: values[name] for name in fact_columns(subject, said)}
    if values["_facts"] is not None and canonical_json(facts).decode() != values["_facts"]:
        return "it is not what the log says it was asked for"
    return None


def _of_holds(connection: Connection) -> Iterator[Contradiction]:
    events, holds = tables.events.c, tables.holds
    said = dict[str, tuple[str, str | None]]()
    query = (
        select(events.subject_id, events.to_status, events.facts)
        .where(events.subject == "hold")
        .order_by(events.id)
    )
    for event in connection.execute(query):
        said[event.subject_id] = (event.to_status, event.facts)
    for row in connection.execute(select(holds).order_by(holds.c.id)).mappings():
        status, facts = said.get(row["id"], (None, None))
        now = "placed" if row["lifted_at"] is None else "lifted"
        known = {name: row[name] for name in fact_columns("hold", now)}
        if status != now:
            yield Contradiction("holds", row["id"], f"it is {now}, and the log says {status}")
        elif facts is not None and canonical_json(known).decode() != facts:
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
