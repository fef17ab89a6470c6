"""From `modules.toml` to a plan: everything that decides the image, and its hash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import xtask
from xtask.diagnostics import Problems
from xtask.digest import hex_of
from xtask.image.base.installation import machine_platform
from xtask.manifest.composition import INTERPRETER
from xtask.manifest.entries import ArchiveSource, IndexSource
from xtask.package.digests import FileDigests, read_digest
from xtask.package.sources import not_sources, source_paths
from xtask.pipeline.composing.bases import bases
from xtask.pipeline.composing.compose import compose
from xtask.pipeline.composing.locking import current_lock
from xtask.pipeline.composing.reading import source_digests
from xtask.receipts import FIRST
from xtask.resolve.plan import COMPRESSORS, Plan
from xtask.resolve.plan import Base as PlannedBase
from xtask.resolve.select import require_buildable, require_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.image.base.values import Base
    from xtask.manifest.module import Module
    from xtask.package.digests import Digest
    from xtask.package.sources import SourceFile
    from xtask.pipeline.composing.compose import Composed
    from xtask.pipeline.progress import Progress
    from xtask.resolve.lock import Lock
    from xtask.resolve.select import Selection
    from xtask.settings import Workspace


class Planned(NamedTuple):
    """A plan, with the base of each platform and the files of each module that has a folder.

    `left_out` are the modules of the composition that are not in the product.
    """

    plan: Plan
    bases: Mapping[str, Base]
    files: Mapping[str, tuple[SourceFile, ...]]
    left_out: tuple[Module, ...] = ()


def prove(workspace: Workspace, *, locked_only: bool = False) -> Composed:
    """Read the composition and prove that it is one that can be built here.

    Raises:
        InvalidError: with everything that is wrong.
        StaleError: `modules.lock` cannot be read, or does not say enough, and `locked_only`.
        UntrustedError: something is not what its digest says.
    """
    composed = compose(workspace, locked=locked_only)
    problems = Problems([*composed.warnings])
    require_host(composed.selection, problems)
    require_buildable(composed.selection, problems)
    _require_platform(composed.selection, problems)
    problems.raise_if_any()
    return composed


def _require_platform(selection: Selection, problems: Problems) -> None:
    """Note a target that this machine's own Python does not run on (XT0215)."""
    composition = selection.composition
    foreign = [platform for platform in composition.platforms if platform != machine_platform()]
    if composition.base == INTERPRETER and foreign:
        problems.add(
            "XT0215",
            f"base `interpreter` is {machine_platform()}, not {' and '.join(foreign)}",
            composition.place.at("build", "target"),
            help="build on a machine of that platform, name a base that has it in `[image] base`, "
            f"or write `{machine_platform()}`",
        )


def plan(
    composed: Composed, workspace: Workspace, progress: Progress, *, locked_only: bool
) -> Planned:
    """Choose versions and base, and hash the sources.

    Raises:
        StaleError: the lock does not match, and `locked_only`.
        XtaskError: versions cannot be chosen, there is no such base, a source cannot be read.
    """
    with progress.stage("lock") as stage:
        selection, lock = current_lock(composed, workspace, locked=locked_only)
        stage.cached = lock == composed.lock
        asked = "manifests ask for something else than before"
        stage.because("" if stage.cached else asked if composed.lock else FIRST)
    with progress.stage("base") as stage:
        before = _kept_bases(workspace)
        found = bases(selection.composition, lock, workspace)
        stage.cached = _kept_bases(workspace) == before
        changed = "the Python that runs xtask, or the base, is another one" if before else FIRST
        stage.because("" if stage.cached else changed)
        stage.detail = ", ".join(sorted({f"Python {base.python}" for base in found.values()}))
    with progress.stage("plan") as stage:
        digests = FileDigests(workspace.cache / "digests.json")
        planned = planned_for(selection, lock, found, composed.left_out, digests.of)
        digests.keep()
        stage.detail = hex_of(planned.plan.manifest_hash)[:16]
    return planned


def _kept_bases(workspace: Workspace) -> list[Path]:
    """Return the files in which it is kept what a base holds: one more was looked at or packed."""
    folders = (workspace.cache / "interpreter", workspace.cache / "base")
    return sorted(path for folder in folders for path in folder.glob("*.json"))


def planned_for(
    selection: Selection,
    lock: Lock,
    found: Mapping[str, Base],
    left_out: tuple[Module, ...] = (),
    digest: Digest = read_digest,
) -> Planned:
    """Return the plan of a selection with the versions of a lock, on the base of each platform.

    `digest` gives that of a file by its path and what the system says of it.

    Raises:
        XtaskError: a source cannot be read.
    """
    digests, files = source_digests(selection, lock, digest)
    stands_on = tuple(
        PlannedBase(lock.base, base.digest, base.python, lock.machine_local, platform)
        for platform, base in found.items()
    )
    compressor = COMPRESSORS[selection.composition.compression]
    return Planned(Plan(selection, lock, stands_on, digests, compressor), found, files, left_out)


def inputs(composed: Composed, workspace: Workspace) -> Iterator[str]:
    """Yield the path of all that a build reads, and of what it keeps committed beside that."""
    selection = composed.selection
    yield from map(str, (workspace.manifest, workspace.lock))
    yield from map(str, (workspace.generated, *workspace.generated.iterdir()))
    yield from (str(_nearest(workspace.root / path)) for path in selection.composition.search)
    for module in (*selection.modules, *composed.left_out):
        source = selection.composition.entries[module.name].source
        if module.root is not None:
            yield from source_paths(module.root, not_sources(module))
            if isinstance(source, ArchiveSource):
                yield str(workspace.root / source.path)
        elif isinstance(source, IndexSource) and source.manifest is not None:
            yield str(workspace.root / source.manifest)
    for folder, _, names in os.walk(Path(xtask.__file__).parent):
        yield from (f"{folder}/{name}" for name in names if not name.endswith(".pyc"))


def _nearest(path: Path) -> Path:
    """Return a folder, or the one in which it would have to appear."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
