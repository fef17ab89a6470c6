"""Every query about builds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import case, func, insert, select, update

from xtask.errors import RefusedError
from xtask.records import refusals, rules, tables
from xtask.records.attempts import Attempts
from xtask.records.connection import Database
from xtask.records.values import Build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

_SHORTEST_HASH = 8
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
            yield _Rows(connection)

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
    .where(tables.builds.c.status == "succeeded")
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


def _live(connection: Connection, manifest_hash: str) -> Build | None:
    columns = tables.builds.c
    query = select(tables.builds).where(
        columns.manifest_hash == manifest_hash, columns.status.in_(rules.LIVE)
    )
    row = connection.execute(query).mappings().first()
    return Build.from_row(row) if row else None


class _Rows(NamedTuple):
    """The rows of builds in a transaction of SQLAlchemy's."""

    connection: Connection

    def one(self, build_id: str) -> Build:
        return one_build(self.connection, build_id, lock=True)

    def live(self, manifest_hash: str) -> Build | None:
        return _live(self.connection, manifest_hash)

    def last_succeeded(self) -> Build | None:
        row = self.connection.execute(_last_succeeded).mappings().first()
        return Build.from_row(row) if row else None

    def insert(self, row: Mapping[str, Any]) -> None:
        self.connection.execute(insert(tables.builds).values(dict(row)))

    def change(self, build_id: str, **columns: Any) -> None:  # noqa: ANN401 - columns
        of_build = tables.builds.c.id == build_id
        self.connection.execute(update(tables.builds).where(of_build).values(columns))


def _by_id(connection: Connection, prefix: str) -> list[Build]:
    return _where(connection, tables.builds.c.id.startswith(prefix, autoescape=True), prefix)


def _by_release(connection: Connection, prefix: str) -> list[Build]:
    columns = tables.releases.c
    released = select(columns.build_id).where(columns.id.startswith(prefix, autoescape=True))
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
        .where(tables.builds.c.manifest_hash.startswith(f"sha256:{digits}", autoescape=True))
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
