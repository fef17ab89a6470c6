"""The story of `gc`: what nothing needs any more goes, after it was marked and had its grace."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Problems
from xtask.digest import hex_of
from xtask.errors import UntrustedError
from xtask.files import locked, remove_abandoned, temporary_folder
from xtask.image.evidence.strict import read_object
from xtask.image.layout import Layout
from xtask.manifest.composition import read_composition
from xtask.pipeline.building import inventory
from xtask.records.store import open_records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.pipeline.progress import Progress
    from xtask.records.retention import Collection, Policy
    from xtask.settings import Settings, Workspace


_ANY = "sha256:" + 64 * "0"
_DAY = 86_400


class Collected(NamedTuple):
    """What a collection did, or would do: manifest hashes with why they stay, others by step.

    `files` and `bytes` count what was removed, or would be.
    """

    needed: Mapping[str, str]
    marked: tuple[str, ...]
    removed: tuple[str, ...]
    files: int
    bytes: int


def collect(
    settings: Settings, progress: Progress, policy: Policy, *, dry_run: bool = False
) -> Collected:
    """Mark bundles that nothing needs, and remove those that were marked long enough ago.

    With a bundle go the blobs, inputs and evidence that no other bundle has. No build runs in this
    workspace meanwhile. The records call them gone before they go, so that no release waits for
    that and none begins with them; what a crash leaves goes with the next collection.

    Args:
        settings: the workspace and its records.
        progress: who is told.
        policy: how long things stay.
        dry_run: change nothing, and say what would be done.

    Raises:
        UntrustedError: a bundle that stays cannot be read: what it needs is not known, so nothing
            is removed.
    """
    workspace = settings.workspace
    waiting = partial(progress.listener.waiting, "a build runs in this workspace")
    with (
        open_records(settings.database_url, create=not dry_run) as records,
        locked(workspace.releases / ".build.lock", waiting),
    ):
        before = time.time() - policy.grace_days * _DAY
        found = records.foreseen(policy)
        going = _going(workspace, found, before)
        if dry_run:
            return _collected(workspace, found, going)
        with progress.stage("collect") as stage:
            decided = records.collect(policy, settings.actor)
            if decided != found:  # somebody was quicker
                going = _going(workspace, decided, before)
            done = _collected(workspace, decided, going)
            _remove(workspace, going)
            stage.detail = f"{done.files} files, {done.bytes} bytes"
    return done


def windows(workspace: Workspace) -> dict[str, int]:
    """Return how many rollbacks in a row `modules.toml` wants to be possible, by environment.

    Raises:
        InvalidError: the file does not say what it should; what must stay is not known then.
    """
    problems = Problems()
    composition = read_composition(workspace.manifest, problems)
    problems.raise_if_any()
    found = composition.environments if composition else {}
    return {name: environment.keep for name, environment in found.items()}


def _collected(workspace: Workspace, found: Collection, going: _Going) -> Collected:
    here = {f"sha256:{path.name}" for path in _bundles(workspace)}
    return Collected(
        needed={name: why for name, why in found.needed.items() if name in here},
        marked=found.marked,
        removed=tuple(sorted({*found.due, *(f"sha256:{path.name}" for path in going.bundles)})),
        files=len(going.files),
        bytes=sum(path.stat().st_size for path in going.files),
    )


class _Going(NamedTuple):
    """What goes: bundles, images by digest, and files that nothing left needs."""

    bundles: tuple[Path, ...]
    images: frozenset[str]
    files: tuple[Path, ...]


def _going(workspace: Workspace, found: Collection, before: float) -> _Going:
    """Return the bundles that go, and what no other bundle and no line of the layout needs.

    A bundle that the records do not know stays, and so does all that it needs. Files that are
    newer than `before` (seconds since 1970) stay: somebody may be about to name them.

    Raises:
        UntrustedError: a bundle that stays cannot be read.
    """
    names = {hex_of(each) for each in (*found.due, *(found.gone - found.needed.keys()))}
    bundles = tuple(path for path in _bundles(workspace) if path.name in names)
    layout = Layout(workspace.layout)
    images = frozenset(map(_image, bundles))
    kept = [inventory.needed(bundle, workspace) for bundle in _bundles(workspace)
            if bundle not in bundles]  # fmt: skip
    blobs = layout.in_use(but=images).union(*(one.blobs for one in kept))
    needed = set(map(layout.path, blobs)).union(*(one.inputs for one in kept))
    folders = (layout.path(_ANY).parent, workspace.inputs / "blobs", workspace.inputs / "modules")
    stored = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    unneeded = (path for path in stored if path not in needed and path.stat().st_mtime < before)
    inside = (path for bundle in bundles for path in bundle.rglob("*") if path.is_file())
    return _Going(bundles, images, tuple(sorted([*inside, *unneeded])))


def _image(bundle: Path) -> str:
    try:
        data = (bundle / "image.json").read_bytes()
    except OSError as error:
        raise UntrustedError(f"{bundle} cannot be read: {error.strerror}") from error
    return str(read_object(data, "image.json in the bundle").get("image_digest"))


def _remove(workspace: Workspace, going: _Going) -> None:
    """Remove names before what they stand for, so that a crash leaves nothing that lies."""
    Layout(workspace.layout).forget(going.images)
    for bundle in going.bundles:
        with temporary_folder(bundle.parent, bundle.name) as doomed:
            bundle.rename(doomed / "old")
    for path in going.files:
        path.unlink(missing_ok=True)
    remove_abandoned(workspace.releases)


def _bundles(workspace: Workspace) -> list[Path]:
    if not workspace.bundles.is_dir():
        return []
    found = (path for path in workspace.bundles.iterdir() if path.is_dir())
    # One that a killed build was writing has a name that begins with a dot.
    return sorted(path for path in found if not path.name.startswith("."))
