"""The nightly question: could every environment be rolled back now?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import RefusedError, UntrustedError, XtaskError
from xtask.pipeline.releasing.configuration import read_secrets
from xtask.pipeline.releasing.plan import Asked, look, way_back
from xtask.pipeline.verifying.verify import verify
from xtask.records.store import open_records
from xtask.release.target import target

if TYPE_CHECKING:
    from datetime import datetime

    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.settings import Settings


class Drill(NamedTuple):
    """What a rollback of one environment would restore now.

    `back_to` is None where there is nothing to go back to yet. `problem` says why it would fail.
    """

    environment: str
    active: Release | None
    back_to: Release | None
    problem: str

    @property
    def ready(self) -> bool:
        """Whether nothing is known that would stop it."""
        return not self.problem


def drill(
    settings: Settings, progress: Progress, now: datetime, *, environment: str | None = None
) -> list[Drill]:
    """Return for each environment whether it could be rolled back, and to what.

    Looked at is all that a rollback needs: its plan and the gates of that, its secrets, every byte
    of the image, the evidence about it, the bundle, and a target that knows how.

    Args:
        settings: whose records.
        progress: who is told.
        now: the time, for keys that have an end.
        environment: only this one.

    Raises:
        RefusedError: it is not recorded.
    """
    with open_records(settings.database_url, create=False) as records:
        wanted = records.wanted_environments(environment)
        return [_drill(settings, progress, records, name, now) for name in wanted]


def _drill(
    settings: Settings, progress: Progress, records: Records, environment: str, now: datetime
) -> Drill:
    active = records.active_release(environment)
    left = records.in_flight(environment)
    if left is not None and left.status == "recovery_required":
        return Drill(environment, active, None, f"{left.id} could not be undone: `xtask resume`")
    try:
        step = way_back(settings.workspace, records, environment)
    except RefusedError:
        return Drill(environment, active, None, "")
    back = records.release(str(step.restores))
    try:
        plan = look(settings, progress, records, step, Asked(own=left.id if left else None))
        plan.require_open()
        read_secrets(settings.workspace.root, plan.given)
        target(back.target)
        seen = verify(settings, progress, what=step.build.id, trust_file=None, now=now)
        if seen.failed:
            raise UntrustedError(f"{seen.failed.name}: {seen.failed.says}")
    except XtaskError as error:
        return Drill(environment, active, back, error.message)
    return Drill(environment, active, back, "")
