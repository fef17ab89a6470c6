"""Carrying a release out, and what becomes of one that did not make it."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xtask.errors import TargetError, XtaskError, summary
from xtask.pipeline.auditing import keep_checkpoint
from xtask.pipeline.leases import renewing
from xtask.pipeline.releasing.candidate import bundle_of, deployment, with_secrets
from xtask.pipeline.releasing.migrating import migrated
from xtask.pipeline.releasing.standing import endpoint_drift
from xtask.records.rules import IN_FLIGHT, LEASED
from xtask.redaction import redacted
from xtask.release import health
from xtask.release.target import Failed, target

if TYPE_CHECKING:
    import contextlib

    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.settings import Settings


_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0


def deploy(settings: Settings, progress: Progress, records: Records, release: Release) -> Release:
    """Migrate, apply, switch, observe, commit a release that is intended; undo it when that fails.

    Raises:
        TargetError: the candidate did not work; what served before still serves.
        RefusedError: another process took the release over.
    """
    runner = target(release.target)
    with alive(settings, records, release):
        try:
            candidate = deployment(settings.workspace, records, release)
            candidate = migrated(settings, progress, records, release, candidate)
            with progress.stage("apply") as stage:
                stage.detail = f"{release.target}, generation {release.generation}"
                runner.apply(with_secrets(settings.workspace, records, release, candidate))
            records.verify_release(release)
            with progress.stage("switch"):
                runner.switch(candidate)
            if runner.capabilities:
                with progress.stage("watch"):
                    watch(settings, records, release, seconds=candidate.configuration.window)
        except BaseException as error:
            recover(settings, records, release, redacted(summary(error)))
            raise
    return activate(settings, progress, records, release)


def watch(
    settings: Settings,
    records: Records,
    release: Release,
    *,
    seconds: float,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Look at a release that has the traffic for so long; once, at least.

    Raises:
        TargetError: it ended and was started again, or for some seconds another release answered,
            nothing did, or it was not well.
    """
    bundle = bundle_of(settings.workspace, records, release)
    runner, site = target(release.target), bundle.site(release)
    started = set[str]()

    def wrong() -> str | None:
        seen = runner.observe(site, bundle.requests)
        started.update({seen.started} - {""} if seen else ())
        if len(started) > 1:
            raise TargetError(f"{release.id} ended after it got the traffic, and was started again")
        return endpoint_drift(release, bundle, seen)

    end = clock.now() + seconds
    while True:
        health.wait_until(wrong, within=_PATIENCE_SECONDS, clock=clock, interval=_LOOK_SECONDS)
        if clock.now() >= end:
            return
        clock.sleep(_LOOK_SECONDS)


def alive(
    settings: Settings, records: Records, release: Release
) -> contextlib.AbstractContextManager[None]:
    """Give signs of life for a release during the block, where others could take it over."""
    seconds = settings.lease_seconds
    if settings.is_embedded or release.status not in LEASED:
        return nullcontext()
    return renewing(lambda: records.renew_release(release, seconds), seconds)


def activate(settings: Settings, progress: Progress, records: Records, release: Release) -> Release:
    """Record that a release serves; remove what nobody will need from where it and others ran."""
    before = records.active_release(release.environment)
    done = records.activate_release(release)
    with progress.stage("clean") as stage:
        here = {each.id for each in (done, before) if each and each.target == done.target}
        problem = _clean(settings, records, done, keep=frozenset(here))
        stage.detail = f"left for the next time: {problem}" if problem else ""
        if before is not None and before.target != done.target:
            problem = _clean(settings, records, before, keep=frozenset())
            stage.detail = f"{before.id} is left on {before.target}: {problem}" if problem else ""
    with progress.stage("checkpoint") as stage:
        stage.detail = _kept_checkpoint(settings, records)
    return done


def recover(settings: Settings, records: Records, release: Release, why: str) -> None:
    """Bring back what served before a release that did not make it, and record how that went.

    While a release is `deploying` nothing that served was touched. After that traffic may have
    moved: what served before on the same target is switched to again, and seen there. That is
    tried once; a person decides about more. What was left is only named, so that it can be undone
    when nothing of it is there any more.

    Raises:
        XtaskError: it cannot be brought back; the records say that recovery is required.
    """
    now = records.release(release.id)
    if now.status not in IN_FLIGHT or now.lease_token != release.lease_token:
        return  # somebody else settles it, or has, and others may be at work since
    before = records.active_release(release.environment)
    if before is not None and before.target != release.target:
        before = None  # another target serves it, and was not touched
    keep = frozenset({before.id} if before else ())
    if now.status == "deploying":
        records.fail_release(now, why)
        _clean(settings, records, release, keep=keep)
        return
    if now.status == "verifying":
        now = records.recover_release(now, why)
    try:
        if before:
            _bring_back(settings, records, before, Failed(release.id, release.generation or 0))
        _remove(settings, records, before or release, keep=keep)
    except XtaskError as error:
        if now.status != "recovery_required":
            records.require_recovery(now, f"{why}; then: {redacted(error.message)}")
        raise
    records.fail_release(now, why)


def _kept_checkpoint(settings: Settings, records: Records) -> str:
    """Keep where the log is; return what went wrong, which does not undo what serves."""
    try:
        keep_checkpoint(settings, records, datetime.now(UTC))
    except (XtaskError, OSError) as error:
        return f"none was kept: {summary(error)}"
    return ""


def _bring_back(settings: Settings, records: Records, before: Release, failed: Failed) -> None:
    again = deployment(settings.workspace, records, before)
    runner = target(before.target)
    try:
        runner.switch(again, undoing=failed)
    except TargetError:  # it may not run any more
        again = with_secrets(settings.workspace, records, before, again)
        runner.apply(again, undoing=failed)
        runner.switch(again, undoing=failed)


def _remove(
    settings: Settings, records: Records, release: Release, *, keep: frozenset[str]
) -> None:
    """Remove what runs in the environment of a release, on its target, but what is kept."""
    bundle = bundle_of(settings.workspace, records, release)
    target(release.target).remove(bundle.site(release), keep=keep)


def _clean(settings: Settings, records: Records, release: Release, *, keep: frozenset[str]) -> str:
    """Do the same; return what went wrong, which does not undo what serves."""
    try:
        _remove(settings, records, release, keep=keep)
    except XtaskError as error:
        return error.message.partition("\n")[0]
    return ""
