"""One change of an environment at a time, and what becomes of a change that nobody finished."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from xtask.errors import RefusedError, UntrustedError, UsageError
from xtask.files import locked
from xtask.manifest import grammar
from xtask.manifest.table import shortened
from xtask.pipeline.leases import claim
from xtask.pipeline.releasing.candidate import bundle_of
from xtask.pipeline.releasing.deploy import activate, alive, recover
from xtask.records.refusals import way_out
from xtask.records.store import open_records
from xtask.release.target import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Release
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
        RefusedError: a recovery has failed there: somebody has to look.
    """
    with holding(settings, progress, environment) as records:
        left = records.in_flight(environment) if settings.is_embedded else None
        if left and left.status == "recovery_required":
            raise RefusedError(
                f"{left.id} could not be undone, and nobody knows what {environment} serves:"
                f" {left.error}",
                help=f"look with `xtask status`; {way_out(left)}",
            )
        yield records, settle(settings, progress, records, environment) if left else None


@contextmanager
def holding(settings: Settings, progress: Progress, environment: str) -> Iterator[Records]:
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


def settle(
    settings: Settings, progress: Progress, records: Records, environment: str
) -> Release | None:
    """Finish a release in flight that is seen serving, undo any other; return it as it is then."""
    left = records.in_flight(environment)
    if left is None or left.status == "approved":
        return None  # nothing has been begun
    with progress.stage("recover") as stage:
        stage.detail = f"{left.id} was left unfinished"
        left = records.take_over(left.id, claim(settings), alone=settings.is_embedded)
        with alive(settings, records, left):
            serves = _is_seen(settings, records, left)
            if not serves:
                recover(settings, records, left, _LEFT)
    return activate(settings, progress, records, left) if serves else records.release(left.id)


def _is_seen(settings: Settings, records: Records, release: Release) -> bool:
    """Return whether a release that may have got the traffic is what answers, in good health."""
    if release.status in {"deploying", "recovering"}:
        return False
    try:
        bundle = bundle_of(settings.workspace, records, release)
    except UntrustedError:
        return False  # what it should be cannot be told
    seen = target(release.target).observe(bundle.site(release), bundle.requests)
    return (
        seen is not None
        and seen.healthy
        and (seen.release_id, seen.image_digest) == (release.id, bundle.image_digest)
    )
