"""The main story: from `modules.toml` to a recorded image."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from xtask.errors import UntrustedError
from xtask.files import locked, remove_abandoned, require_writable
from xtask.pipeline.building import unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from xtask.image.layout import Layout
    from xtask.pipeline.building.planning import Planned
    from xtask.pipeline.progress import Progress
    from xtask.records.values import Build
    from xtask.settings import Settings, Workspace


@dataclass(frozen=True, slots=True)
class Built:
    """A recorded build; `cached` when nothing was made, else `cached_modules` that were not.

    `reasons` says by name why others were.
    """

    build: Build
    cached: bool
    cached_modules: frozenset[str] = frozenset()
    reasons: Mapping[str, str] = field(default_factory=dict)


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
    workspace, started = settings.workspace, time.time_ns()
    with ExitStack() as ending:
        with progress.stage("compose") as stage:
            known, changed = _of_same_files(settings)
            if known:
                stage.cached = True
                stage.detail = f"{len(known.modules)} modules, no file has changed"
                return Built(known, cached=True)
            from xtask.package.hooks import EarlyWorker  # noqa: PLC0415 - start-up

            early = ending.enter_context(EarlyWorker(workspace.cache))
            early.start()
            stage.because(changed)
            from xtask.pipeline.building import make, planning  # noqa: PLC0415 - start-up
            from xtask.pipeline.composing.rendering import rendered  # noqa: PLC0415

            composed = planning.prove(workspace, locked_only=locked_only)
            stage.detail = f"{len(composed.selection.modules)} modules"
        progress.listener.warned(composed.warnings)
        require_writable(workspace.releases)
        waiting = partial(progress.listener.waiting, "another build runs in this workspace")
        clean = partial(_remove_abandoned, workspace)
        lock = workspace.releases / ".build.lock"
        ending.enter_context(locked(lock, waiting, abandoned=clean))
        planned = planning.plan(composed, workspace, progress, locked_only=locked_only)
        known = _succeeded(settings, planned.plan.manifest_hash)

        def remember(outputs: Iterable[Path]) -> None:
            looked_at = [*planning.inputs(composed, workspace), *map(str, outputs)]
            packed_here = [one.digest for one in planned.bases.values() if one.machine_local]
            same = unchanged.Unchanged(planned.plan.manifest_hash, "".join(packed_here))
            unchanged.remember(workspace.cache, same, looked_at, started)

        if known and (outputs := _outputs(known, workspace)):
            generated, _ = rendered(planned.plan.selection, workspace)
            if _is_still_allowed(planned, generated, known, workspace, progress):
                make.write_committed(planned, workspace, generated)
                remember(outputs)
                return Built(known, cached=True)
        done, product = make.make(planned, settings, progress, early, known=known, reason=reason)
        # Too new to be trusted, as the bundle always is: the next build can say so.
        remember([workspace.root / str(done.bundle) / "image.json"])
        return Built(
            done,
            cached=False,
            cached_modules=product.cached_modules,
            reasons=product.reasons,
        )


def _remove_abandoned(workspace: Workspace) -> None:
    """Remove what builds that were killed left where builds write."""
    remove_abandoned(workspace.releases)
    remove_abandoned(workspace.generated)
    remove_abandoned(workspace.root, deep=False)


def _of_same_files(settings: Settings) -> tuple[Build | None, str]:
    """Return the build that the same files gave, without reading any of them; or what changed."""
    workspace = settings.workspace
    same, changed = unchanged.recall(workspace.cache, workspace.root)
    if same is None:
        return None, changed
    if same.base:
        from xtask.image.base.interpreter import packed  # noqa: PLC0415 - start-up
        from xtask.image.layout import Layout  # noqa: PLC0415

        base = packed(workspace.cache, Layout(workspace.layout), Layout(workspace.tars))
        if base is None or base.digest != same.base:
            return None, "changed: the Python that runs xtask"
    known = _succeeded(settings, same.manifest_hash)
    return known, "" if known else "the records do not know the build of these files"


def _succeeded(settings: Settings, manifest_hash: str) -> Build | None:
    """Return the build of a manifest hash, asking an embedded database the short way."""
    if settings.is_embedded:
        from xtask.records.lookup import recorded  # noqa: PLC0415 - start-up

        return recorded(settings.workspace.records, manifest_hash)
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(settings.database_url) as records:
        found = records.live_build(manifest_hash)
        is_here = found and found.status == "succeeded" and not records.removed_at(manifest_hash)
        return found if is_here else None


def _is_still_allowed(
    planned: Planned,
    generated: Mapping[str, bytes],
    known: Build,
    workspace: Workspace,
    progress: Progress,
) -> bool:
    """Look once more for secrets in what an image was made of: the allow list is not part of it.

    Returns:
        whether what was allowed in what was made from sources, such as wheels, still is.

    Raises:
        InvalidError: something looks like a secret and is not allowed any more (XT0404).
    """
    from xtask.pipeline.building import inventory, secrecy  # noqa: PLC0415 - start-up

    with progress.stage("secrets") as stage:
        watch = secrecy.look_through(planned, workspace)
        stage.cached, stage.reasons = not watch.reasons, watch.reasons
        secrecy.look_at_generated(watch, generated, workspace)
        needed = inventory.allowed(workspace.root / str(known.bundle))
        if needed is None or not watch.still_allows(needed):
            return False
    progress.listener.warned(watch.unused())
    return True


def _outputs(build: Build, workspace: Workspace) -> list[Path]:
    """Return the files that the build made or keeps; none when one of them is gone."""
    from xtask.image.layout import Layout  # noqa: PLC0415 - start-up
    from xtask.pipeline.building import inventory  # noqa: PLC0415

    layout, digest = Layout(workspace.layout), build.image_digest
    if not digest or not layout.has(digest):
        return []
    blobs = {digest}
    for image in layout.platforms(digest).values():
        if not layout.has(image):
            return []
        manifest = layout.read_json(image)
        parts = (manifest["config"], *manifest["layers"])
        blobs |= {image, *(part["digest"] for part in parts)}
    bundle = workspace.root / str(build.bundle)
    evidence, kept = _evidence(layout, build, workspace), inventory.complete(bundle, workspace)
    layout.put_marker()
    paths = [layout.marker, *map(layout.path, sorted(blobs)), *evidence, *kept]
    return paths if evidence and kept and all(path.is_file() for path in paths) else []


def _evidence(layout: Layout, build: Build, workspace: Workspace) -> list[Path]:
    """Return evidence and bundle of the image; nothing when a file of them is gone or altered."""
    from xtask.image.evidence.provenance import NAMED, PROVENANCE_NAME  # noqa: PLC0415 - start-up
    from xtask.image.evidence.verification import byproducts_of  # noqa: PLC0415
    from xtask.pipeline import bundles  # noqa: PLC0415

    try:
        here = bundles.files(workspace, build)
        manifests = [str(line["digest"]) for line in layout.referrers(str(build.image_digest))]
        parts = [part for one in manifests for part in layout.read_json(one)["layers"]]
        kinds = {str(part["digest"]): str(part["mediaType"]) for part in parts}
        provenance = bundles.read(workspace, build, PROVENANCE_NAME)
        named = byproducts_of(provenance, kinds[here[PROVENANCE_NAME]])
    except (UntrustedError, KeyError, TypeError):
        return []
    if not named.keys() >= NAMED or any(here.get(name) != named[name] for name in named):
        return []
    bundle = workspace.root / str(build.bundle)
    return [
        *(bundle / name for name in (PROVENANCE_NAME, *named)),
        *map(layout.path, [*manifests, *sorted(kinds)]),
    ]
