"""The main story: from `modules.toml` to a recorded image."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from xtask.files import locked, require_writable
from xtask.image.interpreter import packed
from xtask.image.layout import Layout
from xtask.pipeline import unchanged
from xtask.records.lookup import recorded

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.pipeline.progress import Progress
    from xtask.records.values import Build
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
    workspace, started = settings.workspace, time.time_ns()
    with progress.stage("compose") as stage:
        if known := _of_same_files(settings):
            stage.cached = True
            stage.detail = f"{len(known.modules)} modules, no file has changed"
            return Built(known, cached=True)
        from xtask.pipeline import make, planning  # noqa: PLC0415 - start-up

        composed = planning.prove(workspace, locked_only=locked_only)
        stage.detail = f"{len(composed.selection.modules)} modules"
    progress.listener.warned(composed.warnings)
    require_writable(workspace.releases)
    waiting = partial(progress.listener.waiting, "another build runs in this workspace")
    with locked(workspace.releases / ".build.lock", waiting):
        planned = planning.plan(composed, workspace, progress, locked_only=locked_only)
        known = _succeeded(settings, planned.plan.manifest_hash)
        if known and (outputs := _outputs(known, workspace)):
            make.write_committed(planned, workspace)
            looked_at = [*planning.inputs(composed, workspace), *outputs]
            same = unchanged.Unchanged(known.manifest_hash, planned.interpreter.digest)
            unchanged.remember(workspace.cache, same, looked_at, started)
            return Built(known, cached=True)
        done, cached_modules = make.make(planned, settings, progress, known=known, reason=reason)
        return Built(done, cached=False, cached_modules=cached_modules)


def _of_same_files(settings: Settings) -> Build | None:
    """Return the build that the same files gave, without reading any of them."""
    workspace = settings.workspace
    if same := unchanged.recall(workspace.cache):
        base = packed(Layout(workspace.layout), workspace.cache)
        if base and base.digest == same.base:
            return _succeeded(settings, same.manifest_hash)
    return None


def _succeeded(settings: Settings, manifest_hash: str) -> Build | None:
    """Return the build of a manifest hash, asking an embedded database the short way."""
    if settings.is_embedded:
        return recorded(settings.workspace.records, manifest_hash)
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(settings.database_url) as records:
        found = records.live_build(manifest_hash)
        return found if found and found.status == "succeeded" else None


def _outputs(build: Build, workspace: Workspace) -> list[Path]:
    """Return the files that the build made; none when one of them is gone."""
    layout, digest = Layout(workspace.layout), build.image_digest
    if not digest or not layout.has(digest):
        return []
    manifest = layout.read_json(digest)
    blobs = [digest, manifest["config"]["digest"], *(part["digest"] for part in manifest["layers"])]
    paths = [workspace.root / str(build.bundle) / "image.json", *map(layout.path, blobs)]
    return paths if all(path.is_file() for path in paths) else []
