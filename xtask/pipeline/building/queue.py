"""The queue of builds: asking for one, following it, ending it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from xtask.errors import XtaskError
from xtask.files import locked, require_writable
from xtask.pipeline.building import planning
from xtask.pipeline.building.build import Built
from xtask.pipeline.building.make import requested
from xtask.pipeline.building.revision import clean_revision
from xtask.records.rules import FINISHED
from xtask.records.store import open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.pipeline.progress import Listener, Progress
    from xtask.records.values import Build
    from xtask.settings import Settings

_POLL_SECONDS = 0.5


def request(settings: Settings, progress: Progress, *, priority: int, reason: str) -> Built:
    """Queue a build of the commit that the workspace has, or return the one that is there already.

    Composition and plan are made here too: what is wrong with them is said at once, and the plan's
    hash is what a worker has to come to.

    Args:
        settings: where, for whom, which records.
        progress: who is told.
        priority: higher ones are claimed first.
        reason: why, for the records.

    Raises:
        UsageError: something is not committed.
        InvalidError: manifests are wrong.
        StaleError: the lock does not match: a worker would have to choose versions again.
    """
    workspace = settings.workspace
    revision = clean_revision(workspace)
    with progress.stage("compose") as stage:
        composed = planning.prove(workspace, locked_only=True)
        stage.detail = f"{len(composed.selection.modules)} modules"
    progress.listener.warned(composed.warnings)
    require_writable(workspace.releases)
    waiting = partial(progress.listener.waiting, "another build runs in this workspace")
    with locked(workspace.releases / ".build.lock", waiting):
        planned = planning.plan(composed, workspace, progress, locked_only=True)
    wanted = requested(planned, settings, reason, revision=revision, priority=priority)
    with progress.stage("queue") as stage, open_records(settings.database_url) as records:
        build, is_new = records.request_build(wanted)
        stage.cached = not is_new
        stage.detail = f"build {build.id[:8]}, commit {revision[:12]}"
    return Built(build, cached=build.status == "succeeded")


def log_of(settings: Settings, what: str) -> tuple[Build, list[str]]:
    """Return a build and everything that was said of it so far.

    Raises:
        RefusedError: there is none.
    """
    with open_records(settings.database_url, create=False) as records:
        build = records.find_build(what)
        lines: list[tuple[int, str]] = []
        while more := records.lines(build.id, after=lines[-1][0] if lines else 0):
            lines += more
        return build, [line for _, line in lines]


def follow(settings: Settings, what: str) -> Iterator[tuple[Build, tuple[str, ...]]]:
    """Yield a build and what was said of it since, again and again until it has ended.

    Args:
        settings: which records.
        what: a build id, a manifest hash or a release id; unique beginnings will do.

    Raises:
        RefusedError: there is none.
    """
    with open_records(settings.database_url, create=False) as records:
        build_id, after = records.find_build(what).id, 0
        while True:
            # In this order: what is said of a build is said before it ends.
            build = records.build(build_id)
            lines = records.lines(build_id, after)
            after = lines[-1][0] if lines else after
            yield build, tuple(line for _, line in lines)
            if not lines:
                if build.status in FINISHED:
                    return
                time.sleep(_POLL_SECONDS)


def wait_for(settings: Settings, build: Build, listener: Listener) -> None:
    """Wait until a build that somebody else has is done, or its builder may be lost.

    Raises:
        XtaskError: it has failed or was cancelled.
    """
    listener.waiting(f"build {build.id[:8]} is made by {build.lease_owner}")
    with open_records(settings.database_url) as records:
        now, heard = build, time.monotonic()
        # By this clock, and only to ask again: the records decide by theirs.
        while now.status == "running" and time.monotonic() - heard <= settings.lease_seconds:
            time.sleep(_POLL_SECONDS)
            before, now = now, records.build(build.id)
            heard = heard if now.lease_until == before.lease_until else time.monotonic()
    if now.status in {"failed", "cancelled"}:
        raise XtaskError(
            f"build {now.id[:8]}, made by {build.lease_owner}, is {now.status}: {now.error}",
            help=f"see `xtask builds {now.id[:8]} --log`; build again to try it here",
        )
