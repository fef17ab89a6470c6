"""The story of what dead processes left: finish it, or undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import XtaskError
from xtask.pipeline.releasing.approval import begin_approved
from xtask.pipeline.releasing.operating import holding, settle
from xtask.records.store import open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.settings import Settings


class Resumed(NamedTuple):
    """What became of releases, and what kept others from an end."""

    releases: tuple[Release, ...]
    problems: tuple[XtaskError, ...]


def resume(settings: Settings, progress: Progress, *, environment: str | None) -> Resumed:
    """Finish or undo what dead processes left in flight, in each environment for itself.

    What all have agreed to and nobody began is deployed, when everything is as it was then. With
    embedded records every other change of an environment begins with the rest of this. With others
    only the caller knows that no process is at work any more.

    Raises:
        RefusedError: an environment that is not recorded.
    """
    with open_records(settings.database_url, create=False) as records:
        wanted = records.wanted_environments(environment)
    releases: list[Release] = []
    problems: list[XtaskError] = []
    for name in wanted:
        try:
            for release in _settled(settings, progress, name):
                releases.append(release)  # also those before a problem  # noqa: PERF402
        except XtaskError as error:
            problems.append(error)
    return Resumed(tuple(releases), tuple(problems))


def _settled(settings: Settings, progress: Progress, environment: str) -> Iterator[Release]:
    """Yield what is finished or undone in one environment, as it is then.

    Raises:
        RefusedError: what was approved is stale, and rejected, or a gate is closed.
        TargetError: the environment cannot be brought back to what served before.
    """
    with holding(settings, progress, environment) as records:
        if settled := settle(settings, progress, records, environment):
            yield settled
        if agreed := _agreed(records, environment):
            yield begin_approved(settings, progress, records, agreed)


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
