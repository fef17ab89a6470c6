"""Every question about releases."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from xtask.digest import sha256
from xtask.errors import RefusedError, UntrustedError
from xtask.records import rules, tables
from xtask.records.builds import one_build
from xtask.records.columns import among
from xtask.records.connection import Database
from xtask.records.environments import require_environment
from xtask.records.values import Approval, Release, RollbackPlan

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from xtask.records.values import Build, ReleaseRequest, ReleaseStatus

_newest_first = (tables.releases.c.created_at.desc(), tables.releases.c.id.desc())


class Releases(Database):
    """Attempts to make builds serve: one active and one in flight per environment."""

    __slots__ = ()

    def active_release(self, environment: str) -> Release | None:
        """Return what the environment serves."""
        with self.reading() as connection:
            return active(connection, environment)

    def in_flight(self, environment: str) -> Release | None:
        """Return the release that holds the environment, perhaps left by a dead process."""
        with self.reading() as connection:
            return with_status(connection, environment, rules.IN_FLIGHT)

    def pending(self, environment: str) -> tuple[Release, ...]:
        """Return the releases that wait for approvals, oldest first."""
        columns = tables.releases.c
        query = (
            select(tables.releases)
            .where(columns.environment == environment, among(columns.status, ("pending",)))
            .order_by(columns.created_at, columns.id)
        )
        with self.reading() as connection:
            return tuple(Release.from_row(row) for row in connection.execute(query).mappings())

    def approvals(self, release_id: str) -> tuple[Approval, ...]:
        """Return who has approved a release, first to last."""
        with self.reading() as connection:
            return approvals_of(connection, release_id)

    def served(self, environment: str, build_id: str) -> tuple[Release, ...]:
        """Return the releases of the build that were ever active in the environment, in order."""
        columns = tables.releases.c
        query = (
            select(tables.releases)
            .where(
                columns.environment == environment,
                columns.build_id == build_id,
                columns.activated_at.is_not(None),
            )
            .order_by(columns.generation)
        )
        with self.reading() as connection:
            return tuple(Release.from_row(row) for row in connection.execute(query).mappings())

    def last_of_manifest(self, environment: str, manifest_hash: str) -> Release | None:
        """Return the release of a manifest that served the environment last."""
        columns = tables.releases.c
        query = (
            select(tables.releases)
            .where(
                columns.environment == environment,
                columns.manifest_hash == manifest_hash,
                columns.activated_at.is_not(None),
            )
            .order_by(columns.generation.desc())
            .limit(1)
        )
        with self.reading() as connection:
            row = connection.execute(query).mappings().first()
            return Release.from_row(row) if row else None

    def promoted_since(self, environment: str, manifest_hash: str) -> tuple[Release, ...]:
        """Return the promotions that began since a manifest served there last, in order.

        Those that came to nothing are among them: what a candidate does to a database stays.
        """
        columns = tables.releases.c
        last = select(func.max(columns.generation)).where(
            columns.environment == environment,
            columns.manifest_hash == manifest_hash,
            columns.activated_at.is_not(None),
        )
        query = (
            select(tables.releases)
            .where(
                columns.environment == environment,
                columns.kind == "promote",
                columns.generation > last.scalar_subquery(),
            )
            .order_by(columns.generation)
        )
        with self.reading() as connection:
            return tuple(Release.from_row(row) for row in connection.execute(query).mappings())

    def releases(self, environment: str | None = None, limit: int = 50) -> tuple[Release, ...]:
        """Return the newest releases of one environment or of all, newest first."""
        query = select(tables.releases).order_by(*_newest_first)
        if environment is not None:
            query = query.where(tables.releases.c.environment == environment)
        with self.reading() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return tuple(Release.from_row(row) for row in rows)

    def release(self, release_id: str) -> Release:
        """Return the release of an id.

        Raises:
            RefusedError: there is none.
        """
        with self.reading() as connection:
            return one_release(connection, release_id)

    def find_release(self, what: str) -> Release:
        """Return the release of an id, or of the beginning of one when that names exactly one.

        Raises:
            RefusedError: none or several.
        """
        columns = tables.releases.c
        query = select(tables.releases).where(columns.id.startswith(what, autoescape=True))
        with self.reading() as connection:
            rows = connection.execute(query.order_by(columns.id).limit(2)).mappings().all()
            if len(rows) > 1 and what:
                raise RefusedError(f"{what!r} names several releases", help="write more of it")
            return Release.from_row(rows[0]) if what and rows else one_release(connection, what)

    def configuration(self, release: Release) -> dict[str, Any] | None:
        """Return what the environment gave to a release, None when nothing is recorded of that.

        Raises:
            UntrustedError: something other than xtask has changed it.
        """
        if release.configuration is None:
            return None
        with self.reading() as connection:
            content = connection.execute(_content, {"digest": release.configuration}).scalar()
        if content is None or sha256(content.encode()) != release.configuration:
            raise UntrustedError(
                f"the configuration of {release.id} is not the one of its digest",
                help="something other than xtask wrote to the records: `xtask audit verify`",
            )
        found: dict[str, Any] = json.loads(content)
        return found

    def same_command(self, environment: str, key: str, request_digest: str) -> Release | None:
        """Return the release that a command made when it was given before, None the first time.

        Raises:
            RefusedError: the key belongs to a command that asked for something else.
        """
        with self.reading() as connection:
            return same_command(connection, environment, key, request_digest)

    def rollback_plan(self, environment: str) -> RollbackPlan:
        """Return what a rollback would leave and restore.

        Raises:
            RefusedError: nothing is active, or nothing good came before it.
        """
        with self.reading() as connection:
            require_environment(connection, environment)
            return plan_rollback(connection, environment, active(connection, environment))


def locked_release(connection: Connection, release_id: str) -> Release:
    """Lock the release's environment, then read the release: its status holds till the commit.

    Without that, PostgreSQL can hand out a predecessor that stopped being the active release
    while an insertion waited.
    """
    require_environment(connection, one_release(connection, release_id).environment, lock=True)
    return one_release(connection, release_id)


_content = select(tables.configurations.c.content).where(
    tables.configurations.c.digest == bindparam("digest")
)
_one = select(tables.releases).where(tables.releases.c.id == bindparam("id"))


def one_release(connection: Connection, release_id: str) -> Release:
    """Return the release of an id.

    Raises:
        RefusedError: there is none.
    """
    row = connection.execute(_one, {"id": release_id}).mappings().first()
    if row is None:
        raise RefusedError(
            f"no release {release_id!r} is recorded", help="list them: `xtask releases`"
        )
    return Release.from_row(row)


def with_status(
    connection: Connection, environment: str, statuses: tuple[ReleaseStatus, ...]
) -> Release | None:
    """Return a release of the environment that has one of these statuses."""
    found = connection.execute(_with_status(statuses), {"environment": environment})
    row = found.mappings().first()
    return Release.from_row(row) if row else None


@cache
def _with_status(statuses: tuple[ReleaseStatus, ...]) -> Select[Any]:
    columns = tables.releases.c
    return select(tables.releases).where(
        columns.environment == bindparam("environment"), among(columns.status, statuses)
    )


def active(connection: Connection, environment: str) -> Release | None:
    """Return what the environment serves."""
    return with_status(connection, environment, ("active",))


_approvals = (
    select(*tables.approvals.c["release_id", "actor", "reason", "at"])
    .where(tables.approvals.c.release_id == bindparam("release_id"))
    .order_by(tables.approvals.c.at, tables.approvals.c.actor)
)


def approvals_of(connection: Connection, release_id: str) -> tuple[Approval, ...]:
    """Return who has approved a release, first to last."""
    found = connection.execute(_approvals, {"release_id": release_id})
    return tuple(Approval(**row) for row in found.mappings())


def same_command(
    connection: Connection, environment: str, key: str | None, request_digest: str | None
) -> Release | None:
    """Return the release that the same command made before; one without a key is always new."""
    if key is None:
        return None
    columns = tables.releases.c
    query = select(tables.releases).where(
        columns.environment == environment, columns.idempotency_key == key
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    if row["request_digest"] != request_digest:
        raise RefusedError(
            f"the key {key!r} belongs to {row['id']}, which asked for something else",
            help="a new command needs a new key",
        )
    return Release.from_row(row)


def plan_rollback(connection: Connection, environment: str, active: Release | None) -> RollbackPlan:
    """Return what a rollback of `active` would restore.

    Raises:
        RefusedError: nothing is active, or nothing good came before it.
    """
    if active is None:
        raise RefusedError(f"nothing is active in {environment}, so nothing can be rolled back")
    target = rules.rollback_target(active, lambda release_id: one_release(connection, release_id))
    if target is None:
        raise RefusedError(
            f"{environment} has nothing good before {active.id} to go back to",
            help="promote a build that works",
        )
    return RollbackPlan(active, target, one_build(connection, target.build_id))


def require_planned(
    connection: Connection, request: ReleaseRequest, build: Build, active: Release | None
) -> None:
    """Raise RefusedError unless a rollback of what serves would still restore what was planned."""
    plan = plan_rollback(connection, request.environment, active)
    if (plan.target.id, plan.build.id) != (request.restores, build.id):
        raise RefusedError(
            f"the rollback plan is stale: now it would restore {plan.target.id}, not"
            f" {request.restores}",
            help="look at `xtask status`, then roll back again",
        )
