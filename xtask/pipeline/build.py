"""The main story: from `modules.toml` to a recorded image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from xtask.diagnostics import Problems
from xtask.digest import hex_of
from xtask.errors import summary
from xtask.files import locked, require_writable, write_folder, write_if_changed
from xtask.image.installation import machine_platform
from xtask.image.interpreter import pack
from xtask.image.layout import Layout
from xtask.pipeline.compose import compose, write_tree
from xtask.pipeline.locking import current_lock
from xtask.pipeline.reading import source_digests
from xtask.pipeline.rendering import rendered
from xtask.records.lookup import recorded
from xtask.resolve.lock import render_lock
from xtask.resolve.plan import Base, Plan
from xtask.resolve.select import require_host

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from xtask.image.interpreter import Interpreter
    from xtask.image.product import ProductLayer
    from xtask.package.sources import SourceFile
    from xtask.pipeline.progress import Outcome, Progress
    from xtask.records.store import Records
    from xtask.records.values import Build
    from xtask.resolve.lock import Lock
    from xtask.resolve.select import Selection
    from xtask.settings import Settings, Workspace


@dataclass(frozen=True, slots=True)
class Built:
    """A recorded build; `cached` when nothing was made, else `cached_modules` that were not."""

    build: Build
    cached: bool
    cached_modules: frozenset[str] = frozenset()


def build(
    settings: Settings, progress: Progress, *, locked_only: bool = False, reason: str = ""
) -> Built:
    """Make the image of what `modules.toml` says, or return the one that was made before.

    Args:
        settings: where, for whom, which records.
        progress: who is told.
        locked_only: refuse when `modules.lock` does not answer the manifests.
        reason: why, for the records.

    Raises:
        InvalidError: manifests or imports are wrong.
        StaleError: the lock does not match, and `locked_only`.
        XtaskError: a module cannot be built, or an image cannot be made.
    """
    workspace = settings.workspace
    with progress.stage("compose") as stage:
        composed = compose(workspace)
        problems = Problems()
        require_host(composed.selection, problems)
        _require_platform(composed.selection, problems)
        problems.raise_if_any()
        stage.detail = f"{len(composed.selection.modules)} modules"
    require_writable(workspace.releases)
    waiting = partial(progress.listener.waiting, "another build runs in this workspace")
    with locked(workspace.releases / ".build.lock", waiting):
        with progress.stage("lock") as stage:
            selection, lock = current_lock(composed, workspace, locked=locked_only)
            stage.cached = lock == composed.lock
        with progress.stage("base") as stage:
            layout = Layout(workspace.layout)
            interpreter = pack(layout, workspace.cache)
            stage.detail = f"Python {interpreter.version}"
        with progress.stage("plan") as stage:
            digests, files = source_digests(selection, lock)
            base = Base(lock.base, interpreter.digest, interpreter.version, lock.machine_local)
            plan = Plan(selection, lock, base, digests)
            stage.detail = hex_of(plan.manifest_hash)[:16]
        known = _succeeded(settings, plan.manifest_hash)
        if known and _is_whole(known, layout, workspace):
            _write_outputs(rendered(selection, workspace)[0], lock, workspace)
            return Built(known, cached=True)
        return _make(settings, progress, plan, interpreter, files, known=known, reason=reason)


def _require_platform(selection: Selection, problems: Problems) -> None:
    """Note a target that this machine's own Python does not run on (XT0215)."""
    composition = selection.composition
    if composition.base == "interpreter" and composition.platform != machine_platform():
        problems.add(
            "XT0215",
            f"base `interpreter` is {machine_platform()}, not {composition.platform}",
            composition.place.at("build", "target"),
            help=f"build on a machine of that platform, or write `{machine_platform()}`",
        )


def _succeeded(settings: Settings, manifest_hash: str) -> Build | None:
    """Return the build of a manifest hash, asking an embedded database the short way."""
    if settings.is_embedded:
        return recorded(settings.workspace.records, manifest_hash)
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(settings.database_url) as records:
        found = records.live_build(manifest_hash)
        return found if found and found.status == "succeeded" else None


def _is_whole(build: Build, layout: Layout, workspace: Workspace) -> bool:
    """Return whether everything that the build made is still there."""
    if not (workspace.root / str(build.bundle) / "image.json").is_file():
        return False
    if not build.image_digest or not layout.has(build.image_digest):
        return False
    manifest = layout.read_json(build.image_digest)
    return all(layout.has(blob["digest"]) for blob in (manifest["config"], *manifest["layers"]))


def _write_outputs(generated: Mapping[str, bytes], lock: Lock, workspace: Workspace) -> None:
    """Write what is committed beside the manifests, each file only when it changed."""
    write_tree(generated, workspace)
    write_if_changed(workspace.lock, render_lock(lock).encode())


def _make(  # noqa: PLR0913 - what the story has gathered so far
    settings: Settings,
    progress: Progress,
    plan: Plan,
    interpreter: Interpreter,
    files: Mapping[str, tuple[SourceFile, ...]],
    *,
    known: Build | None,
    reason: str,
) -> Built:
    """Record a build that runs, run its stages, and record how it ended."""
    from xtask.pipeline import stages  # noqa: PLC0415 - start-up
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
            done, layers = _run(
                settings.workspace, progress, plan, interpreter, files, records, row
            )
        except BaseException as error:
            if not known:
                records.fail_build(row.id, summary(error))
            raise
    return Built(done, cached=False, cached_modules=stages.cached_modules(layers))


def _run(  # noqa: PLR0913, PLR0917 - what the story has gathered so far
    workspace: Workspace,
    progress: Progress,
    plan: Plan,
    interpreter: Interpreter,
    files: Mapping[str, tuple[SourceFile, ...]],
    records: Records,
    row: Build,
) -> tuple[Build, dict[str, ProductLayer]]:
    """Generate, package, layer, check, assemble, record: what has to be made is made here."""
    from xtask.pipeline import stages  # noqa: PLC0415 - start-up

    before = row if row.status == "succeeded" else None

    def stage_of(name: str, percent: int) -> AbstractContextManager[Outcome]:
        if before is None:
            records.advance_build(row.id, name, percent)
        return progress.stage(name)

    with stage_of("generate", 5) as stage:
        generated, stage.cached = rendered(plan.selection, workspace)
    with stage_of("package", 10) as stage:
        wheels = stages.package(plan, files, workspace)
        stage.cached = all(wheel.cached for wheel in wheels.values())
        stage.detail = f"{len(wheels)} wheels"
    with stage_of("layers", 50) as stage:
        layers = stages.layers(plan, wheels, generated, workspace)
        stage.cached = all(layer.cached for layer in layers.values())
    with stage_of("check", 75):
        stages.check(plan, layers, workspace)
    with stage_of("image", 90) as stage:
        image = stages.assemble_image(plan, interpreter, layers, workspace, before=before)
        stage.detail = hex_of(image.digest)[:16]
    with stage_of("record", 95):
        bundle = workspace.bundles / hex_of(plan.manifest_hash)
        write_folder(bundle, stages.bundle(plan, generated, image))
        _write_outputs(generated, plan.lock, workspace)
        done = records.finish_build(
            row.id,
            image_digest=image.digest,
            config_digest=image.config_digest,
            image_ref=image.reference,
            bundle=str(bundle.relative_to(workspace.root)),
            modules=stages.recorded_modules(plan, layers),
        )
    return done, layers
