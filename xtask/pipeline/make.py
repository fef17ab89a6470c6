"""Making what a plan says: packages, layers, image, bundle, and the record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.digest import hex_of
from xtask.errors import summary
from xtask.files import write_folder, write_if_changed
from xtask.pipeline.compose import write_tree
from xtask.pipeline.rendering import rendered
from xtask.resolve.lock import render_lock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from xtask.image.product import ProductLayer
    from xtask.package.wheels import WheelBuilder
    from xtask.pipeline.planning import Planned
    from xtask.pipeline.progress import Outcome, Progress
    from xtask.records.store import Records
    from xtask.records.values import Build
    from xtask.settings import Settings, Workspace


def make(
    planned: Planned, settings: Settings, progress: Progress, *, known: Build | None, reason: str
) -> tuple[Build, frozenset[str]]:
    """Record a build that runs, run its stages, and record how it ended.

    Args:
        planned: what to make.
        settings: where, for whom, which records.
        progress: who is told.
        known: a build of this plan that has succeeded, and of which something is gone.
        reason: why, for the records.

    Returns:
        the build, and the modules whose layer did not have to be made.

    Raises:
        InvalidError: imports are wrong.
        XtaskError: a module cannot be built, or an image cannot be made.
    """
    from xtask.pipeline import stages  # noqa: PLC0415 - start-up

    plan, workspace = planned.plan, settings.workspace
    with stages.wheel_builder(plan, planned.files, workspace) as builder:
        # SQLAlchemy takes long to import: the back end loads at the same time.
        from xtask.records.store import open_records  # noqa: PLC0415

        with open_records(settings.database_url) as records:
            row = known or records.begin_build(
                plan.manifest_hash,
                profile=plan.selection.composition.profile,
                modules=stages.recorded_modules(plan, {}),
                actor=settings.actor,
                reason=reason,
                alone=settings.is_embedded,
            )
            try:
                done, layers = _run(planned, workspace, progress, builder, records, row)
            except BaseException as error:
                if not known:
                    records.fail_build(row.id, summary(error))
                raise
    return done, stages.cached_modules(layers)


def _run(  # noqa: PLR0913, PLR0917 - what the story has gathered so far
    planned: Planned,
    workspace: Workspace,
    progress: Progress,
    builder: WheelBuilder,
    records: Records,
    row: Build,
) -> tuple[Build, dict[str, ProductLayer]]:
    """Generate, package, layer, check, assemble, record: what has to be made is made here."""
    from xtask.pipeline import stages  # noqa: PLC0415 - start-up

    plan = planned.plan
    before = row if row.status == "succeeded" else None

    def stage_of(name: str, percent: int) -> AbstractContextManager[Outcome]:
        if before is None:
            records.advance_build(row.id, name, percent)
        return progress.stage(name)

    with stage_of("generate", 5) as stage:
        generated, stage.cached = rendered(plan.selection, workspace)
    with stage_of("package", 10) as stage:
        wheels = stages.package(plan, builder, workspace)
        stage.cached = all(wheel.cached for wheel in wheels.values())
        stage.detail = f"{len(wheels)} wheels"
    with stage_of("layers", 50) as stage:
        layers = stages.layers(plan, wheels, generated, workspace)
        stage.cached = all(layer.cached for layer in layers.values())
    with stage_of("check", 75):
        stages.check(plan, wheels, layers, workspace)
    with stage_of("image", 90) as stage:
        image = stages.assemble_image(plan, planned.interpreter, layers, workspace, before=before)
        stage.detail = hex_of(image.digest)[:16]
    with stage_of("record", 95):
        bundle = workspace.bundles / hex_of(plan.manifest_hash)
        write_folder(bundle, stages.bundle(plan, generated, image))
        write_committed(planned, workspace)
        done = records.finish_build(
            row.id,
            image_digest=image.digest,
            config_digest=image.config_digest,
            image_ref=image.reference,
            bundle=str(bundle.relative_to(workspace.root)),
            modules=stages.recorded_modules(plan, layers),
        )
    return done, layers


def write_committed(planned: Planned, workspace: Workspace) -> None:
    """Write what is committed beside the manifests, each file only when it changed."""
    write_tree(rendered(planned.plan.selection, workspace)[0], workspace)
    write_if_changed(workspace.lock, render_lock(planned.plan.lock).encode())
