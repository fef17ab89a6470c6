"""How the row of a release comes to be: somebody asks for it, others agree, or it is taken back.

Each writer locks the environment's row before it reads a status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, insert, select, text

from xtask.digest import sha256
from xtask.errors import RefusedError
from xtask.records import refusals, rules, tables
from xtask.records.builds import one_build
from xtask.records.connection import Database
from xtask.records.environments import require_environment
from xtask.records.holds import hold_of
from xtask.records.moves import move
from xtask.records.releases import (
    active,
    approvals_of,
    locked_release,
    require_planned,
    same_command,
    with_status,
)
from xtask.records.retention import exhume
from xtask.records.values import BuildModule, Release, release_id, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from xtask.records.values import Build, Hold, ReleaseRequest, ReleaseStatus


class Ground(NamedTuple):
    """What a release is decided on, read under its environment's lock: now, and what is there."""

    moment: datetime
    active: Release | None
    hold: Hold | None

    @property
    def at(self) -> str:
        """The moment as the records write it."""
        return timestamp(self.moment)


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
            require_environment(connection, request.environment, lock=True)
            return self.request(connection, request, self.ground(connection, request.environment))

    def approve_release(self, release_id: str, *, actor: str, reason: str = "") -> Release:
        """Record that somebody agrees; with the last yes that it needs the release is approved.

        When another release is in flight then, or the environment is held by something that it
        does not end, it stays pending with all that it needs.

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
            given = approvals_of(connection, release.id)
            if actor in {each.actor for each in given}:
                raise RefusedError(f"{actor} has approved {release.id} already")
            at = self.timestamp(connection)
            row = {
                "release_id": release.id, "actor": actor, "plan_digest": release.plan_digest,
                "reason": reason, "at": at,
            }  # fmt: skip
            connection.execute(insert(tables.approvals), row)
            enough = len(given) + 1 >= release.approvals_needed
            taken = with_status(connection, release.environment, rules.IN_FLIGHT)
            hold = hold_of(connection, release.environment)
            if not enough or taken or (hold and hold.id != release.ends_hold_id):
                return release
            return move(connection, release, "approved", at, actor=actor)

    def reject_release(self, release_id: str, error: str, *, actor: str) -> Release:
        """Record that a release which has not begun is not wanted, and why."""
        return self._end_unbegun(release_id, "rejected", error, actor)

    def cancel_release(self, release_id: str, error: str, *, actor: str) -> Release:
        """Record that a release which has not begun is taken back, and why."""
        return self._end_unbegun(release_id, "cancelled", error, actor)

    def ground(self, connection: Connection, environment: str) -> Ground:
        """Return what is there in an environment that this transaction has locked."""
        there = active(connection, environment), hold_of(connection, environment)
        return Ground(self.moment(connection), *there)

    def request(self, connection: Connection, request: ReleaseRequest, ground: Ground) -> Release:
        """Record that somebody wants a build to serve a locked environment; see above."""
        require_reason(request.reason)
        command = (request.environment, request.key, request.request_digest)
        if same := same_command(connection, *command):
            return same
        build = _require_succeeded(one_build(connection, request.build_id))
        exhume(connection, build)
        ends = _require_free(connection, request, ground.hold)
        require_seen(ground.active, request.seen)
        if request.restores is not None:
            require_planned(connection, request, build, ground.active)
        row = _row(request, build) | {
            "configuration": _keep(connection, request.configuration),
            "modules_delta": modules_delta(connection, ground.active, build.id),
            "id": release_id(ground.moment, self.new_id()),
            "ends_hold_id": ends.id if ends else None,
            "created_at": ground.at,
            "updated_at": ground.at,
        }
        release = Release.from_row(connection.execute(_insert, row).mappings().one())
        return release if request.approvals else move(connection, release, "approved", ground.at)

    def _end_unbegun(self, release_id: str, to: ReleaseStatus, error: str, actor: str) -> Release:
        require_reason(error)
        with self.writing() as connection:
            release = locked_release(connection, release_id)
            at = self.timestamp(connection)
            return move(connection, release, to, at, actor=actor, error=error, ended_at=at)


_keeping = text(
    "INSERT INTO configurations (digest, content) VALUES (:digest, :content)"
    " ON CONFLICT (digest) DO NOTHING"
)
_insert = insert(tables.releases).returning(tables.releases)
_modules = select(tables.builds.c.id, tables.builds.c.modules).where(
    tables.builds.c.id.in_([bindparam("before"), bindparam("after")])
)


def modules_delta(
    connection: Connection, before: Release | None, build_id: str
) -> dict[str, dict[str, Any]]:
    """Return how the modules of a build differ from those of a release, as JSON."""
    ids = {"before": before.build_id if before else build_id, "after": build_id}
    found = {
        row.id: [BuildModule(**module) for module in row.modules]
        for row in connection.execute(_modules, ids)
    }
    then = found[before.build_id] if before else ()
    return rules.modules_delta(then, found[build_id])._asdict()


def _keep(connection: Connection, content: str | None) -> str | None:
    """Let a configuration be there, and return its digest."""
    if content is None:
        return None
    digest = sha256(content.encode())
    connection.execute(_keeping, {"digest": digest, "content": content})
    return digest


def require_reason(reason: str) -> None:
    """Raise RefusedError when nobody could understand it later."""
    if not reason.strip():
        raise RefusedError("this needs a reason", help="say why: --reason TEXT")


def require_seen(active: Release | None, seen: int | None) -> None:
    """Raise RefusedError when what serves is not what somebody has seen; None is anything."""
    if seen not in {None, rules.serving(active)}:
        raise RefusedError(
            f"the plan is stale: {active.id if active else 'nothing'} serves now, by another plan",
            help="look at it again with `--plan`, then give the command again",
        )


def refuse_in_flight(connection: Connection, environment: str) -> None:
    """Raise RefusedError when a release has the environment."""
    if other := with_status(connection, environment, rules.IN_FLIGHT):
        raise RefusedError(
            f"{other.environment} is taken by {other.id}: {other.kind} by {other.actor},"
            f" {other.status}, since {other.created_at} ({other.reason})",
            help=refusals.way_out(other),
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


def _require_free(
    connection: Connection, request: ReleaseRequest, hold: Hold | None
) -> Hold | None:
    """Refuse what another release or a hold forbids; return the hold that a promotion ends."""
    if request.approvals == 0:
        refuse_in_flight(connection, request.environment)
    if hold is None or request.kind != "promote":
        return None
    if not request.lift_hold:
        raise refusals.on_hold(hold)
    return hold


def _row(request: ReleaseRequest, build: Build) -> dict[str, Any]:
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
        "idempotency_key": request.key,
        "request_digest": request.request_digest,
        "recovery_attempts": 0,
        "lease_token": 0,
        "updated_by": request.actor,
    }
