"""Every query about builds."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, or_, select, true, update

from xtask.errors import RefusedError
from xtask.records import refusals, rules, tables
from xtask.records.attempts import Attempts
from xtask.records.columns import among
from xtask.records.connection import Database
from xtask.records.values import Build, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection

    from xtask.records.values import Claim

_SHORTEST_HASH = 8
_LAST_CHARACTER = "\U0010ffff"
_MOST_LINES = 1000
_newest_first = (tables.builds.c.created_at.desc(), tables.builds.c.id.desc())
_live_first = case((tables.builds.c.status.in_(rules.LIVE), 0), else_=1)


class Builds(Attempts, Database):
    """Attempts to make bundles, and how to find them."""

    __slots__ = ()

    def live_build(self, manifest_hash: str) -> Build | None:
        """Return the build of a manifest hash that is queued, running or succeeded."""
        with self.reading() as connection:
            return _live_build(connection, manifest_hash)

    @contextlib.contextmanager
    def build_rows(self, *, durable: bool = True) -> Iterator[_Rows]:
        """Hold one transaction; see `Attempts`. Here each is as durable as the server makes it."""
        del durable
        with self.writing() as connection:
            yield _Rows(connection, self)

    def claim_build(self, claim: Claim, *, alone: bool = False) -> Build | None:
        """Give the next build that waits to a builder; None when none does.

        Those with the highest priority come first, then the oldest. One whose builder gave no sign
        of life counts as waiting, and fails when too many have lost it.

        Args:
            claim: who wants one.
            alone: the caller holds the lock under which all builds of these records run: one that
                still runs was left by a dead process.
        """
        while True:
            with self.writing() as connection:
                rows = _Rows(connection, self)
                found = _next(connection, None if alone else timestamp(rows.moment))
                if found is None:
                    return None
                if build := self.claim_row(rows, found, claim):
                    return build

    def lines(self, build_id: str, after: int = 0) -> tuple[tuple[int, str], ...]:
        """Return numbers and texts of what was said of a build after a number, in order."""
        columns = tables.build_lines.c
        query = (
            select(columns.number, columns.line)
            .where(columns.build_id == build_id, columns.number > after)
            .order_by(columns.number)
            .limit(_MOST_LINES)
        )
        with self.reading() as connection:
            return tuple((row.number, row.line) for row in connection.execute(query))

    def count_builds(self) -> int:
        """Return how many builds there are, failed ones too."""
        with self.reading() as connection:
            return connection.execute(select(func.count()).select_from(tables.builds)).scalar_one()

    def builds(self, limit: int = 50) -> tuple[Build, ...]:
        """Return the newest builds, newest first."""
        query = select(tables.builds).order_by(*_newest_first).limit(limit)
        with self.reading() as connection:
            return tuple(Build.from_row(row) for row in connection.execute(query).mappings())

    def build(self, build_id: str) -> Build:
        """Return the build of an id, or of the beginning of one when that names exactly one.

        Raises:
            RefusedError: none or several.
        """
        with self.reading() as connection:
            return _the_one(build_id, _by_id(connection, build_id))

    def find_build(self, what: str) -> Build:
        """Return the build that a person means by a build id, a manifest hash or a release id.

        Ids and hashes may be cut (a hash to 8 digits, with or without `sha256:`) while they name
        one build; of several attempts at one hash the live one is meant, else the newest.

        Raises:
            RefusedError: none or several.
        """
        with self.reading() as connection:
            found = [
                *_by_id(connection, what),
                *_by_hash(connection, what),
                *_by_release(connection, what),
            ]
            return _the_one(what, list({build.id: build for build in found}.values()))


_one = select(tables.builds).where(tables.builds.c.id == bindparam("id"))
_one_locked = _one.with_for_update()
_live = select(tables.builds).where(
    tables.builds.c.manifest_hash == bindparam("manifest_hash"),
    among(tables.builds.c.status, rules.LIVE),
)
_last_succeeded = (
    select(tables.builds)
    .where(among(tables.builds.c.status, ("succeeded",)))
    .order_by(tables.builds.c.finished_at.desc(), *_newest_first)
    .limit(1)
)
_insert = insert(tables.builds).returning(tables.builds)
_change = (
    update(tables.builds).where(tables.builds.c.id == bindparam("of_id")).returning(tables.builds)
)
_exhume = delete(tables.tombstones).where(
    tables.tombstones.c.manifest_hash == bindparam("manifest_hash")
)
# What is not there cannot be locked: two who find no build of a hash would both add one.
_lock_hash = select(func.pg_advisory_xact_lock(func.hashtext(bindparam("manifest_hash"))))


def one_build(connection: Connection, build_id: str, *, lock: bool = False) -> Build:
    """Return the build of a whole id; with `lock`, nobody else changes it before the commit.

    Raises:
        RefusedError: there is none.
    """
    query = _one_locked if lock else _one
    row = connection.execute(query, {"id": build_id}).mappings().first()
    if row is None:
        raise refusals.unknown(build_id)
    return Build.from_row(row)


def begins_with(column: Column[str], prefix: str) -> ColumnElement[bool]:
    """Return the condition as a range, which an index answers; LIKE folds case and reads all."""
    return and_(column >= prefix, column < prefix + _LAST_CHARACTER)


def _live_build(connection: Connection, manifest_hash: str) -> Build | None:
    row = connection.execute(_live, {"manifest_hash": manifest_hash}).mappings().first()
    return Build.from_row(row) if row else None


def _next(connection: Connection, moment: str | None) -> Build | None:
    """Return what waits at a moment; without one, whatever runs was lost."""
    columns = tables.builds.c
    waits, runs = (among(columns.status, (one,)) for one in ("queued", "running"))
    silent = true() if moment is None else columns.lease_until < moment
    query = (
        select(tables.builds)
        .where(
            among(columns.status, ("queued", "running")),
            or_(waits, and_(runs, silent)),
        )
        .order_by(columns.priority.desc(), columns.created_at, columns.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(query).mappings().first()
    return Build.from_row(row) if row else None


class _Rows:
    """The rows of builds in a transaction of SQLAlchemy's."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    @cached_property
    def moment(self) -> datetime:
        return self._database.moment(self._connection)

    def one(self, build_id: str) -> Build:
        return one_build(self._connection, build_id, lock=True)

    def live(self, manifest_hash: str) -> Build | None:
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_lock_hash, {"manifest_hash": manifest_hash})
        return _live_build(self._connection, manifest_hash)

    def last_succeeded(self) -> Build | None:
        row = self._connection.execute(_last_succeeded).mappings().first()
        return Build.from_row(row) if row else None

    def insert(self, row: Mapping[str, Any]) -> Build:
        return Build.from_row(self._connection.execute(_insert, row).mappings().one())

    def exhume(self, manifest_hash: str) -> None:
        self._connection.execute(_exhume, {"manifest_hash": manifest_hash})

    def change(self, build_id: str, **columns: Any) -> Build:  # noqa: ANN401 - columns
        values = {"of_id": build_id, **columns}
        return Build.from_row(self._connection.execute(_change, values).mappings().one())

    def say(self, build_id: str, lines: Sequence[str]) -> None:
        columns, at = tables.build_lines.c, timestamp(self.moment)
        last = select(func.max(columns.number)).where(columns.build_id == build_id)
        first = (self._connection.execute(last).scalar() or 0) + 1
        rows = [
            {"build_id": build_id, "number": number, "at": at, "line": line}
            for number, line in enumerate(lines, first)
        ]
        self._connection.execute(insert(tables.build_lines), rows)


def _by_id(connection: Connection, prefix: str) -> list[Build]:
    return _where(connection, begins_with(tables.builds.c.id, prefix), prefix)


def _by_release(connection: Connection, prefix: str) -> list[Build]:
    columns = tables.releases.c
    released = select(columns.build_id).where(begins_with(columns.id, prefix))
    return _where(connection, tables.builds.c.id.in_(released), prefix)


def _where(connection: Connection, condition: ColumnElement[bool], prefix: str) -> list[Build]:
    if not prefix:
        return []
    query = select(tables.builds).where(condition)
    return [Build.from_row(row) for row in connection.execute(query).mappings()]


def _by_hash(connection: Connection, prefix: str) -> list[Build]:
    digits = prefix.removeprefix("sha256:")
    if len(digits) < _SHORTEST_HASH:
        return []
    query = (
        select(tables.builds)
        .where(begins_with(tables.builds.c.manifest_hash, f"sha256:{digits}"))
        .order_by(_live_first, *_newest_first)
    )
    meant: dict[str, Build] = {}
    for row in connection.execute(query).mappings():
        meant.setdefault(row["manifest_hash"], Build.from_row(row))
    return list(meant.values())


def _the_one(what: str, found: Sequence[Build]) -> Build:
    if len(found) == 1:
        return found[0]
    if not found:
        raise refusals.unknown(what)
    names = ", ".join(sorted(f"{build.id} ({build.manifest_hash[:19]})" for build in found))
    raise RefusedError(f"{what!r} names several builds: {names}", help="write more of it")
