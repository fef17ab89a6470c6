"""How a release is carried out, from its beginning to its end.

Each writer locks the environment's row before it reads a status, and whoever deploys holds a lease
with a token: a process that was taken for dead, and wakes up, is refused.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from xtask.errors import RefusedError
from xtask.records import refusals, rules, tables
from xtask.records.environments import require_environment
from xtask.records.holds import end_hold, hold_of, place_hold
from xtask.records.moves import change, move
from xtask.records.releases import active, approvals_of, locked_release, one_release
from xtask.records.requests import (
    Requests,
    modules_delta,
    refuse_in_flight,
    require_reason,
    require_seen,
)
from xtask.records.values import Release, timestamp
from xtask.settings import LEASE_SECONDS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from xtask.records.requests import Ground
    from xtask.records.values import Claim, Hold, ReleaseRequest


class Deployments(Requests):
    """Every change of a release."""

    __slots__ = ()

    def begin_release(self, request: ReleaseRequest, claim: Claim) -> Release:
        """Record that a build is about to serve an environment; the row is the deploy lock.

        Raises:
            RefusedError: see `request_release` and `deploy_release`.
        """
        with self.writing() as connection:
            require_environment(connection, request.environment, lock=True)
            ground = self.ground(connection, request.environment)
            release = self.request(connection, request, ground)
            # An older one is what the same command made before; a new one may have to wait.
            is_new = release.status == "approved"
            return _begin(connection, release, claim, ground) if is_new else release

    def deploy_release(self, release_id: str, claim: Claim, seen: int | None = None) -> Release:
        """Record that an approved release begins; its predecessor is what is active now.

        Generation, predecessor and module delta are frozen here, under the environment's lock. A
        pending release that has all its approvals is approved first.

        Args:
            release_id: one that is approved, or has all its approvals.
            claim: who deploys it.
            seen: the generation of what served when that was decided; see `ReleaseRequest`.

        Raises:
            RefusedError: it is not approved, another one is in flight or serves, the environment is
                held, or a redeployment's build does not serve any more.
        """
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            ground = self.ground(connection, release.environment)
            require_seen(ground.active, seen)
            if release.status == "pending":
                _require_approved(connection, release)
                release = move(connection, release, "approved", ground.at)
            delta = modules_delta(connection, ground.active, release.build_id)
            return _begin(connection, release, claim, ground, modules_delta=delta)

    def take_over(self, release_id: str, claim: Claim, *, alone: bool = False) -> Release:
        """Continue a release whose process gave no sign of life; it is fenced from here on.

        One whose recovery has failed waits for whoever comes: of two, the later one settles it.

        Args:
            release_id: one that is being deployed, or needs a recovery.
            claim: who continues it.
            alone: the caller holds the lock under which all changes of the environment happen.

        Raises:
            RefusedError: nobody deploys it, or its process is alive.
        """
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            if release.status == "recovery_required":
                return change(connection, release, lease_token=release.lease_token + 1)
            if release.status not in rules.LEASED:
                raise RefusedError(f"release {release.id} is {release.status}: nobody deploys it")
            moment = self.moment(connection)
            if not alone and str(release.lease_until) > timestamp(moment):
                raise RefusedError(
                    f"{release.id} is being deployed by {release.lease_owner}",
                    help=f"wait until it ends; without a sign of life until {release.lease_until}"
                    " `xtask resume` takes it over",
                )
            return change(connection, release, **_lease(moment, claim, release))

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
            return change(connection, held, lease_until=until)

    def verify_release(self, release: Release) -> Release:
        """Record that traffic is about to switch and what serves is being checked."""
        with self.writing() as connection:
            held = _held(connection, release)
            return move(connection, held, "verifying", self.timestamp(connection))

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
                move(connection, old, rules.ends_as(held), now, actor=by, ended_at=now)
                if held.kind == "rollback":
                    self._hold(connection, held, old, now)
            return move(connection, held, "active", now, actor=by, activated_at=now, **_free())

    def recover_release(self, release: Release, error: str) -> Release:
        """Record that what served before is being brought back, once and for all.

        Raises:
            RefusedError: a recovery was begun already.
        """
        with self.writing() as connection:
            held = _held(connection, release)
            attempts = held.recovery_attempts + 1
            at = self.timestamp(connection)
            return move(connection, held, "recovering", at, error=error, recovery_attempts=attempts)

    def fail_release(self, release: Release, error: str, *, actor: str | None = None) -> Release:
        """Record that the release does not serve, and why; its predecessor stays active.

        Args:
            release: one that is being deployed or recovered.
            error: what went wrong.
            actor: who says so, default who asked for it.
        """
        with self.writing() as connection:
            held = _held(connection, release)
            at = self.timestamp(connection)
            facts = {"error": error, "ended_at": at, **_free()}
            return move(connection, held, "failed", at, actor=actor, **facts)

    def require_recovery(self, release: Release, error: str) -> Release:
        """Record that nobody knows what serves; the environment stays taken until that is known."""
        with self.writing() as connection:
            held = _held(connection, release)
            at = self.timestamp(connection)
            return move(connection, held, "recovery_required", at, error=error, **_free())

    def abandon_release(self, release_id: str, error: str, *, actor: str) -> Release:
        """Record that a person knows that a release whose recovery has failed does not serve.

        The environment is free again; whether what it says to be active serves is not known.

        Raises:
            RefusedError: no reason, or its recovery has not failed.
        """
        require_reason(error)
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            at = self.timestamp(connection)
            facts = {"error": f"{release.error}; given up: {error}", "ended_at": at}
            token = release.lease_token + 1
            return move(connection, release, "failed", at, actor=actor, lease_token=token, **facts)

    def _hold(self, connection: Connection, rollback: Release, bad: Release, at: str) -> None:
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
                "created_at": at,
            },
        )


_last_generation = select(func.max(tables.releases.c.generation)).where(
    tables.releases.c.environment == bindparam("environment")
)


def _begin(
    connection: Connection,
    release: Release,
    claim: Claim,
    ground: Ground,
    **facts: Any,  # noqa: ANN401 - columns
) -> Release:
    """Give an approved release its place behind what is active now, and to whom deploys it."""
    rules.require_release_transition(release.id, release.status, "deploying")
    before = ground.active
    if release.kind == "redeploy" and (before is None or before.build_id != release.build_id):
        raise RefusedError(f"{release.environment} does not serve this build any more")
    last = connection.execute(_last_generation, {"environment": release.environment}).scalar()
    if ground.hold and release.kind == "promote":
        _end_hold(connection, release, ground.hold, ground.at)
    return move(
        connection,
        release,
        "deploying",
        ground.at,
        generation=(last or 0) + 1,
        previous_release_id=before.id if before else None,
        deployed_at=ground.at,
        **_lease(ground.moment, claim, release),
        **facts,
    )


def _end_hold(connection: Connection, release: Release, hold: Hold, at: str) -> None:
    """End the hold that a promotion was asked for to end; any other one stops it."""
    if hold.id != release.ends_hold_id:
        raise refusals.on_hold(hold)
    end_hold(connection, hold.id, actor=release.actor, reason=release.reason, at=at)


def _lease(moment: datetime, claim: Claim, release: Release) -> dict[str, Any]:
    return {
        "lease_owner": claim.owner,
        "lease_token": release.lease_token + 1,
        "lease_until": timestamp(moment + timedelta(seconds=claim.seconds)),
    }


def _free() -> dict[str, None]:
    return {"lease_owner": None, "lease_until": None}


def _held(connection: Connection, release: Release) -> Release:
    """Return the row of a release that the caller still has."""
    require_environment(connection, release.environment, lock=True)
    found = one_release(connection, release.id)
    if found.lease_token != release.lease_token:
        raise RefusedError(
            f"release {release.id} is in the hands of {found.lease_owner or found.status} now:"
            " this process gave no sign of life for too long",
            help="nothing more of it is recorded; look at `xtask status`",
        )
    return found


def _require_approved(connection: Connection, release: Release) -> None:
    count = len(approvals_of(connection, release.id))
    if count < release.approvals_needed:
        raise RefusedError(
            f"release {release.id} has {count} of {release.approvals_needed} approvals",
            help=f"somebody other than {release.actor}: `xtask approve {release.id}`",
        )
    refuse_in_flight(connection, release.environment)
