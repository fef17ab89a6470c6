"""Every query about builds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, case, delete, func, insert, or_, select, true, update

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
            return _live(connection, manifest_hash)

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
                found = _next(connection, None if alone else timestamp(rows.moment()))
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


_last_succeeded = (
    select(tables.builds)
    .where(among(tables.builds.c.status, ("succeeded",)))
    .order_by(tables.builds.c.finished_at.desc(), *_newest_first)
    .limit(1)
)


def one_build(connection: Connection, build_id: str, *, lock: bool = False) -> Build:
    """Return the build of a whole id; with `lock`, nobody else changes it before the commit.

    Raises:
        RefusedError: there is none.
    """
    query = select(tables.builds).where(tables.builds.c.id == build_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise refusals.unknown(build_id)
    return Build.from_row(row)


def begins_with(column: Column[str], prefix: str) -> ColumnElement[bool]:
    """Return the condition as a range, which an index answers; LIKE folds case and reads all."""
    return and_(column >= prefix, column < prefix + _LAST_CHARACTER)


def _live(connection: Connection, manifest_hash: str) -> Build | None:
    columns = tables.builds.c
    query = select(tables.builds).where(
        columns.manifest_hash == manifest_hash, among(columns.status, rules.LIVE)
    )
    row = connection.execute(query).mappings().first()
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


class _Rows(NamedTuple):
    """The rows of builds in a transaction of SQLAlchemy's."""

    connection: Connection
    database: Database

    def moment(self) -> datetime:
        return self.database.moment(self.connection)

    def one(self, build_id: str) -> Build:
        return one_build(self.connection, build_id, lock=True)

    def live(self, manifest_hash: str) -> Build | None:
        if self.connection.dialect.name == "postgresql":
            # What is not there cannot be locked: two who find none would both add one.
            self.connection.execute(
                select(func.pg_advisory_xact_lock(func.hashtext(manifest_hash)))
            )
        return _live(self.connection, manifest_hash)

    def last_succeeded(self) -> Build | None:
        row = self.connection.execute(_last_succeeded).mappings().first()
        return Build.from_row(row) if row else None

    def insert(self, row: Mapping[str, Any]) -> None:
        self.connection.execute(insert(tables.builds).values(dict(row)))

    def exhume(self, manifest_hash: str) -> None:
        buried = tables.tombstones.c.manifest_hash == manifest_hash
        self.connection.execute(delete(tables.tombstones).where(buried))

    def change(self, build_id: str, **columns: Any) -> None:  # noqa: ANN401 - columns
        of_build = tables.builds.c.id == build_id
        self.connection.execute(update(tables.builds).where(of_build).values(columns))

    def say(self, build_id: str, lines: Sequence[str]) -> None:
        columns, at = tables.build_lines.c, timestamp(self.moment())
        last = select(func.max(columns.number)).where(columns.build_id == build_id)
        first = (self.connection.execute(last).scalar() or 0) + 1
        rows = [
            {"build_id": build_id, "number": number, "at": at, "line": line}
            for number, line in enumerate(lines, first)
        ]
        self.connection.execute(insert(tables.build_lines), rows)


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
