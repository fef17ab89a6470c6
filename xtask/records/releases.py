"""Every query about releases.

Each writer locks the environment's row before it reads a status. Without that, PostgreSQL can
hand out a predecessor that stopped being the active release while an insertion waited.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from xtask.errors import RefusedError
from xtask.records import rules, tables
from xtask.records.builds import one_build
from xtask.records.connection import Database
from xtask.records.environments import require_environment
from xtask.records.values import Release, RollbackPlan, release_id, timestamp

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from xtask.records.values import Build, ReleaseStatus


class Releases(Database):
    """Attempts to make builds serve: one active and one in flight per environment."""

    __slots__ = ()

    def begin_release(  # noqa: PLR0913 - what a release consists of
        self,
        environment: str,
        build_id: str,
        *,
        target: str,
        port: int,
        actor: str,
        reason: str,
        restores: str | None = None,
    ) -> Release:
        """Record that a build is about to serve an environment; the row is the deploy lock.

        Args:
            environment: where; its active release becomes the predecessor, read under the lock.
            build_id: the whole id of a build that succeeded.
            target: what runs it there.
            port: the port on which it answers there.
            actor: who wants it.
            reason: why, in words.
            restores: for a rollback, the release that `rollback_plan` named.

        Raises:
            RefusedError: no reason, another release in flight, a build that did not succeed, or
                a rollback plan that is stale.
        """
        if not reason.strip():
            raise RefusedError("a release needs a reason", help="say why: --reason TEXT")
        with self.writing() as connection:
            require_environment(connection, environment, lock=True)
            _refuse_in_flight(connection, environment)
            build = _require_succeeded(one_build(connection, build_id))
            active = _active(connection, environment)
            if restores is not None:
                _require_planned(_plan(connection, environment, active), build, restores)
            row = self._identity(connection, environment, build, active) | {
                "kind": "promote" if restores is None else "rollback",
                "restores_release_id": restores,
                "target": target,
                "port": port,
                "actor": actor,
                "updated_by": actor,
                "reason": reason.strip(),
            }
            connection.execute(insert(tables.releases).values(row))
            return _one_release(connection, row["id"])

    def verify_release(self, release_id: str) -> Release:
        """Record that traffic has switched and what serves is being checked."""
        with self.writing() as connection:
            return self._move(connection, _locked(connection, release_id), "verifying")

    def activate_release(self, release_id: str) -> Release:
        """Record that the release was seen serving; in the same transaction the old one ends.

        The old one is superseded by a promotion and rolled back by a rollback.
        """
        with self.writing() as connection:
            release = _locked(connection, release_id)
            rules.require_release_transition(release.id, release.status, "active")
            ended: ReleaseStatus = "superseded" if release.kind == "promote" else "rolled_back"
            if old := _active(connection, release.environment):
                # The old row first: a partial unique index is checked row by row.
                self._move(connection, old, ended, actor=release.actor, ended_at=self.timestamp())
            return self._move(connection, release, "active", activated_at=self.timestamp())

    def fail_release(self, release_id: str, error: str, *, actor: str | None = None) -> Release:
        """Record that the release does not serve, and why; its predecessor stays active.

        Args:
            release_id: one that is in flight or pending.
            error: what went wrong.
            actor: who says so, default who began the release.
        """
        with self.writing() as connection:
            release = _locked(connection, release_id)
            facts = {"error": error, "ended_at": self.timestamp()}
            return self._move(connection, release, "failed", actor=actor, **facts)

    def require_recovery(self, release_id: str, error: str) -> Release:
        """Record that nobody knows what serves; the environment stays taken until that is known."""
        with self.writing() as connection:
            release = _locked(connection, release_id)
            return self._move(connection, release, "recovery_required", error=error)

    def active_release(self, environment: str) -> Release | None:
        """Return what the environment serves."""
        with self.reading() as connection:
            return _active(connection, environment)

    def has_served(self, environment: str, build_id: str) -> bool:
        """Return whether a release of the build was ever active in the environment."""
        columns = tables.releases.c
        query = select(columns.id).where(
            columns.environment == environment,
            columns.build_id == build_id,
            columns.activated_at.is_not(None),
        )
        with self.reading() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def in_flight(self, environment: str) -> Release | None:
        """Return the release that holds the environment, perhaps left by a dead process."""
        with self.reading() as connection:
            return _with_status(connection, environment, rules.IN_FLIGHT)

    def releases(self, environment: str | None = None, limit: int = 50) -> tuple[Release, ...]:
        """Return the newest releases of one environment or of all, newest first."""
        columns = tables.releases.c
        query = select(tables.releases).order_by(
            columns.created_at.desc(), columns.generation.desc(), columns.id.desc()
        )
        if environment is not None:
            query = query.where(columns.environment == environment)
        with self.reading() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return tuple(Release.from_row(row) for row in rows)

    def release(self, release_id: str) -> Release:
        """Return the release of an id.

        Raises:
            RefusedError: there is none.
        """
        with self.reading() as connection:
            return _one_release(connection, release_id)

    def rollback_plan(self, environment: str) -> RollbackPlan:
        """Return what a rollback would leave and restore.

        Raises:
            RefusedError: nothing is active, or nothing good came before it.
        """
        with self.reading() as connection:
            require_environment(connection, environment)
            return _plan(connection, environment, _active(connection, environment))

    def _identity(
        self, connection: Connection, environment: str, build: Build, active: Release | None
    ) -> dict[str, Any]:
        before = one_build(connection, active.build_id).modules if active else ()
        generations = select(func.max(tables.releases.c.generation)).where(
            tables.releases.c.environment == environment
        )
        moment = self.now()
        return {
            "id": release_id(moment, self.new_id()),
            "environment": environment,
            "generation": (connection.execute(generations).scalar() or 0) + 1,
            "status": "deploying",
            "build_id": build.id,
            "manifest_hash": build.manifest_hash,
            "image_digest": build.image_digest,
            "previous_release_id": active.id if active else None,
            "modules_delta": asdict(rules.modules_delta(before, build.modules)),
            "created_at": timestamp(moment),
            "updated_at": timestamp(moment),
        }

    def _move(
        self,
        connection: Connection,
        release: Release,
        to: ReleaseStatus,
        *,
        actor: str | None = None,
        **facts: str,
    ) -> Release:
        rules.require_release_transition(release.id, release.status, to)
        connection.execute(
            update(tables.releases)
            .where(tables.releases.c.id == release.id)
            .values(
                status=to, updated_by=actor or release.actor, updated_at=self.timestamp(), **facts
            )
        )
        return _one_release(connection, release.id)


def _locked(connection: Connection, release_id: str) -> Release:
    """Lock the release's environment, then read the release: its status holds till the commit."""
    require_environment(connection, _one_release(connection, release_id).environment, lock=True)
    return _one_release(connection, release_id)


def _one_release(connection: Connection, release_id: str) -> Release:
    query = select(tables.releases).where(tables.releases.c.id == release_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise RefusedError(
            f"no release {release_id!r} is recorded", help="list them: `xtask releases`"
        )
    return Release.from_row(row)


def _with_status(
    connection: Connection, environment: str, statuses: tuple[ReleaseStatus, ...]
) -> Release | None:
    columns = tables.releases.c
    query = select(tables.releases).where(
        columns.environment == environment, columns.status.in_(statuses)
    )
    row = connection.execute(query).mappings().first()
    return Release.from_row(row) if row else None


def _active(connection: Connection, environment: str) -> Release | None:
    return _with_status(connection, environment, ("active",))


def _refuse_in_flight(connection: Connection, environment: str) -> None:
    if other := _with_status(connection, environment, rules.IN_FLIGHT):
        raise RefusedError(
            f"{other.environment} is taken by {other.id}: {other.kind} by {other.actor},"
            f" {other.status}, since {other.created_at} ({other.reason})",
            help="wait until it ends; if its process is gone, run `xtask resume`",
        )


def _require_succeeded(build: Build) -> Build:
    if build.status != "succeeded":
        raise RefusedError(
            f"build {build.id} is {build.status}: only a succeeded build can be released",
            help="run `xtask build`",
        )
    return build


def _require_planned(plan: RollbackPlan, build: Build, restores: str) -> None:
    if (plan.target.id, plan.build.id) != (restores, build.id):
        raise RefusedError(
            f"the rollback plan is stale: now it would restore {plan.target.id}, not {restores}",
            help="look at `xtask status`, then roll back again",
        )


def _plan(connection: Connection, environment: str, active: Release | None) -> RollbackPlan:
    if active is None:
        raise RefusedError(f"nothing is active in {environment}, so nothing can be rolled back")
    target = rules.rollback_target(active, lambda release_id: _one_release(connection, release_id))
    if target is None:
        raise RefusedError(
            f"{environment} has nothing good before {active.id} to go back to",
            help="promote a build that works",
        )
    return RollbackPlan(active, target, one_build(connection, target.build_id))
