"""The story of what dead processes left: finish it, or undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.diagnostics import did_you_mean, listed
from xtask.errors import UsageError
from xtask.manifest.table import shortened
from xtask.pipeline.releasing.approval import begin_approved
from xtask.pipeline.releasing.operating import holding, settle
from xtask.records.store import open_records

if TYPE_CHECKING:
    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.settings import Settings


def resume(settings: Settings, progress: Progress, *, environment: str | None) -> list[Release]:
    """Finish or undo what dead processes left in flight; return those releases.

    What all have agreed to and nobody began is deployed, when everything is as it was then. With
    embedded records every other change of an environment begins with the rest of this. With others
    only the caller knows that no process is at work any more.

    Raises:
        UsageError: an environment that is not recorded.
        RefusedError: what was approved is stale, and rejected, or a gate is closed.
        TargetError: the environment cannot be brought back to what served before.
    """
    with open_records(settings.database_url, create=False) as records:
        known = records.environment_names()
    if environment is not None and environment not in known:
        raise UsageError(
            f"no environment `{shortened(environment)}` is recorded",
            help=did_you_mean(environment, known) or f"there are: {listed(known) or 'none yet'}",
        )
    found = []
    for name in known if environment is None else (environment,):
        with holding(settings, progress, name) as records:
            found.append(settle(settings, progress, records, name))
            if agreed := _agreed(records, name):
                found.append(begin_approved(settings, progress, records, agreed))
    return [release for release in found if release is not None]


def _agreed(records: Records, environment: str) -> Release | None:
    """Return the release to which all have agreed and that nobody has begun."""
    left = records.in_flight(environment)
    if left is not None:
        return left if left.status == "approved" else None
    # Another one was in flight when the last of them agreed.
    waiting = records.pending(environment)
    return next((one for one in waiting if _has_all(records, one)), None)


def _has_all(records: Records, release: Release) -> bool:
    return len(records.approvals(release.id)) >= release.approvals_needed
