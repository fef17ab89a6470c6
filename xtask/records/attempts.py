"""How the row of a build comes to be, advances and ends, whichever way the database is reached."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from xtask.errors import RefusedError
from xtask.records import rules
from xtask.records.values import timestamp
from xtask.settings import LEASE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from xtask.records.values import Build, BuildModule, BuildRequest, BuildStatus, Claim

LOST = "builder lost"


class LiveElsewhereError(RefusedError):
    """Somebody else builds this manifest hash now, or has built it: `build`."""

    def __init__(self, build: Build) -> None:
        super().__init__(
            f"{build.manifest_hash[:19]} is {build.status} as build {build.id}"
            f" (by {build.requested_by}, since {build.created_at})",
            help="use that build" if build.status == "succeeded" else "wait until it has finished",
        )
        self.build = build


class BuildRows(Protocol):
    """The rows of builds in one transaction that writes."""

    @property
    def moment(self) -> datetime:
        """The time by the clock that all writers of these records share."""

    def one(self, build_id: str) -> Build:
        """Return the build of a whole id, which nobody else changes before the commit.

        Raises:
            RefusedError: there is none.
        """

    def live(self, manifest_hash: str) -> Build | None:
        """Return the build of a manifest hash that is queued, running or succeeded.

        When there is none, nobody else adds one before the commit.
        """

    def last_succeeded(self) -> Build | None:
        """Return the build that succeeded last."""

    def insert(self, row: Mapping[str, Any]) -> Build:
        """Add a row and return it."""

    def exhume(self, manifest_hash: str) -> None:
        """Forget that the bytes of a manifest were not needed, or are gone: they are here."""

    def change(self, build_id: str, **columns: Any) -> Build:  # noqa: ANN401 - columns
        """Change columns of a row and return it."""

    def say(self, build_id: str, lines: Sequence[str]) -> None:
        """Add lines after those that were said of a build before."""


class Attempts(ABC):
    """Attempts to make bundles, at most one live per manifest hash.

    Whoever has a build holds a lease on it with a token; a writer with an older token than the
    row's was taken for dead, and is refused.
    """

    __slots__ = ()

    new_id: Callable[[], UUID]

    @abstractmethod
    def build_rows(self, *, durable: bool = True) -> AbstractContextManager[BuildRows]:
        """Hold one transaction; one that is not `durable` may be lost with the system's power.

        What was committed before it and after it never is, and a loss leaves what was before.

        Raises:
            RefusedError: a constraint forbids it, or another process holds the lock for too long.
            XtaskError: the database does not answer.
        """

    def begin_build(self, request: BuildRequest, claim: Claim, *, alone: bool = False) -> Build:
        """Record a build that starts to run now, or take the one of this hash that waits.

        Args:
            request: what is built.
            claim: who builds it.
            alone: the caller holds the lock under which all builds of these records run. A build
                of this hash that still runs was then left by a dead process, and fails as lost.

        Raises:
            LiveElsewhereError: a build of this hash runs elsewhere, or has succeeded.
        """
        with self.build_rows(durable=False) as rows:
            live = rows.live(request.manifest_hash)
            if live and (taken := self._taken(rows, live, claim, alone=alone)):
                return taken
            row = self._requested(rows, request)
            return rows.insert(row | {"status": "running", **_leased(rows, claim, 0, 0)})

    def request_build(self, request: BuildRequest) -> tuple[Build, bool]:
        """Queue a build, or return the one of this hash that is queued, running or succeeded.

        Returns:
            the build, and whether it is new.
        """
        with self.build_rows() as rows:
            if live := rows.live(request.manifest_hash):
                return live, False
            row = self._requested(rows, request)
            return rows.insert(row | {"status": "queued"}), True

    def renew_build(self, build: Build, seconds: float = LEASE_SECONDS) -> Build:
        """Give a sign of life; the build that is returned says whether somebody cancels it.

        Raises:
            RefusedError: another builder has it, or it has ended.
        """
        with self.build_rows(durable=False) as rows:
            held = _held(rows, build, "be continued")
            return rows.change(held.id, lease_until=_until(rows, seconds))

    def advance_build(self, build: Build, stage: str, progress: int) -> None:
        """Record how far a running build is: a stage's name, and 0 to 100 that never decreases.

        Raises:
            RefusedError: another builder has it, it has ended or is cancelled, or it was further
                already.
        """
        with self.build_rows(durable=False) as rows:
            held = _held(rows, build, "advance")
            if held.cancelled_by:
                raise RefusedError(f"build {held.id} was cancelled by {held.cancelled_by}")
            rows.change(held.id, stage=stage, progress=progress)

    def finish_build(  # noqa: PLR0913 - what a success consists of
        self,
        build: Build,
        *,
        image_digest: str,
        config_digest: str,
        image_ref: str,
        bundle: str,
        modules: Sequence[BuildModule],
    ) -> Build:
        """Record success with its evidence; again for a succeeded build when the image is the same.

        Raises:
            RefusedError: another builder has it, it does not run, or this manifest hash has
                another image already.
        """
        with self.build_rows() as rows:
            found = rows.one(build.id)
            rows.exhume(found.manifest_hash)
            if found.status == "succeeded":
                return _same_image(found, image_digest)
            return self._end(
                rows,
                _held(rows, build, "become succeeded"),
                "succeeded",
                stage="complete",
                progress=100,
                image_digest=image_digest,
                config_digest=config_digest,
                image_ref=image_ref,
                bundle=bundle,
                modules=[module._asdict() for module in modules],
            )

    def fail_build(self, build: Build, error: str) -> Build:
        """Record that a running build failed, and why; its stage stays where it was.

        One that somebody wanted to end is cancelled.

        Raises:
            RefusedError: another builder has it, or it has ended.
        """
        with self.build_rows() as rows:
            held = _held(rows, build, "become failed")
            return self._end_badly(rows, held, error)

    def release_build(self, build: Build, why: str) -> Build:
        """Give a running build back to the queue, because its builder cannot go on.

        One that somebody wanted to end is cancelled; one that too many had has failed.

        Raises:
            RefusedError: another builder has it, or it has ended.
        """
        with self.build_rows() as rows:
            held = _held(rows, build, "be given back")
            return self._given_back(rows, held, why, actor=str(held.lease_owner))

    def write_lines(self, build: Build, lines: Sequence[str]) -> None:
        """Add what a builder says, after what was said before.

        Raises:
            RefusedError: the build is not its any more.
        """
        with self.build_rows(durable=False) as rows:
            if rows.one(build.id).lease_token != build.lease_token:
                raise RefusedError(f"build {build.id} is in other hands")
            rows.say(build.id, lines)

    def cancel_build(self, build_id: str, *, actor: str, reason: str = "") -> Build:
        """End a queued build, or ask the builder of a running one to end it.

        Raises:
            RefusedError: there is none, or it has ended.
        """
        with self.build_rows() as rows:
            build, facts = rows.one(build_id), {"cancelled_by": actor, "error": reason or None}
            if build.status == "running":
                return rows.change(build.id, **facts)
            return self._end(rows, build, "cancelled", actor=actor, **facts)

    def claim_row(self, rows: BuildRows, build: Build, claim: Claim) -> Build | None:
        """Give a build that is queued, or whose builder gave no sign of life, to a builder.

        Returns:
            the build, or None for one that ended here: cancelled, or lost too often.
        """
        if build.status == "running":
            why = f"{LOST}: {build.lease_owner}"
            build = self._given_back(rows, build, why, actor=claim.owner)
            if build.status != "queued":
                return None
        leased = _leased(rows, claim, build.attempt, build.lease_token)
        return rows.change(build.id, status="running", error=None, **leased)

    def _requested(self, rows: BuildRows, request: BuildRequest) -> dict[str, Any]:
        last = rows.last_succeeded()
        before = last.modules if last else ()
        moment = timestamp(rows.moment)
        return {
            "id": str(self.new_id()),
            "stage": "queued",
            "progress": 0,
            "profile": request.profile,
            "manifest_hash": request.manifest_hash,
            "modules": [module._asdict() for module in request.modules],
            "modules_delta": rules.modules_delta(before, request.modules)._asdict(),
            "requested_by": request.actor,
            "reason": request.reason,
            "revision": request.revision,
            "priority": request.priority,
            "attempt": 0,
            "lease_token": 0,
            "created_at": moment,
            "updated_by": request.actor,
            "updated_at": moment,
        }

    def _taken(self, rows: BuildRows, live: Build, claim: Claim, *, alone: bool) -> Build | None:
        """Return a live build as the claimant's, or None when it ended here."""
        if live.status == "running" and alone:
            self._end_badly(rows, live, LOST)
            return None
        is_lost = live.status == "running" and str(live.lease_until) < timestamp(rows.moment)
        if live.status == "queued" or is_lost:
            return self.claim_row(rows, live, claim)
        raise LiveElsewhereError(live)

    def _given_back(self, rows: BuildRows, build: Build, why: str, *, actor: str) -> Build:
        """Queue a running build again, unless it was cancelled or given to too many."""
        if build.cancelled_by or build.attempt >= rules.MAX_ATTEMPTS:
            return self._end_badly(rows, build, why, actor=actor)
        facts = {"status": "queued", "stage": "queued", "progress": 0, "error": why}
        return rows.change(build.id, **facts, **_free(), **_by(rows, actor))

    def _end_badly(
        self, rows: BuildRows, build: Build, error: str, *, actor: str | None = None
    ) -> Build:
        """End a build as failed, or as cancelled for the reason that somebody gave."""
        if not build.cancelled_by:
            return self._end(rows, build, "failed", actor=actor, error=error)
        return self._end(rows, build, "cancelled", actor=actor, error=build.error or error)

    def _end(
        self,
        rows: BuildRows,
        build: Build,
        to: BuildStatus,
        *,
        actor: str | None = None,
        **facts: Any,  # noqa: ANN401 - columns
    ) -> Build:
        rules.require_build_transition(build.id, build.status, to)
        by = _by(rows, actor or build.lease_owner or build.requested_by)
        ended = {"status": to, "finished_at": by["updated_at"], **by, **_free()}
        return rows.change(build.id, **ended, **facts)


def _by(rows: BuildRows, actor: str) -> dict[str, str]:
    return {"updated_by": actor, "updated_at": timestamp(rows.moment)}


def _leased(rows: BuildRows, claim: Claim, attempt: int, token: int) -> dict[str, Any]:
    moment = timestamp(rows.moment)
    return {
        "stage": "started",
        "attempt": attempt + 1,
        "lease_owner": claim.owner,
        "lease_token": token + 1,
        "lease_until": _until(rows, claim.seconds),
        "started_at": moment,
        "updated_by": claim.owner,
        "updated_at": moment,
    }


def _free() -> dict[str, None]:
    return {"lease_owner": None, "lease_until": None}


def _until(rows: BuildRows, seconds: float) -> str:
    return timestamp(rows.moment + timedelta(seconds=seconds))


def _held(rows: BuildRows, build: Build, wish: str) -> Build:
    """Return the row of a build that the caller still has."""
    found = rows.one(build.id)
    if found.status != "running":
        raise RefusedError(f"build {build.id} is {found.status} and cannot {wish}")
    if found.lease_token != build.lease_token:
        raise RefusedError(
            f"build {build.id} is in the hands of {found.lease_owner} since"
            f" {found.started_at}: this builder gave no sign of life for too long",
            help="nothing of it was recorded; look at `xtask builds`",
        )
    return found


def _same_image(build: Build, image_digest: str) -> Build:
    if build.image_digest != image_digest:
        raise RefusedError(
            f"{build.manifest_hash} has the image {build.image_digest}, this one is {image_digest}",
            help="one manifest hash has one image for ever: find the input that is not in the hash",
        )
    return build
