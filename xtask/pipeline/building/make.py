"""Making what a plan says: packages, layers, image, bundle, and the record of it."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import hex_of
from xtask.errors import XtaskError, summary
from xtask.files import write_folder, write_if_changed
from xtask.pipeline.building.journal import keeping
from xtask.pipeline.composing.compose import write_tree
from xtask.pipeline.composing.rendering import rendered
from xtask.pipeline.composing.surface import kept_surfaces
from xtask.pipeline.leases import building, claim
from xtask.records.attempts import LiveElsewhereError
from xtask.records.values import BuildRequest
from xtask.redaction import redacted
from xtask.resolve.lock import render_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from xtask.image.assemble import Image
    from xtask.image.evidence.distributions import Distribution
    from xtask.image.product import ProductLayer
    from xtask.package.hooks import EarlyWorker
    from xtask.package.wheels import Wheel, WheelBuilder
    from xtask.pipeline.building import inputs
    from xtask.pipeline.building.planning import Planned
    from xtask.pipeline.progress import Outcome, Progress
    from xtask.process import Child
    from xtask.records.attempts import Attempts
    from xtask.records.values import Build, BuildModule
    from xtask.settings import Settings, Workspace


class Product(NamedTuple):
    """What was made and lies where it belongs: only the record of it is missing.

    `cached_modules` are those whose layer did not have to be made; `reasons` says why others had.
    """

    image: Image
    bundle: str
    modules: Sequence[BuildModule]
    cached_modules: frozenset[str]
    reasons: Mapping[str, str]

    def record(self, records: Attempts, row: Build) -> Build:
        """Record that a build has succeeded with this.

        Raises:
            RefusedError: the build is in other hands, or its manifest hash has another image.
        """
        return records.finish_build(
            row,
            image_digest=self.image.digest,
            config_digest=self.image.config_digest,
            image_ref=self.image.reference,
            bundle=self.bundle,
            modules=self.modules,
        )


def make(  # noqa: PLR0913 - what the story has gathered so far
    planned: Planned,
    settings: Settings,
    progress: Progress,
    early: EarlyWorker,
    *,
    known: Build | None,
    reason: str,
) -> tuple[Build, Product]:
    """Record a build that runs, run its stages, and record how it ended.

    Args:
        planned: what to make.
        settings: where, for whom, which records.
        progress: who is told.
        early: what may have been started for the wheels before it was known which are missing.
        known: a build of this plan that has succeeded, and of which something is gone.
        reason: why, for the records.

    Raises:
        InvalidError: imports are wrong.
        RefusedError: somebody cancelled it, or another builder took it over.
        XtaskError: a module cannot be built, or an image cannot be made.
    """
    with _open_builds(settings) as records:
        row = known or _begun(requested(planned, settings, reason), settings, progress, records)
        if row.status == "succeeded":
            product = produce(planned, settings, progress, records, row, early=early)
            return product.record(records, row), product
        try:
            with keeping(progress, records, row) as kept, _alive(settings, records, row):
                product = produce(planned, settings, kept, records, row, early=early)
            return product.record(records, row), product
        except BaseException as error:
            end_badly(records, row, error)
            raise


def end_badly(records: Attempts, row: Build, error: BaseException) -> Build:
    """Record that a build has failed; give it back when nothing is wrong with it itself.

    What was queued as a commit can be made by another builder, when this one is interrupted or
    cannot write.

    Raises:
        RefusedError: another builder has it.
    """
    why = redacted(summary(error))
    if row.revision is None or isinstance(error, XtaskError):
        return records.fail_build(row, why)
    return records.release_build(row, f"given back: {why}")


def requested(
    planned: Planned, settings: Settings, reason: str, *, revision: str = "", priority: int = 0
) -> BuildRequest:
    """Return what the records are asked for when this plan is to be built."""
    from xtask.pipeline.building import stages  # noqa: PLC0415 - start-up

    return BuildRequest(
        planned.plan.manifest_hash,
        profile=planned.plan.selection.composition.profile,
        modules=tuple(stages.recorded_modules(planned.plan, {})),
        actor=settings.actor,
        reason=redacted(reason),
        revision=revision or None,
        priority=priority,
    )


def produce(  # noqa: PLR0913 - what the story has gathered so far
    planned: Planned,
    settings: Settings,
    progress: Progress,
    records: Attempts,
    row: Build,
    *,
    early: EarlyWorker | None = None,
) -> Product:
    """Run the stages of a build that is recorded as running, or whose product is gone.

    Raises:
        InvalidError: imports are wrong.
        RefusedError: the build is cancelled or in other hands.
        XtaskError: a module cannot be built, or an image cannot be made.
    """
    from xtask.package.check import start_probe  # noqa: PLC0415 - start-up
    from xtask.pipeline.building import inputs, layering, stages  # noqa: PLC0415

    plan, workspace = planned.plan, settings.workspace
    with (
        inputs.fetching(plan, workspace) as built_with,
        stages.wheel_builder(plan, planned.files, workspace, early) as builder,
        start_probe() as probe,
    ):
        started = datetime.now(UTC)
        story = _Story(planned, settings, progress, builder, built_with, probe, records, row)
        parts = _parts(story)
        image, bundle = _finish(story, parts, started)
    return Product(
        image,
        bundle,
        stages.recorded_modules(plan, parts.layers),
        layering.cached_modules(parts.layers),
        layering.reasons_of_modules(parts.wheels, parts.layers),
    )


def _begun(
    request: BuildRequest, settings: Settings, progress: Progress, records: Attempts
) -> Build:
    """Return a row that is ours and runs, or one that somebody else has brought to success.

    Raises:
        XtaskError: somebody else built the same, and that has failed or was cancelled.
    """
    while True:
        try:
            return records.begin_build(request, claim(settings), alone=settings.is_embedded)
        except LiveElsewhereError as elsewhere:
            if elsewhere.build.status == "succeeded":
                return elsewhere.build
            from xtask.pipeline.building.queue import wait_for  # noqa: PLC0415 - seldom

            wait_for(settings, elsewhere.build, progress.listener)


def _alive(settings: Settings, records: Attempts, row: Build) -> AbstractContextManager[None]:
    """Return signs of life; in a workspace of its own the lock of its builds is one."""
    return nullcontext() if settings.is_embedded else building(settings, records, row)


def _open_builds(settings: Settings) -> AbstractContextManager[Attempts]:
    """Return the builds to write to, an embedded database's the short way."""
    from uuid import uuid4  # noqa: PLC0415 - start-up

    from xtask.records.direct import open_direct  # noqa: PLC0415

    if settings.is_embedded:
        file = settings.workspace.records
        if direct := open_direct(file, now=lambda: datetime.now(UTC), new_id=uuid4):
            return direct
    from xtask.records.store import open_records  # noqa: PLC0415

    return open_records(settings.database_url)


class _Story(NamedTuple):
    """What the stages of one build share."""

    planned: Planned
    settings: Settings
    progress: Progress
    builder: WheelBuilder
    built_with: Future[inputs.Wheels]
    probe: Child
    records: Attempts
    row: Build

    @property
    def before(self) -> Build | None:
        """The build of this plan that has succeeded, and of which something is gone."""
        return self.row if self.row.status == "succeeded" else None

    def stage(self, name: str, percent: int) -> AbstractContextManager[Outcome]:
        """Begin a stage, and record how far a new build is with it."""
        if self.before is None:
            self.records.advance_build(self.row, name, percent)
        return self.progress.stage(name)


class _Parts(NamedTuple):
    """What an image is assembled from; `surfaces` gives what the code of its modules promises.

    `described` gives what the layers say that is in them.
    `allowed` is what may look like a secret in wheels and generated code.
    """

    generated: dict[str, bytes]
    wheels: dict[str, dict[str, Wheel]]
    layers: dict[str, dict[str, ProductLayer]]
    surfaces: Callable[[], dict[str, dict[str, Any]]]
    described: Callable[[], tuple[Distribution, ...]]
    allowed: list[list[str]]


def _parts(story: _Story) -> _Parts:
    """Generate, package, layer, check: what of it has to be made is made."""
    from xtask.pipeline.building import checking, layering, secrecy, stages  # noqa: PLC0415 - start-up

    planned, plan, workspace = story.planned, story.planned.plan, story.settings.workspace
    with story.stage("secrets", 2) as stage:
        watch = secrecy.look_through(planned, workspace)
        stage.cached, stage.reasons = not watch.reasons, watch.reasons
    with story.stage("generate", 5) as stage:
        generated, why = rendered(plan.selection, workspace)
        stage.cached = not why
        stage.because(why)
        secrecy.look_at_generated(watch, generated, workspace)
    with story.stage("package", 10) as stage:
        wheels = stages.package(planned, story.builder, workspace)
        stage.cached = all(wheel.cached for found in wheels.values() for wheel in found.values())
        number = len({wheel.path for found in wheels.values() for wheel in found.values()})
        stage.detail = f"{number} wheels"
        stage.reasons = layering.reasons(wheels)
    with story.stage("layers", 50) as stage:
        layers = layering.layers(planned, wheels, generated, workspace, watch)
        stage.cached = all(layer.cached for found in layers.values() for layer in found.values())
        stage.reasons = layering.reasons(layers)
    with story.stage("check", 75):
        # There is something to do while another process imports: to look at code again, and to
        # load what attests an image and to read what that says of its layers.
        seen = cache(partial(kept_surfaces, plan.selection.modules, plan.sources, workspace.cache))
        described = cache(partial(_described, layers))
        warnings = checking.check(
            planned, wheels, layers, workspace, story.probe, meanwhile=(seen, described)
        )
    story.progress.listener.warned((*warnings, *watch.unused()))
    return _Parts(generated, wheels, layers, seen, described, watch.derived_entries())


def _described(layers: Mapping[str, Mapping[str, ProductLayer]]) -> tuple[Distribution, ...]:
    from xtask.pipeline.building import attest  # noqa: PLC0415 - start-up

    return attest.described(layers)


def _finish(story: _Story, parts: _Parts, started: datetime) -> tuple[Image, str]:
    """Assemble, attest, write down; return the image, and where its bundle is."""
    from xtask.pipeline.building import attest, inputs, stages  # noqa: PLC0415 - start-up

    planned, workspace, before = story.planned, story.settings.workspace, story.before
    with story.stage("image", 90) as stage:
        image = stages.assemble_image(planned, parts.layers, workspace, before=before)
        stage.because("not all of it is here" if before else "no build has this manifest hash")
        stage.detail = hex_of(image.digest)[:16]
    with story.stage("attest", 93) as stage:
        built_with = story.built_with.result()
        files = stages.bundle(planned.plan, parts.generated, image, parts.surfaces())
        files |= inputs.keep(planned, parts.wheels, built_with, workspace, parts.allowed)
        evidence = attest.attest(
            attest.Made(planned, image, files, parts.wheels, parts.described()),
            story.row,
            story.settings,
            started=started,
            finished=datetime.now(UTC),
        )
        stage.detail = evidence.says
    story.progress.listener.warned(evidence.warnings)
    with story.stage("record", 95):
        bundle = workspace.bundles / hex_of(planned.plan.manifest_hash)
        write_folder(bundle, files | evidence.files)
        write_committed(planned, workspace, parts.generated)
    return image, str(bundle.relative_to(workspace.releases.parent))


def write_committed(planned: Planned, workspace: Workspace, generated: Mapping[str, bytes]) -> None:
    """Write what is committed beside the manifests, each file only when it changed."""
    write_tree(generated, workspace)
    write_if_changed(workspace.lock, render_lock(planned.plan.lock).encode())
