"""How the row of a release comes to be, is approved, deployed and ends.

Each writer locks the environment's row before it reads a status, and whoever deploys holds a lease
with a token: a process that was taken for dead, and wakes up, is refused.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from xtask.errors import RefusedError
from xtask.records import rules, tables
from xtask.records.builds import one_build
from xtask.records.connection import Database
from xtask.records.environments import require_environment
from xtask.records.holds import hold_of, place_hold
from xtask.records.releases import (
    active,
    locked_release,
    one_release,
    require_planned,
    same_command,
    with_status,
)
from xtask.records.values import Release, release_id, timestamp
from xtask.settings import LEASE_SECONDS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from xtask.records.values import Build, Claim, Hold, ReleaseRequest, ReleaseStatus


class Deployments(Database):
    """Every change of a release."""

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

    def begin_release(self, request: ReleaseRequest, claim: Claim) -> Release:
        """Record that a build is about to serve an environment; the row is the deploy lock.

        Raises:
            RefusedError: see `request_release` and `deploy_release`.
        """
        with self.writing() as connection:
            release = self._request(connection, request)
            # An older one is what the same command made before; a new one may have to wait.
            is_new = release.status == "approved"
            return self._deploy(connection, release, claim) if is_new else release

    def deploy_release(self, release_id: str, claim: Claim) -> Release:
        """Record that an approved release begins; its predecessor is what is active now.

        Generation, predecessor and module delta are frozen here, under the environment's lock. A
        pending release that has all its approvals is approved first.

        Raises:
            RefusedError: it is not approved, another one is in flight, the environment is held,
                or a redeployment's build does not serve any more.
        """
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            return self._deploy(connection, release, claim)

    def take_over(self, release_id: str, claim: Claim, *, alone: bool = False) -> Release:
        """Continue a release whose process gave no sign of life; it is fenced from here on.

        Args:
            release_id: one that is being deployed.
            claim: who continues it.
            alone: the caller holds the lock under which all changes of the environment happen.

        Raises:
            RefusedError: nobody deploys it, or its process is alive.
        """
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            if release.status not in rules.LEASED:
                raise RefusedError(f"release {release.id} is {release.status}: nobody deploys it")
            if not alone and str(release.lease_until) > self.timestamp(connection):
                raise RefusedError(
                    f"{release.id} is being deployed by {release.lease_owner}",
                    help=f"wait until it ends; without a sign of life until {release.lease_until}"
                    " `xtask resume` takes it over",
                )
            return self._write(connection, release, self._lease(connection, claim, release))

    def renew_release(self, release: Release, seconds: float = LEASE_SECONDS) -> Release:
        """Give a sign of life.

        Raises:
            RefusedError: somebody took it over, or it has ended.
        """
        with self.writing() as connection:
            held = _held(connection, release)
            if held.status not in rules.LEASED:
                raise RefusedError(f"release {held.id} is {held.status}: nobody deploys it")
            until = timestamp(self.moment(connection) + timedelta(seconds=seconds))
            return self._write(connection, held, {"lease_until": until})

    def verify_release(self, release: Release) -> Release:
        """Record that traffic is about to switch and what serves is being checked."""
        with self.writing() as connection:
            return self._move(connection, _held(connection, release), "verifying")

    def activate_release(self, release: Release, *, actor: str | None = None) -> Release:
        """Record that the release was seen serving; in the same transaction the old one ends.

        The old one is superseded by a promotion and rolled back by a rollback, which also holds
        the environment: nothing is promoted there until somebody lifts that.
        """
        with self.writing() as connection:
            held = _held(connection, release)
            rules.require_release_transition(held.id, held.status, "active")
            now, by = self.timestamp(connection), actor or held.actor
            if old := active(connection, held.environment):
                # The old row first: a partial unique index is checked row by row.
                self._move(connection, old, rules.ends_as(held), actor=by, ended_at=now)
                if held.kind == "rollback":
                    self._hold(connection, held, old)
            return self._move(connection, held, "active", actor=by, activated_at=now, **_free())

    def recover_release(self, release: Release, error: str) -> Release:
        """Record that what served before is being brought back, once and for all.

        Raises:
            RefusedError: a recovery was begun already.
        """
        with self.writing() as connection:
            held = _held(connection, release)
            attempts = held.recovery_attempts + 1
            return self._move(
                connection, held, "recovering", error=error, recovery_attempts=attempts
            )

    def fail_release(self, release: Release, error: str, *, actor: str | None = None) -> Release:
        """Record that the release does not serve, and why; its predecessor stays active.

        Args:
            release: one that is being deployed or recovered.
            error: what went wrong.
            actor: who says so, default who asked for it.
        """
        with self.writing() as connection:
            held = _held(connection, release)
            facts = {"error": error, "ended_at": self.timestamp(connection)}
            return self._move(connection, held, "failed", actor=actor, **facts, **_free())

    def require_recovery(self, release: Release, error: str) -> Release:
        """Record that nobody knows what serves; the environment stays taken until that is known."""
        with self.writing() as connection:
            held = _held(connection, release)
            return self._move(connection, held, "recovery_required", error=error, **_free())

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

    def _deploy(self, connection: Connection, release: Release, claim: Claim) -> Release:
        if release.status == "pending":
            self._require_free_of_others(connection, release)
            release = self._move(connection, release, "approved")
        rules.require_release_transition(release.id, release.status, "deploying")
        if release.kind == "promote":
            _refuse_held(hold_of(connection, release.environment))
        before = active(connection, release.environment)
        if release.kind == "redeploy" and (before is None or before.build_id != release.build_id):
            raise RefusedError(f"{release.environment} does not serve this build any more")
        now = one_build(connection, release.build_id).modules
        then = one_build(connection, before.build_id).modules if before else ()
        generations = select(func.max(tables.releases.c.generation)).where(
            tables.releases.c.environment == release.environment
        )
        return self._move(
            connection,
            release,
            "deploying",
            generation=(connection.execute(generations).scalar() or 0) + 1,
            previous_release_id=before.id if before else None,
            modules_delta=asdict(rules.modules_delta(then, now)),
            deployed_at=self.timestamp(connection),
            **self._lease(connection, claim, release),
        )

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
            _refuse_held(hold)
        lift = update(tables.holds).where(tables.holds.c.id == hold.id)
        facts = {
            "lifted_by": request.actor, "lifted_reason": request.reason.strip(),
            "lifted_at": self.timestamp(connection),
        }  # fmt: skip
        connection.execute(lift.values(facts))

    def _require_free_of_others(self, connection: Connection, release: Release) -> None:
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

    def _hold(self, connection: Connection, rollback: Release, bad: Release) -> None:
        if hold_of(connection, rollback.environment):
            return
        place_hold(
            connection,
            {
                "id": str(self.new_id()),
                "kind": "environment",
                "environment": rollback.environment,
                "manifest_hash": bad.manifest_hash,
                "release_id": rollback.id,
                "actor": rollback.actor,
                "reason": f"rolled back: {rollback.reason}",
                "created_at": self.timestamp(connection),
            },
        )

    def _lease(self, connection: Connection, claim: Claim, release: Release) -> dict[str, Any]:
        until = self.moment(connection) + timedelta(seconds=claim.seconds)
        return {
            "lease_owner": claim.owner,
            "lease_token": release.lease_token + 1,
            "lease_until": timestamp(until),
        }

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


def _free() -> dict[str, None]:
    return {"lease_owner": None, "lease_until": None}


def _held(connection: Connection, release: Release) -> Release:
    """Return the row of a release that the caller still has."""
    found = locked_release(connection, release.id)
    if found.lease_token != release.lease_token:
        raise RefusedError(
            f"release {release.id} is in the hands of {found.lease_owner or found.status} now:"
            " this process gave no sign of life for too long",
            help="nothing more of it is recorded; look at `xtask status`",
        )
    return found


def _refuse_in_flight(connection: Connection, environment: str) -> None:
    if other := with_status(connection, environment, rules.IN_FLIGHT):
        raise RefusedError(
            f"{other.environment} is taken by {other.id}: {other.kind} by {other.actor},"
            f" {other.status}, since {other.created_at} ({other.reason})",
            help="wait until it ends; if its process is gone, run `xtask resume`",
        )


def _refuse_held(hold: Hold | None) -> None:
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
        raise RefusedError(
            f"the bytes of build {build.id[:8]} were not needed and were removed ({gone})",
            help="build the same commit again: it makes the same image",
        )
    connection.execute(delete(stones).where(of_build))
