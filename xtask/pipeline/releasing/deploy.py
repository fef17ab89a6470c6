"""Carrying a release out, and what becomes of one that did not make it."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xtask.errors import XtaskError, summary
from xtask.pipeline.auditing import keep_checkpoint
from xtask.pipeline.leases import renewing
from xtask.pipeline.releasing.candidate import deployment, read_bundle
from xtask.records.rules import IN_FLIGHT
from xtask.redaction import redacted
from xtask.release.target import target

if TYPE_CHECKING:
    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.release.target import Target
    from xtask.settings import Settings


def deploy(settings: Settings, progress: Progress, records: Records, release: Release) -> Release:
    """Apply, switch, observe, commit a release whose intent is recorded; undo it when that fails.

    Raises:
        TargetError: the candidate did not work; what served before still serves.
        RefusedError: another process took the release over.
    """
    runner = target(release.target)
    seconds = settings.lease_seconds
    alive = (
        nullcontext()
        if settings.is_embedded
        else renewing(lambda: records.renew_release(release, seconds), seconds)
    )
    with alive:
        try:
            candidate = deployment(settings.workspace, release, records.build(release.build_id))
            with progress.stage("apply") as stage:
                stage.detail = f"{release.target}, generation {release.generation}"
                runner.apply(candidate)
            records.verify_release(release)
            with progress.stage("switch"):
                runner.switch(candidate)
        except BaseException as error:
            recover(settings, records, release, redacted(summary(error)))
            raise
    return activate(settings, progress, records, release)


def activate(settings: Settings, progress: Progress, records: Records, release: Release) -> Release:
    """Record that a release serves; remove what nobody will need from where it and others ran."""
    before = records.active_release(release.environment)
    done = records.activate_release(release)
    app = read_bundle(settings.workspace, records.build(done.build_id)).app
    with progress.stage("clean") as stage:
        here = {each.id for each in (done, before) if each and each.target == done.target}
        problem = _clean(target(done.target), app, done.environment, frozenset(here))
        stage.detail = f"left for the next time: {problem}" if problem else ""
        if before is not None and before.target != done.target:
            problem = _clean(target(before.target), app, done.environment, frozenset())
            stage.detail = f"{before.id} is left on {before.target}: {problem}" if problem else ""
    with progress.stage("checkpoint") as stage:
        stage.detail = _kept_checkpoint(settings, records)
    return done


def recover(settings: Settings, records: Records, release: Release, why: str) -> None:
    """Bring back what served before a release that did not make it, and record how that went.

    While a release is `deploying` nothing that served was touched. After that traffic may have
    moved: what served before on the same target is switched to again, and seen there. That is
    tried once; a person decides about more.

    Raises:
        XtaskError: it cannot be brought back; the records say that recovery is required.
    """
    now = records.release(release.id)
    if now.status not in IN_FLIGHT or now.lease_token != release.lease_token:
        return  # somebody else settles it, or has, and others may be at work since
    before = records.active_release(release.environment)
    if before is not None and before.target != release.target:
        before = None  # another target serves it, and was not touched
    runner, keep = target(release.target), frozenset({before.id} if before else ())
    failed = deployment(settings.workspace, release, records.build(release.build_id))
    if now.status == "deploying":
        records.fail_release(now, why)
        _clean(runner, failed.app, failed.environment, keep)
        return
    if now.status == "verifying":
        now = records.recover_release(now, why)
    try:
        if before:
            build = records.build(before.build_id)
            runner.switch(deployment(settings.workspace, before, build), undoing=failed)
        runner.remove(failed.app, failed.environment, keep=keep)
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


def _clean(runner: Target, app: str, environment: str, keep: frozenset[str]) -> str:
    """Remove other releases; return what went wrong, which does not undo what serves."""
    try:
        runner.remove(app, environment, keep=keep)
    except XtaskError as error:
        return error.message.partition("\n")[0]
    return ""
