"""How all environments stand, as one moment of the records has it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select, union_all

from xtask.records import rules, tables
from xtask.records.columns import among
from xtask.records.connection import Database
from xtask.records.environments import names_by_rank
from xtask.records.releases import approvals_of
from xtask.records.values import Hold, Release

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from xtask.records.values import Approval


class Waiting(NamedTuple):
    """A release that waits, and who has agreed with it."""

    release: Release
    approvals: tuple[Approval, ...]


class Situation(NamedTuple):
    """What the records say of an environment: what serves, comes and waits, and what stops it."""

    environment: str
    active: Release | None
    in_flight: Release | None
    waiting: tuple[Waiting, ...]
    hold: Hold | None


class Situations(Database):
    """The question of `status`."""

    __slots__ = ()

    def situations(self) -> tuple[Situation, ...]:
        """Return how every environment stands, by rank and then by name."""
        with self.reading() as connection:
            releases = _standing(connection)
            holds = {hold.environment: hold for hold in _holds(connection)}
            return tuple(
                Situation(
                    name,
                    next((each for each in releases[name] if each.status == "active"), None),
                    next((each for each in releases[name] if each.status in rules.IN_FLIGHT), None),
                    tuple(
                        Waiting(each, approvals_of(connection, each.id))
                        for each in releases[name]
                        if each.status == "pending"
                    ),
                    holds.get(name),
                )
                for name in names_by_rank(connection)
            )


# Each part is one index of some rows; asked for in order, SQLite walks the index of all instead.
_not_ended = union_all(
    *(
        select(tables.releases).where(among(tables.releases.c.status, statuses))
        for statuses in (("active",), rules.IN_FLIGHT, ("pending",))
    )
)
_in_force = select(tables.holds).where(
    tables.holds.c.kind == "environment", tables.holds.c.lifted_at.is_(None)
)


def _standing(connection: Connection) -> defaultdict[str, list[Release]]:
    found = defaultdict[str, list[Release]](list)
    rows = connection.execute(_not_ended).mappings().all()
    for row in sorted(rows, key=lambda one: (one["created_at"], one["id"])):
        found[row["environment"]].append(Release.from_row(row))
    return found


def _holds(connection: Connection) -> list[Hold]:
    return [Hold(**row) for row in connection.execute(_in_force).mappings()]
