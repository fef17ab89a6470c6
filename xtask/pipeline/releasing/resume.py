"""One change of an environment at a time, and what becomes of a change that nobody finished."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from xtask.diagnostics import did_you_mean, listed
from xtask.errors import UsageError, XtaskError
from xtask.files import locked
from xtask.manifest import grammar
from xtask.manifest.table import shortened
from xtask.pipeline.releasing.candidate import deployment, read_bundle
from xtask.records.rules import IN_FLIGHT
from xtask.records.store import open_records
from xtask.redaction import redacted
from xtask.release.target import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.release.target import Target
    from xtask.settings import Settings

_LEFT = "its process ended before it was done"


@contextmanager
def operating(
    settings: Settings, progress: Progress, environment: str
) -> Iterator[tuple[Records, Release | None]]:
    """Yield the records while no other process of this machine changes the environment.

    With embedded records a release that is still in flight was left by a process that ended: it is
    settled first, and yielded as it is then.

    Raises:
        UsageError: that is no name of an environment.
    """
    with _holding(settings, progress, environment) as records:
        embedded = settings.is_embedded
        yield records, _settle(settings, progress, records, environment) if embedded else None


def resume(settings: Settings, progress: Progress, *, environment: str | None) -> list[Release]:
    """Finish or undo what dead processes left in flight; return those releases.

    With embedded records every change of an environment begins so. With others only the caller
    knows that no process is at work any more.

    Raises:
        UsageError: an environment that is not recorded.
        TargetError: the environment cannot be brought back to what served before.
    """
    with open_records(settings.database_url, create=False) as records:
        known = records.environment_names()
    if environment is not None and environment not in known:
        raise UsageError(
            f"no environment `{shortened(environment)}` is recorded",
            help=did_you_mean(environment, known) or f"there are: {listed(known) or 'none yet'}",
        )
    settled = []
    for name in known if environment is None else (environment,):
        with _holding(settings, progress, name) as records:
            settled.append(_settle(settings, progress, records, name))
    return [release for release in settled if release is not None]


def activate(settings: Settings, progress: Progress, records: Records, release: Release) -> Release:
    """Record that a release serves; remove what nobody will need from where it and others ran."""
    before = records.active_release(release.environment)
    done = records.activate_release(release.id)
    app = read_bundle(settings.workspace, records.build(done.build_id)).app
    with progress.stage("clean") as stage:
        here = {each.id for each in (done, before) if each and each.target == done.target}
        problem = _clean(target(done.target), app, done.environment, frozenset(here))
        stage.detail = f"left for the next time: {problem}" if problem else ""
        if before is not None and before.target != done.target:
            problem = _clean(target(before.target), app, done.environment, frozenset())
            stage.detail = f"{before.id} is left on {before.target}: {problem}" if problem else ""
    return done


def recover(settings: Settings, records: Records, release: Release, why: str) -> None:
    """Bring back what served before a release that did not make it, and record how that went.

    While a release is `deploying` nothing that served was touched. After that traffic may have
    moved: what served before on the same target is switched to again, and seen there.

    Raises:
        XtaskError: it cannot be brought back; the records say that recovery is required.
    """
    now = records.release(release.id)
    if now.status not in IN_FLIGHT:
        return  # somebody settled it, and others may be at work since
    before = records.active_release(release.environment)
    if before is not None and before.target != release.target:
        before = None  # another target serves it, and was not touched
    runner, keep = target(release.target), frozenset({before.id} if before else ())
    failed = deployment(settings.workspace, release, records.build(release.build_id))
    if now.status == "deploying":
        records.fail_release(release.id, why)
        _clean(runner, failed.app, failed.environment, keep)
        return
    try:
        if before:
            build = records.build(before.build_id)
            runner.switch(deployment(settings.workspace, before, build), undoing=failed)
        runner.remove(failed.app, failed.environment, keep=keep)
    except XtaskError as error:
        if now.status != "recovery_required":
            records.require_recovery(release.id, f"{why}; then: {redacted(error.message)}")
        raise
    records.fail_release(release.id, why)


@contextmanager
def _holding(settings: Settings, progress: Progress, environment: str) -> Iterator[Records]:
    """Yield the records; embedded ones while no other process changes the environment."""
    if not grammar.NAME.matches(environment):
        raise UsageError(
            f"`{shortened(environment)}` is no name of an environment", help=grammar.NAME.rule
        )
    lock = settings.workspace.releases / f".{environment}.lock"
    waiting = partial(progress.listener.waiting, f"another command changes {environment}")
    with (
        open_records(settings.database_url) as records,
        locked(lock, waiting) if settings.is_embedded else nullcontext(),
    ):
        yield records


def _settle(
    settings: Settings, progress: Progress, records: Records, environment: str
) -> Release | None:
    """Finish a release in flight that is seen serving, undo any other; return it as it is then."""
    left = records.in_flight(environment)
    if left is None:
        return None
    with progress.stage("recover") as stage:
        stage.detail = f"{left.id} was left unfinished"
        serves = _is_seen(settings, records, left)
        if not serves:
            recover(settings, records, left, _LEFT)
    return activate(settings, progress, records, left) if serves else records.release(left.id)


def _is_seen(settings: Settings, records: Records, release: Release) -> bool:
    """Return whether a release that may have got the traffic is what answers, in good health."""
    if release.status == "deploying":
        return False
    app = read_bundle(settings.workspace, records.build(release.build_id)).app
    seen = target(release.target).observe(app, release.environment, release.port)
    return (
        seen is not None
        and seen.healthy
        and (seen.release_id, seen.image_digest) == (release.id, release.image_digest)
    )


def _clean(runner: Target, app: str, environment: str, keep: frozenset[str]) -> str:
    """Remove other releases; return what went wrong, which does not undo what serves."""
    try:
        runner.remove(app, environment, keep=keep)
    except XtaskError as error:
        return error.message.partition("\n")[0]
    return ""
