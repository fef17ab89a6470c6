"""Which bundles something needs, and which have had their time.

A bundle goes in two steps: it is marked, and removed after a time of grace unless something needs
it by then. Both are decided in a transaction that nobody can begin a release in, so that what is
removed is never what somebody has just asked for: it counts as gone before its bytes go.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, insert, or_, select, update

from xtask.records import refusals, rules, tables
from xtask.records.columns import among
from xtask.records.connection import Database
from xtask.records.environments import lock_environments
from xtask.records.releases import active, one_release
from xtask.records.values import Tombstone, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

    from xtask.records.values import Build


class Policy(NamedTuple):
    """How long bundles stay.

    Args:
        steps: rollbacks in a row that have to be possible in each environment.
        by_environment: the same where it is another number.
        young_days: for which a new build stays, released or not.
        grace_days: between marking and removing.
    """

    steps: int
    by_environment: Mapping[str, int]
    young_days: float
    grace_days: float


class Collection(NamedTuple):
    """What may go, decided under the locks of all environments.

    `needed` says why by manifest hash. `due` were marked long enough ago, and nothing needs them;
    `gone` were due before, on whichever machine, and may still be on another one.
    """

    needed: Mapping[str, str]
    marked: tuple[str, ...]
    due: tuple[str, ...]
    gone: frozenset[str]


class Retention(Database):
    """Marking and removing under the locks of all environments."""

    __slots__ = ()

    def foreseen(self, policy: Policy) -> Collection:
        """Return what `collect` would mark and give free now."""
        with self.reading() as connection:
            return self._collection(connection, policy)

    def removed_at(self, manifest_hash: str) -> str | None:
        """Return when the bytes of a manifest were removed, None when they were not."""
        stones = tables.tombstones.c
        query = select(stones.deleted_at).where(stones.manifest_hash == manifest_hash)
        with self.reading() as connection:
            return connection.execute(query).scalar()

    def tombstones(self) -> tuple[Tombstone, ...]:
        """Return all of them, of what is gone too."""
        stones = tables.tombstones
        query = select(stones).order_by(stones.c.marked_at, stones.c.manifest_hash)
        with self.reading() as connection:
            return tuple(Tombstone(**row) for row in connection.execute(query).mappings())

    def collect(self, policy: Policy, actor: str) -> Collection:
        """Mark what nothing needs, and return what may go now: from here on it counts as gone.

        Args:
            policy: how long things stay.
            actor: who marks.
        """
        with self.writing() as connection:
            lock_environments(connection)
            found, moment = self._collection(connection, policy), self.timestamp(connection)
            for hash_ in found.needed:
                _forget(connection, hash_)
            if found.marked:
                row = {"marked_by": actor, "marked_at": moment}
                rows = [{"manifest_hash": hash_, **row} for hash_ in found.marked]
                connection.execute(insert(tables.tombstones), rows)
            if found.due:
                gone = tables.tombstones.c.manifest_hash.in_(found.due)
                facts = {"deleted_at": moment}
                connection.execute(update(tables.tombstones).where(gone).values(facts))
            return found

    def _collection(self, connection: Connection, policy: Policy) -> Collection:
        needed, stones = self._needed(connection, policy), _stones(connection)
        before = timestamp(self.moment(connection) - timedelta(days=policy.grace_days))
        marked = _succeeded(connection) - needed.keys() - {stone.manifest_hash for stone in stones}
        due = [
            stone.manifest_hash
            for stone in stones
            if stone.deleted_at is None
            and stone.marked_at <= before
            and stone.manifest_hash not in needed
        ]
        gone = frozenset(stone.manifest_hash for stone in stones if stone.deleted_at)
        return Collection(needed, tuple(sorted(marked)), tuple(sorted(due)), gone)

    def _needed(self, connection: Connection, policy: Policy) -> dict[str, str]:
        """Return why something needs a manifest; of several reasons the strongest."""
        moment = self.moment(connection)
        found: dict[str, str] = {}
        for hash_, why in (
            *_of_environments(connection, policy),
            *_of_holds(connection, timestamp(moment)),
            *_of_builds(connection, timestamp(moment - timedelta(days=policy.young_days))),
        ):
            found.setdefault(hash_, why)
        return found


_buried = select(tables.tombstones.c.deleted_at).where(
    tables.tombstones.c.manifest_hash == bindparam("manifest_hash")
)


def exhume(connection: Connection, build: Build) -> None:
    """Keep the bytes of a build that is wanted again, unless they are gone.

    Raises:
        RefusedError: they are.
    """
    stone = connection.execute(_buried, {"manifest_hash": build.manifest_hash}).first()
    if stone is None:
        return
    if stone.deleted_at is not None:
        raise refusals.removed(build, stone.deleted_at)
    _forget(connection, build.manifest_hash)


def _of_environments(connection: Connection, policy: Policy) -> Iterator[tuple[str, str]]:
    names = connection.execute(
        select(tables.environments.c.name).order_by(tables.environments.c.name)
    ).scalars()
    columns = tables.releases.c
    for name in list(names):
        waiting = select(columns.manifest_hash, columns.status).where(
            columns.environment == name,
            among(columns.status, ("pending", *rules.IN_FLIGHT)),
        )
        serves = active(connection, name)
        if serves is not None:
            yield serves.manifest_hash, f"active in {name}"
            steps = policy.by_environment.get(name, policy.steps)
            window = rules.rollback_window(serves, lambda id_: one_release(connection, id_), steps)
            for number, release in enumerate(window, 1):
                yield release.manifest_hash, f"rollback {number} of {name}"
        for row in connection.execute(waiting):
            yield row.manifest_hash, f"{row.status} in {name}"


def _of_holds(connection: Connection, now: str) -> Iterator[tuple[str, str]]:
    columns = tables.holds.c
    query = select(columns.manifest_hash, columns.actor).where(
        columns.kind == "retain",
        columns.lifted_at.is_(None),
        or_(columns.until.is_(None), columns.until > now),
    )
    for row in connection.execute(query):
        yield row.manifest_hash, f"held by {row.actor}"


def _of_builds(connection: Connection, since: str) -> Iterator[tuple[str, str]]:
    columns = tables.builds.c
    succeeded = (
        select(columns.manifest_hash, columns.finished_at)
        .where(among(columns.status, ("succeeded",)))
        .order_by(columns.finished_at.desc(), columns.created_at.desc(), columns.id.desc())
    )
    latest = connection.execute(succeeded.limit(1)).first()
    if latest is not None:
        yield latest.manifest_hash, "the latest build"
    for row in connection.execute(succeeded.where(columns.finished_at > since)):
        yield row.manifest_hash, "built lately"
    at_work = select(columns.manifest_hash, columns.status).where(
        among(columns.status, ("queued", "running"))
    )
    for row in connection.execute(at_work):
        yield row.manifest_hash, f"a build of it is {row.status}"


def _succeeded(connection: Connection) -> set[str]:
    columns = tables.builds.c
    query = select(columns.manifest_hash).where(columns.status == "succeeded")
    return set(connection.execute(query).scalars())


def _stones(connection: Connection) -> list[Tombstone]:
    return [Tombstone(**row) for row in connection.execute(select(tables.tombstones)).mappings()]


def _forget(connection: Connection, manifest_hash: str) -> None:
    stones = tables.tombstones
    buried = stones.c.manifest_hash == manifest_hash
    connection.execute(stones.delete().where(buried, stones.c.deleted_at.is_(None)))
