"""From `modules.toml` to a plan: everything that decides the image, and its hash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import xtask
from xtask.diagnostics import Problems
from xtask.digest import hex_of
from xtask.image.installation import machine_platform
from xtask.image.interpreter import pack
from xtask.image.layout import Layout
from xtask.manifest.entries import ArchiveSource, IndexSource
from xtask.package.sources import not_sources, source_paths
from xtask.pipeline.compose import compose
from xtask.pipeline.locking import current_lock
from xtask.pipeline.reading import source_digests
from xtask.resolve.plan import Base, Plan
from xtask.resolve.select import require_buildable, require_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.image.interpreter import Interpreter
    from xtask.package.sources import SourceFile
    from xtask.pipeline.compose import Composed
    from xtask.pipeline.progress import Progress
    from xtask.resolve.select import Selection
    from xtask.settings import Workspace


class Planned(NamedTuple):
    """A plan, with the base that it names and the files of each module that has a folder."""

    plan: Plan
    interpreter: Interpreter
    files: Mapping[str, tuple[SourceFile, ...]]


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
    if composition.base == "interpreter" and composition.platform != machine_platform():
        problems.add(
            "XT0215",
            f"base `interpreter` is {machine_platform()}, not {composition.platform}",
            composition.place.at("build", "target"),
            help=f"build on a machine of that platform, or write `{machine_platform()}`",
        )


def plan(
    composed: Composed, workspace: Workspace, progress: Progress, *, locked_only: bool
) -> Planned:
    """Choose versions and base, and hash the sources.

    Raises:
        StaleError: the lock does not match, and `locked_only`.
        XtaskError: versions cannot be chosen, the base cannot be packed, a source cannot be read.
    """
    with progress.stage("lock") as stage:
        selection, lock = current_lock(composed, workspace, locked=locked_only)
        stage.cached = lock == composed.lock
    with progress.stage("base") as stage:
        interpreter = pack(Layout(workspace.layout), workspace.cache)
        stage.detail = f"Python {interpreter.version}"
    with progress.stage("plan") as stage:
        digests, files = source_digests(selection, lock)
        base = Base(lock.base, interpreter.digest, interpreter.version, lock.machine_local)
        planned = Plan(selection, lock, base, digests)
        stage.detail = hex_of(planned.manifest_hash)[:16]
    return Planned(planned, interpreter, files)


def inputs(composed: Composed, workspace: Workspace) -> Iterator[Path]:
    """Yield every file and folder that a build reads, and what it keeps committed beside them."""
    selection = composed.selection
    yield from (workspace.manifest, workspace.lock)
    yield from (workspace.generated, *workspace.generated.iterdir())
    yield from (_nearest(workspace.root / path) for path in selection.composition.search)
    for module in (*selection.modules, *composed.left_out):
        source = selection.composition.entries[module.name].source
        if module.root is not None:
            yield from source_paths(module.root, not_sources(module))
            if isinstance(source, ArchiveSource):
                yield workspace.root / source.path
        elif isinstance(source, IndexSource) and source.manifest is not None:
            yield workspace.root / source.manifest
    program = Path(xtask.__file__).parent
    yield from (path for path in program.rglob("*.*") if path.suffix != ".pyc")


def _nearest(path: Path) -> Path:
    """Return a folder, or the one in which it would have to appear."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
