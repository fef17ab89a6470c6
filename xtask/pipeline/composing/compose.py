"""The first story: from `modules.toml` to a selection without conflicts, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xtask.diagnostics import Problems
from xtask.files import write_if_changed
from xtask.manifest.composition import read_composition
from xtask.pipeline.composing.locking import current_lock, read_lock
from xtask.pipeline.composing.reading import read_kept, read_modules
from xtask.pipeline.composing.registered import Registries
from xtask.resolve.lock import difference, render_lock
from xtask.resolve.select import Selection, select

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from xtask.diagnostics import Diagnostic
    from xtask.manifest.module import Module
    from xtask.pipeline.composing.reading import Kept
    from xtask.resolve.lock import Lock
    from xtask.resolve.pins import Pin
    from xtask.settings import Workspace


@dataclass(frozen=True, slots=True)
class Composed:
    """What was read and proved.

    Args:
        selection: the product.
        left_out: the modules that are not in it.
        lock: the one on disk, None when there is none.
        warnings: what is worth a look in what was read, sorted by file and line.
        pins: the versions of modules of registries, by name.
    """

    selection: Selection
    left_out: tuple[Module, ...]
    lock: Lock | None
    warnings: tuple[Diagnostic, ...]
    pins: Mapping[str, Pin]


def compose(
    workspace: Workspace,
    *,
    locked: bool = False,
    upgrade: Collection[str] = (),
    kept: Mapping[str, Kept] | None = None,
) -> Composed:
    """Read the composition and every module in it, and prove that they fit.

    Args:
        workspace: where.
        locked: ask no registry for what `modules.lock` does not say.
        upgrade: modules of registries whose newest version is taken.
        kept: what was kept of every module; nothing else is looked at then.

    Raises:
        InvalidError: with everything that is wrong.
        StaleError: `modules.lock` cannot be read, or does not say what it has to.
        UntrustedError: something is not what its digest says.
    """
    problems = Problems()
    lock = read_lock(workspace)
    composition = read_composition(workspace.manifest, problems)
    if composition is None:
        problems.raise_if_any()
        raise AssertionError("a composition that cannot be read has a problem")
    pins = {name: pin for name, pin in (lock.pins if lock else {}).items() if name not in upgrade}
    registries = Registries(composition, workspace, pins, problems, locked=locked)
    packages = lock.packages if lock else ()
    if kept is None:
        modules = read_modules(composition, workspace, packages, problems, registries)
    else:
        modules = read_kept(composition, kept, packages, problems)
    selection = select(composition, modules, problems)
    problems.raise_if_any()
    chosen = {module.name for module in selection.modules}
    left_out = tuple(module for name, module in sorted(modules.items()) if name not in chosen)
    return Composed(selection, left_out, lock, problems.warnings, pins)


def validate(workspace: Workspace) -> Composed:
    """Compose, and prove everything else that can be proved without asking the network.

    Raises:
        InvalidError: with everything that is wrong.
        StaleError: `modules.lock` cannot be read.
    """
    from xtask.package.requirements import check_dependencies  # noqa: PLC0415 - start-up

    composed = compose(workspace)
    problems = Problems([*composed.warnings])
    check_dependencies(composed.selection.modules, problems)
    problems.raise_if_any()
    return composed


def write_generated(composed: Composed, workspace: Workspace) -> list[str]:
    """Write the generated files and return the names of those that changed."""
    from xtask.generate.tree import generate  # noqa: PLC0415 - start-up

    selection = _locked_selection(composed, workspace)
    return write_tree({file.name: file.data for file in generate(selection)}, workspace)


def write_tree(files: Mapping[str, bytes], workspace: Workspace) -> list[str]:
    """Make `generated/` hold these files and no other; return the names of those that changed."""
    changed = [
        name
        for name, data in sorted(files.items())
        if write_if_changed(workspace.generated / name, data)
    ]
    for path in _extra(files, workspace):
        path.unlink()
        changed.append(path.name)
    return changed


def _extra(files: Collection[str], workspace: Workspace) -> list[Path]:
    """Return what was generated from other manifests, or put into `generated/` by hand."""
    present = sorted(workspace.generated.iterdir()) if workspace.generated.is_dir() else []
    return [path for path in present if path.is_file() and path.name not in files]


def check_generated(composed: Composed, workspace: Workspace) -> str:
    """Return how the generated files differ from what the manifests say, empty when they do not."""
    from xtask.generate.check import drift  # noqa: PLC0415 - start-up
    from xtask.generate.tree import generate  # noqa: PLC0415

    selection = _locked_selection(composed, workspace)
    tree = generate(selection, causes=True)
    paths = {file.name: workspace.generated / file.name for file in tree}
    present = {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
    extra = [f"generated/{path.name} is not generated" for path in _extra(paths, workspace)]
    return "\n".join([*filter(None, [drift(tree, present, selection)]), *extra])


def _locked_selection(composed: Composed, workspace: Workspace) -> Selection:
    """Return the selection with every version known, asking the package index only if need be."""
    if all(module.version for module in composed.selection.modules):
        return composed.selection
    return current_lock(composed, workspace)[0]


def write_lock(
    composed: Composed, workspace: Workspace, *, check: bool, upgrade: Sequence[str]
) -> str:
    """Bring `modules.lock` up to date and return what changed in it, as a diff.

    Raises:
        StaleError: `check`, and it is not up to date.
    """
    _, lock = current_lock(composed, workspace, locked=check, upgrade=upgrade)
    if lock == composed.lock:
        return ""
    write_if_changed(workspace.lock, render_lock(lock).encode())
    return difference(composed.lock, lock)
