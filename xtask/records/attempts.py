"""How the row of a build comes to be, advances and ends, whichever way the database is reached."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from xtask.errors import RefusedError
from xtask.records import rules
from xtask.records.values import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from xtask.records.values import Build, BuildModule, BuildStatus

LOST = "builder lost"


class BuildRows(Protocol):
    """The rows of builds in one transaction that writes."""

    def one(self, build_id: str) -> Build:
        """Return the build of a whole id, which nobody else changes before the commit.

        Raises:
            RefusedError: there is none.
        """

    def live(self, manifest_hash: str) -> Build | None:
        """Return the build of a manifest hash that is queued, running or succeeded."""

    def last_succeeded(self) -> Build | None:
        """Return the build that succeeded last."""

    def insert(self, row: Mapping[str, Any]) -> None:
        """Add a row."""

    def change(self, build_id: str, **columns: Any) -> None:  # noqa: ANN401 - columns
        """Change columns of a row."""


class Attempts(ABC):
    """Attempts to make bundles, at most one live per manifest hash."""

    __slots__ = ()

    now: Callable[[], datetime]
    new_id: Callable[[], UUID]

    @abstractmethod
    def build_rows(self, *, durable: bool = True) -> AbstractContextManager[BuildRows]:
        """Hold one transaction; one that is not `durable` may be lost with the system's power.

        What was committed before it and after it never is, and a loss leaves what was before.

        Raises:
            RefusedError: a constraint forbids it, or another process holds the lock for too long.
            XtaskError: the database does not answer.
        """

    def begin_build(  # noqa: PLR0913 - what a build consists of
        self,
        manifest_hash: str,
        *,
        profile: str,
        modules: Sequence[BuildModule],
        actor: str,
        reason: str = "",
        alone: bool = False,
    ) -> Build:
        """Record a build that starts to run now.

        Args:
            manifest_hash: of everything that can change the image.
            profile: `release` or `debug`.
            modules: what is built, without layers.
            actor: who wants it.
            reason: why, in words.
            alone: the caller holds the lock under which all builds of these records run. A build
                of this hash that still runs was then left by a dead process, and fails as lost.

        Raises:
            RefusedError: a build of this hash is queued, running elsewhere, or has succeeded.
        """
        with self.build_rows(durable=False) as rows:
            self._require_no_live(rows, manifest_hash, alone=alone)
            last = rows.last_succeeded()
            before = last.modules if last else ()
            build_id = str(self.new_id())
            row = {
                "id": build_id,
                "status": "running",
                "stage": "started",
                "progress": 0,
                "profile": profile,
                "manifest_hash": manifest_hash,
                "modules": [asdict(module) for module in modules],
                "modules_delta": asdict(rules.modules_delta(before, modules)),
                "requested_by": actor,
                "reason": reason,
                "created_at": timestamp(self.now()),
            }
            rows.insert(row)
            return rows.one(build_id)

    def advance_build(self, build_id: str, stage: str, progress: int) -> None:
        """Record how far a running build is: a stage's name, and 0 to 100 that never decreases.

        Raises:
            RefusedError: the build does not run, or was further already.
        """
        with self.build_rows(durable=False) as rows:
            build = rows.one(build_id)
            if build.status != "running":
                raise RefusedError(f"build {build.id} is {build.status} and cannot advance")
            rows.change(build.id, stage=stage, progress=progress)

    def finish_build(  # noqa: PLR0913 - what a success consists of
        self,
        build_id: str,
        *,
        image_digest: str,
        config_digest: str,
        image_ref: str,
        bundle: str,
        modules: Sequence[BuildModule],
    ) -> Build:
        """Record success with its evidence; again for a succeeded build when the image is the same.

        Raises:
            RefusedError: the build does not run, or this manifest hash has another image already.
        """
        with self.build_rows() as rows:
            build = rows.one(build_id)
            if build.status == "succeeded":
                return _same_image(build, image_digest)
            return self._end(
                rows,
                build,
                "succeeded",
                stage="complete",
                progress=100,
                image_digest=image_digest,
                config_digest=config_digest,
                image_ref=image_ref,
                bundle=bundle,
                modules=[asdict(module) for module in modules],
            )

    def fail_build(self, build_id: str, error: str) -> Build:
        """Record that a running build failed, and why; its stage stays where it was."""
        with self.build_rows() as rows:
            return self._end(rows, rows.one(build_id), "failed", error=error)

    def _require_no_live(self, rows: BuildRows, manifest_hash: str, *, alone: bool) -> None:
        live = rows.live(manifest_hash)
        if live is None:
            return
        if live.status == "running" and alone:
            self._end(rows, live, "failed", error=LOST)
            return
        raise RefusedError(
            f"{live.manifest_hash[:19]} is {live.status} as build {live.id}"
            f" (by {live.requested_by}, since {live.created_at})",
            help="use that build" if live.status == "succeeded" else "wait until it has finished",
        )

    def _end(self, rows: BuildRows, build: Build, to: BuildStatus, **facts: Any) -> Build:  # noqa: ANN401 - columns
        rules.require_build_transition(build.id, build.status, to)
        rows.change(build.id, status=to, finished_at=timestamp(self.now()), **facts)
        return rows.one(build.id)


def _same_image(build: Build, image_digest: str) -> Build:
    if build.image_digest != image_digest:
        raise RefusedError(
            f"{build.manifest_hash} has the image {build.image_digest}, this one is {image_digest}",
            help="one manifest hash has one image for ever: find the input that is not in the hash",
        )
    return build
