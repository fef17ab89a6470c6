"""The events, and what of them others still have to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from xtask.records import tables
from xtask.records.connection import Database
from xtask.records.values import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PAGE = 1000


class Log(Database):
    """Reading the chain; writing it is what every other change does."""

    __slots__ = ()

    def events(self, after: int = 0) -> Iterator[Event]:
        """Yield every event in the order of the chain, those that were never sealed last.

        Args:
            after: the number of the last one that is not wanted.
        """
        columns = tables.events.c
        query = select(tables.events).order_by(columns.seq).limit(_PAGE)
        while True:
            with self.reading() as connection:
                found = [
                    Event(**row)
                    for row in connection.execute(query.where(columns.seq > after)).mappings()
                ]
            yield from found
            if len(found) < _PAGE:
                break
            after = found[-1].seq or after
        unsealed = select(tables.events).where(columns.hash.is_(None)).order_by(columns.id)
        with self.reading() as connection:
            found = [Event(**row) for row in connection.execute(unsealed).mappings()]
        yield from found

    def last_event(self) -> Event | None:
        """Return the end of the chain."""
        columns = tables.events.c
        query = (
            select(tables.events)
            .where(columns.seq.is_not(None))
            .order_by(columns.seq.desc())
            .limit(1)
        )
        with self.reading() as connection:
            row = connection.execute(query).mappings().first()
            return Event(**row) if row else None

    def events_of(self, subject: str, subject_id: str) -> tuple[Event, ...]:
        """Return what happened to one subject, first to last."""
        columns = tables.events.c
        query = (
            select(tables.events)
            .where(columns.subject == subject, columns.subject_id == subject_id)
            .order_by(columns.id)
        )
        with self.reading() as connection:
            return tuple(Event(**row) for row in connection.execute(query).mappings())

    def untold(self, limit: int = 100) -> tuple[Event, ...]:
        """Return the oldest events that others have not been told of."""
        columns = tables.outbox.c
        query = (
            select(tables.events)
            .join(tables.outbox, columns.event_id == tables.events.c.id)
            .where(columns.delivered_at.is_(None))
            .order_by(columns.event_id)
            .limit(limit)
        )
        with self.reading() as connection:
            return tuple(Event(**row) for row in connection.execute(query).mappings())

    def told(self, events: Sequence[Event]) -> None:
        """Record that others know of these events."""
        columns = tables.outbox.c
        ids = [event.id for event in events]
        with self.writing() as connection:
            facts = {"delivered_at": self.timestamp(connection)}
            connection.execute(update(tables.outbox).where(columns.event_id.in_(ids)).values(facts))
