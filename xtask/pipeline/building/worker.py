"""The worker: takes builds that wait, makes each from its commit, and records how it ended."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import RefusedError, XtaskError
from xtask.files import locked, require_writable
from xtask.pipeline.building import planning
from xtask.pipeline.building.journal import keeping
from xtask.pipeline.building.make import end_badly, produce
from xtask.pipeline.building.revision import checked_out, require_repository
from xtask.pipeline.leases import building, claim
from xtask.records.store import open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xtask.pipeline.building.make import Product
    from xtask.pipeline.building.planning import Planned
    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Build
    from xtask.settings import Settings

_POLL_SECONDS = 1.0


class Worked(NamedTuple):
    """What became of a build that was claimed: `fenced` when another builder took it over."""

    build: Build
    outcome: str
    error: str = ""


def work(
    settings: Settings,
    new_progress: Callable[[], Progress],
    *,
    once: bool,
    push: bool,
    idle: float | None,
) -> Iterator[Worked]:
    """Yield builds as they are made, until none has waited for long enough.

    One that is interrupted, or whose worker cannot go on, goes back into the queue.

    Args:
        settings: the clone, for whom, which records.
        new_progress: gives who is told about one build.
        once: end after one build.
        push: push images before their build counts as succeeded.
        idle: seconds without a build after which it is over; None stands for never.

    Raises:
        UsageError: the workspace is no clone.
        XtaskError: the records do not answer.
    """
    require_repository(settings.workspace)
    require_writable(settings.workspace.releases)
    with open_records(settings.database_url) as records:
        since = time.monotonic()
        while True:
            if worked := _next(settings, records, new_progress(), push=push):
                yield worked
                since = time.monotonic()
                if once:
                    return
            elif idle is not None and time.monotonic() - since >= idle:
                return
            else:
                time.sleep(_POLL_SECONDS)


def _next(settings: Settings, records: Records, progress: Progress, *, push: bool) -> Worked | None:
    """Make the next build; None when none waits."""
    waiting = partial(progress.listener.waiting, "another build runs in this workspace")
    # Before the claim: what cannot be begun here is left to others.
    with locked(settings.workspace.releases / ".build.lock", waiting):
        row = records.claim_build(claim(settings), alone=settings.is_embedded)
        return _made(settings, records, progress, row, push=push) if row else None


def _made(
    settings: Settings, records: Records, progress: Progress, row: Build, *, push: bool
) -> Worked:
    try:
        with keeping(progress, records, row) as kept, building(settings, records, row):
            product = _product(settings, records, kept, row)
            if push:
                _publish(settings, records, kept, row, product)
        return Worked(product.record(records, row), "succeeded")
    except XtaskError as error:
        return _ended(records, row, error)
    except BaseException as error:
        with suppress(XtaskError):  # it may be in other hands
            end_badly(records, row, error)
        raise


def _product(settings: Settings, records: Records, progress: Progress, row: Build) -> Product:
    """Check out, plan, and run the stages of a build."""
    with ExitStack() as ending:
        records.advance_build(row, "checkout", 1)
        with progress.stage("checkout") as stage:
            opened = checked_out(settings.workspace, row.revision)
            workspace = ending.enter_context(opened)
            stage.detail = str(row.revision)[:12]
        with progress.stage("compose") as stage:
            composed = planning.prove(workspace, locked_only=True)
            stage.detail = f"{len(composed.selection.modules)} modules"
        progress.listener.warned(composed.warnings)
        planned = planning.plan(composed, workspace, progress, locked_only=True)
        _require_asked_for(planned, row)
        return produce(planned, replace(settings, workspace=workspace), progress, records, row)


def _publish(
    settings: Settings, records: Records, progress: Progress, row: Build, product: Product
) -> None:
    from xtask.pipeline.releasing.publish import publish  # noqa: PLC0415 - if it is wanted

    records.advance_build(row, "publish", 97)
    image = product.image
    made = row._replace(
        image_digest=image.digest, config_digest=image.config_digest,
        image_ref=image.reference, bundle=product.bundle,
    )  # fmt: skip
    publish(settings, progress, made)


def _require_asked_for(planned: Planned, row: Build) -> None:
    """Refuse a plan that is another one than was asked for, and say what differs.

    Raises:
        XtaskError: it is.
    """
    plan = planned.plan
    if plan.manifest_hash == row.manifest_hash:
        return
    asked = {module.id: module.source_digest for module in row.modules}
    other = sorted({name for name, _ in set(asked.items()) ^ set(plan.sources.items())})
    if other:
        says = f"the files of {', '.join(f'`{name}`' for name in other)} are others there"
        tip = "a file that git ignores may be part of a module: remove it, or commit it"
    elif plan.lock.machine_local:
        says = f"base `{plan.lock.base}` is the Python of each machine, {_pythons(planned)} here"
        tip = "name a base that every machine can have in `[image] base`"
    else:
        says = "modules and base are the same"
        tip = "use the same version of xtask on all machines"
    raise XtaskError(
        f"commit {str(row.revision)[:12]} gives {plan.manifest_hash[:19]} here, and"
        f" {row.manifest_hash[:19]} where it was asked for: {says}",
        help=tip,
    )


def _pythons(planned: Planned) -> str:
    return " and ".join(sorted({base.python for base in planned.bases.values()}))


def _ended(records: Records, row: Build, error: XtaskError) -> Worked:
    try:
        ended = end_badly(records, row, error)
    except RefusedError as refusal:
        return Worked(records.build(row.id), "fenced", refusal.message)
    return Worked(ended, ended.status, str(ended.error))
