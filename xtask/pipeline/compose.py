"""The first story: from `modules.toml` to a selection without conflicts, and its lock."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xtask.diagnostics import Problems
from xtask.errors import StaleError
from xtask.files import write_if_changed
from xtask.manifest.composition import GitSource, IndexSource, PathSource, read_composition
from xtask.manifest.dialects import read_manifest, read_module
from xtask.package import requirements, sources
from xtask.resolve.lock import (
    BuildEnvironment,
    Lock,
    Package,
    dependencies,
    difference,
    locked_modules,
    normalised,
    parse_lock,
    render_lock,
)
from xtask.resolve.ranges import semantic_version
from xtask.resolve.select import Selection, select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.manifest.composition import Composition, Entry
    from xtask.manifest.module import Module
    from xtask.settings import Workspace

# Only this machine has exactly these bytes, so another machine may not find them stale.
_MACHINE_LOCAL = frozenset({"interpreter"})


@dataclass(frozen=True, slots=True)
class Composed:
    """A selection, the modules that are not in it, and the lock on disk (None: there is none)."""

    selection: Selection
    left_out: tuple[Module, ...]
    lock: Lock | None


def compose(workspace: Workspace) -> Composed:
    """Read the composition and every module in it, and prove that they fit.

    Raises:
        InvalidError: with everything that is wrong.
        StaleError: `modules.lock` cannot be read.
    """
    problems = Problems()
    lock = read_lock(workspace)
    composition = read_composition(workspace.manifest, problems)
    if composition is None:
        problems.raise_if_any()
        raise AssertionError("a composition that cannot be read has a problem")
    modules = _read_modules(composition, workspace, lock, problems)
    selection = select(composition, modules, problems)
    problems.raise_if_any()
    chosen = {module.name for module in selection.modules}
    left_out = tuple(module for name, module in sorted(modules.items()) if name not in chosen)
    return Composed(selection, left_out, lock)


def write_lock(workspace: Workspace, *, check: bool, upgrade: Sequence[str]) -> str:
    """Bring `modules.lock` up to date and return what changed in it, as a diff.

    Raises:
        StaleError: `check`, and it is not up to date.
    """
    composed = compose(workspace)
    _, lock = current_lock(composed, locked=check, upgrade=upgrade)
    if lock == composed.lock:
        return ""
    write_if_changed(workspace.lock, render_lock(lock).encode())
    return difference(composed.lock, lock)


def write_generated(workspace: Workspace) -> list[str]:
    """Write the generated files and return the names of those that changed."""
    from xtask.generate.tree import generate  # noqa: PLC0415 - start-up

    selection = _locked_selection(workspace)
    return [
        file.name
        for file in generate(selection)
        if write_if_changed(workspace.generated / file.name, file.data)
    ]


def check_generated(workspace: Workspace) -> str:
    """Return how the generated files differ from what the manifests say, empty when they do not."""
    from xtask.generate.check import drift  # noqa: PLC0415 - start-up
    from xtask.generate.tree import generate  # noqa: PLC0415

    selection = _locked_selection(workspace)
    tree = generate(selection, causes=True)
    paths = {file.name: workspace.generated / file.name for file in tree}
    present = {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
    return drift(tree, present, selection)


def _locked_selection(workspace: Workspace) -> Selection:
    """Return the selection with every version known, asking the package index only if need be."""
    composed = compose(workspace)
    if all(module.version for module in composed.selection.modules):
        return composed.selection
    return current_lock(composed)[0]


def read_lock(workspace: Workspace) -> Lock | None:
    """Return the lock on disk, None when there is none.

    Raises:
        StaleError: it is not a lock of this version.
    """
    try:
        return parse_lock(tomllib.loads(workspace.lock.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        conflict = isinstance(error, ValueError) and "<<<<<<<" in workspace.lock.read_text(
            "utf-8", "replace"
        )
        raise StaleError(
            "modules.lock has conflict markers"
            if conflict
            else f"cannot read modules.lock: {error}",
            help="delete modules.lock and run `xtask lock`",
        ) from error


def current_lock(
    composed: Composed, *, locked: bool = False, upgrade: Sequence[str] = ()
) -> tuple[Selection, Lock]:
    """Return the lock that answers the manifests, and the selection with the versions it chose.

    Args:
        composed: what was read.
        locked: refuse instead of choosing anew.
        upgrade: third-party packages whose newest version is taken.

    Raises:
        StaleError: `locked`, and the lock on disk does not answer; the report is the difference.
        RequirementConflictError: third-party requirements cannot be met together.
    """
    selection, old = composed.selection, composed.lock
    if old and not upgrade and _answers(old, selection):
        return selection, old
    wanted = _wanted(selection)
    packages = requirements.resolve_requirements(wanted, old.packages if old else (), upgrade)
    selection = _with_versions(selection, packages)
    builds = requirements.resolve_builds(
        [module.build_requires for module in selection.modules if module.build_requires],
        old.builds if old and not upgrade else (),
    )
    lock = _lock(selection, packages, builds)
    if locked:
        raise StaleError(
            "modules.lock does not match the manifests",
            report=difference(old, lock),
            help="run `xtask lock` and commit modules.lock",
        )
    return selection, lock


def _answers(lock: Lock, selection: Selection) -> bool:
    same = _lock(selection, lock.packages, lock.builds)
    wanted = {module.build_requires for module in selection.modules if module.build_requires}
    return same == lock and wanted == {environment.requires for environment in lock.builds}


def _lock(
    selection: Selection,
    packages: tuple[Package, ...],
    builds: tuple[BuildEnvironment, ...],
) -> Lock:
    base = selection.composition.base
    return Lock(
        base=base,
        machine_local=base in _MACHINE_LOCAL,
        modules=locked_modules(selection.composition, selection.modules, selection.needs),
        packages=packages,
        builds=builds,
    )


def _wanted(selection: Selection) -> dict[str, tuple[str, ...]]:
    return {
        module.name: dependencies(selection.composition.entries[module.name], module)
        for module in selection.modules
    }


def _with_versions(selection: Selection, packages: Sequence[Package]) -> Selection:
    """Return the selection with published modules in the versions that were just chosen."""
    problems = Problems()
    modules = {
        module.name: _versioned(selection.composition.entries[module.name], module, packages)
        for module in selection.modules
    }
    chosen = select(selection.composition, modules, problems)
    problems.raise_if_any()
    return chosen


def _versioned(entry: Entry, module: Module, packages: Sequence[Package]) -> Module:
    if not isinstance(entry.source, IndexSource):
        return module
    name = normalised(entry.source.package)
    found = next((package for package in packages if package.name == name), None)
    return replace(module, version=semantic_version(found.version)) if found else module


def _read_modules(
    composition: Composition, workspace: Workspace, lock: Lock | None, problems: Problems
) -> dict[str, Module]:
    modules = {}
    for entry in composition.entries.values():
        if module := _read(entry, workspace, lock, problems):
            modules[entry.name] = module
    return modules


def _read(
    entry: Entry, workspace: Workspace, lock: Lock | None, problems: Problems
) -> Module | None:
    match entry.source:
        case PathSource("") | GitSource(_, _, ""):
            return None
        case PathSource(path):
            root = workspace.root / path
            if not root.is_dir():
                problems.add(
                    "XT0108",
                    f"there is no folder `{path}`",
                    entry.place.at("path"),
                    help="paths are relative to the folder of modules.toml",
                )
                return None
            return read_module(root, path, problems)
        case GitSource(url, rev, path):
            root = sources.checkout(entry.source, workspace.cache)
            return read_module(root, f"{url}@{rev[:12]}/{path}".removesuffix("/."), problems)
        case IndexSource():
            return _read_published(entry, entry.source, workspace, lock, problems)


def _read_published(
    entry: Entry,
    source: IndexSource,
    workspace: Workspace,
    lock: Lock | None,
    problems: Problems,
) -> Module | None:
    """Read the manifest of a published wheel: beside `modules.toml`, or inside the wheel."""
    known = lock.packages if lock else ()
    if source.manifest is not None:
        manifest, shown = workspace.root / source.manifest, source.manifest
    else:
        name = normalised(source.package)
        chosen = [package for package in known if package.name == name]
        if not chosen:
            wanted = {entry.name: (source.package + source.version,)}
            resolved = requirements.resolve_requirements(wanted, known)
            chosen = [package for package in resolved if package.name == name]
        known = (*known, *chosen)
        wheel, _ = requirements.download(chosen, workspace.cache)[name]
        manifest = sources.published_manifest(wheel, workspace.cache)
        shown = f"{wheel.name}/{manifest.name}"
    module = read_manifest(manifest, shown, problems)
    return _versioned(entry, module, known) if module else None


def source_digests(
    selection: Selection, lock: Lock
) -> tuple[Mapping[str, str], Mapping[str, tuple[sources.SourceFile, ...]]]:
    """Return the source digest of each module, and the files of those that have a folder."""
    digests: dict[str, str] = {}
    files: dict[str, tuple[sources.SourceFile, ...]] = {}
    for module in selection.modules:
        if module.root is not None:
            files[module.name] = sources.source_files(module.root)
            digests[module.name] = sources.source_digest(files[module.name])
        else:
            source = selection.composition.entries[module.name].source
            digests[module.name] = sources.published_digest(_package(lock, source))
    return digests, files


def _package(lock: Lock, source: object) -> Package:
    if isinstance(source, IndexSource):
        found = lock.package(normalised(source.package))
        if found:
            return found
    raise AssertionError(f"{source} is not in the lock")
