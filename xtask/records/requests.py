"""How the row of a release comes to be: somebody asks for it, others agree, or it is taken back.

Each writer locks the environment's row before it reads a status.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from xtask.errors import RefusedError
from xtask.records import refusals, rules, tables
from xtask.records.builds import one_build
from xtask.records.connection import Database
from xtask.records.environments import require_environment
from xtask.records.holds import hold_of
from xtask.records.releases import (
    active,
    locked_release,
    one_release,
    require_planned,
    same_command,
    with_status,
)
from xtask.records.values import Release, release_id, timestamp

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from xtask.records.values import Build, Hold, ReleaseRequest, ReleaseStatus


class Requests(Database):
    """Every change of a release before it begins."""

    __slots__ = ()

    def request_release(self, request: ReleaseRequest) -> Release:
        """Record that somebody wants a build to serve; approved at once where nobody has to agree.

        Raises:
            RefusedError: no reason, another release in flight, a build that did not succeed, a
                rollback plan that is stale, an environment that is held, or another command under
                the same key.
        """
        with self.writing() as connection:
            return self._request(connection, request)

    def approve_release(self, release_id: str, *, actor: str, reason: str = "") -> Release:
        """Record that somebody agrees; with the last yes that it needs the release is approved.

        When another release is in flight then, or the environment is held, it stays pending with
        all that it needs.

        Raises:
            RefusedError: it does not wait, or the actor asked for it or has agreed before.
        """
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            _require_pending(release)
            if actor == release.actor:
                raise RefusedError(
                    f"{actor} asked for {release.id} and cannot approve it",
                    help="somebody else has to: four eyes see more than two",
                )
            given = tables.approvals.c
            count = select(func.count()).where(given.release_id == release.id)
            if connection.execute(count.where(given.actor == actor)).scalar_one():
                raise RefusedError(f"{actor} has approved {release.id} already")
            row = {
                "release_id": release.id, "actor": actor, "plan_digest": release.plan_digest,
                "reason": reason, "at": self.timestamp(connection),
            }  # fmt: skip
            connection.execute(insert(tables.approvals).values(row))
            enough = connection.execute(count).scalar_one() >= release.approvals_needed
            taken = with_status(connection, release.environment, rules.IN_FLIGHT)
            if not enough or taken or hold_of(connection, release.environment):
                return release
            return self._move(connection, release, "approved", actor=actor)

    def reject_release(self, release_id: str, error: str, *, actor: str) -> Release:
        """Record that a release which has not begun is not wanted, and why."""
        return self._end_unbegun(release_id, "rejected", error, actor)

    def cancel_release(self, release_id: str, error: str, *, actor: str) -> Release:
        """Record that a release which has not begun is taken back, and why."""
        return self._end_unbegun(release_id, "cancelled", error, actor)

    def _request(self, connection: Connection, request: ReleaseRequest) -> Release:
        if not request.reason.strip():
            raise RefusedError("a release needs a reason", help="say why: --reason TEXT")
        require_environment(connection, request.environment, lock=True)
        command = (request.environment, request.key, request.request_digest)
        if same := same_command(connection, *command):
            return same
        build = _require_succeeded(one_build(connection, request.build_id))
        _exhume(connection, build)
        self._require_free(connection, request)
        if request.restores is not None:
            require_planned(connection, request, build)
        moment = self.moment(connection)
        row = self._row(connection, request, build) | {
            "id": release_id(moment, self.new_id()),
            "created_at": timestamp(moment),
            "updated_at": timestamp(moment),
        }
        connection.execute(insert(tables.releases).values(row))
        release = one_release(connection, row["id"])
        return release if request.approvals else self._move(connection, release, "approved")

    def _row(self, connection: Connection, request: ReleaseRequest, build: Build) -> dict[str, Any]:
        before = active(connection, request.environment)
        then = one_build(connection, before.build_id).modules if before else ()
        return {
            "environment": request.environment,
            "kind": request.kind,
            "status": "pending",
            "build_id": build.id,
            "manifest_hash": build.manifest_hash,
            "image_digest": build.image_digest,
            "target": request.target,
            "port": request.port,
            "restores_release_id": request.restores,
            "actor": request.actor,
            "reason": request.reason.strip(),
            "plan_digest": request.plan_digest,
            "approvals_needed": request.approvals,
            "migration_class": request.migration_class,
            "passed_freeze": request.passed_freeze,
            "modules_delta": asdict(rules.modules_delta(then, build.modules)),
            "idempotency_key": request.key,
            "request_digest": request.request_digest,
            "recovery_attempts": 0,
            "lease_token": 0,
            "updated_by": request.actor,
        }

    def _require_free(self, connection: Connection, request: ReleaseRequest) -> None:
        """Refuse what another release or a hold forbids; a promotion may end a hold."""
        if request.approvals == 0:
            _refuse_in_flight(connection, request.environment)
        hold = hold_of(connection, request.environment)
        if hold is None or request.kind != "promote":
            return
        if not request.lift_hold:
            refuse_held(hold)
        lift = update(tables.holds).where(tables.holds.c.id == hold.id)
        facts = {
            "lifted_by": request.actor, "lifted_reason": request.reason.strip(),
            "lifted_at": self.timestamp(connection),
        }  # fmt: skip
        connection.execute(lift.values(facts))

    def _require_approved(self, connection: Connection, release: Release) -> None:
        given = select(func.count()).where(tables.approvals.c.release_id == release.id)
        count = connection.execute(given).scalar_one()
        if count < release.approvals_needed:
            raise RefusedError(
                f"release {release.id} has {count} of {release.approvals_needed} approvals",
                help=f"somebody other than {release.actor}: `xtask approve {release.id}`",
            )
        _refuse_in_flight(connection, release.environment)

    def _end_unbegun(self, release_id: str, to: ReleaseStatus, error: str, actor: str) -> Release:
        if not error.strip():
            raise RefusedError("this needs a reason", help="say why: --reason TEXT")
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            facts = {"error": error, "ended_at": self.timestamp(connection)}
            return self._move(connection, release, to, actor=actor, **facts)

    def _move(
        self,
        connection: Connection,
        release: Release,
        to: ReleaseStatus,
        *,
        actor: str | None = None,
        **facts: Any,  # noqa: ANN401 - columns
    ) -> Release:
        rules.require_release_transition(release.id, release.status, to)
        by = {"updated_by": actor or release.actor, "updated_at": self.timestamp(connection)}
        return self._write(connection, release, {"status": to, **by, **facts})

    def _write(self, connection: Connection, release: Release, columns: dict[str, Any]) -> Release:
        of_release = tables.releases.c.id == release.id
        connection.execute(update(tables.releases).where(of_release).values(columns))
        return one_release(connection, release.id)


def _refuse_in_flight(connection: Connection, environment: str) -> None:
    if other := with_status(connection, environment, rules.IN_FLIGHT):
        raise RefusedError(
            f"{other.environment} is taken by {other.id}: {other.kind} by {other.actor},"
            f" {other.status}, since {other.created_at} ({other.reason})",
            help="wait until it ends; if its process is gone, run `xtask resume`",
        )


def refuse_held(hold: Hold | None) -> None:
    """Raise RefusedError when an environment is held."""
    if hold is not None:
        raise RefusedError(
            f"{hold.environment} is held since {hold.created_at} by {hold.actor}: {hold.reason}",
            help="`promote … --lift-hold` ends it, or `xtask unhold` does",
        )


def _require_pending(release: Release) -> None:
    if release.status != "pending":
        raise RefusedError(f"release {release.id} is {release.status}: it waits for nobody")


def _require_succeeded(build: Build) -> Build:
    if build.status != "succeeded":
        raise RefusedError(
            f"build {build.id} is {build.status}: only a succeeded build can be released",
            help="run `xtask build`",
        )
    return build


def _exhume(connection: Connection, build: Build) -> None:
    """Keep the bytes of a build that is wanted again, unless they are gone.

    Raises:
        RefusedError: they are.
    """
    stones = tables.tombstones
    of_build = stones.c.manifest_hash == build.manifest_hash
    gone = connection.execute(select(stones.c.deleted_at).where(of_build)).scalar()
    if gone is not None:
        raise refusals.removed(build, gone)
    connection.execute(delete(stones).where(of_build))
