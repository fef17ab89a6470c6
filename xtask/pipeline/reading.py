"""Reading the modules of a composition, wherever their manifests are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xtask.manifest.composition import GitSource, IndexSource, PathSource
from xtask.manifest.dialects import read_manifest, read_module
from xtask.package import requirements, sources
from xtask.resolve.lock import normalised
from xtask.resolve.ranges import semantic_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.diagnostics import Problems
    from xtask.manifest.composition import Composition, Entry
    from xtask.manifest.module import Module
    from xtask.resolve.lock import Lock, Package
    from xtask.resolve.select import Selection
    from xtask.settings import Workspace


def _versioned(entry: Entry, module: Module, packages: Sequence[Package]) -> Module:
    """Return a published module in the version that was chosen for it; others as they are."""
    if not isinstance(entry.source, IndexSource):
        return module
    name = normalised(entry.source.package)
    found = next((package for package in packages if package.name == name), None)
    return replace(module, version=semantic_version(found.version)) if found else module


def read_modules(
    composition: Composition, workspace: Workspace, packages: Sequence[Package], problems: Problems
) -> dict[str, Module]:
    """Return every module of the composition that can be read, by name.

    What is in the workspace is read first: nothing is fetched while that has problems.

    Args:
        composition: what to read.
        workspace: where.
        packages: which versions of published modules are chosen; others are chosen on the way.
        problems: where everything wrong goes.

    Raises:
        InvalidError: what is in the workspace has problems, and something would be fetched.
        XtaskError: something cannot be fetched.
    """
    entries = sorted(composition.entries.values(), key=_is_fetched)
    modules = {}
    for entry in entries:
        if _is_fetched(entry):
            problems.raise_if_any()
        if module := _read(entry, workspace, packages, problems):
            modules[entry.name] = module
    return modules


def _is_fetched(entry: Entry) -> bool:
    source = entry.source
    return isinstance(source, GitSource) or (
        isinstance(source, IndexSource) and source.manifest is None
    )


def _read(
    entry: Entry, workspace: Workspace, packages: Sequence[Package], problems: Problems
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
            return _read_published(entry, entry.source, workspace, packages, problems)


def _read_published(
    entry: Entry,
    source: IndexSource,
    workspace: Workspace,
    packages: Sequence[Package],
    problems: Problems,
) -> Module | None:
    """Read the manifest of a published wheel: beside `modules.toml`, or inside the wheel."""
    if source.manifest is not None:
        manifest, shown = workspace.root / source.manifest, source.manifest
    else:
        name = normalised(source.package)
        chosen = [package for package in packages if package.name == name]
        if not chosen:
            wanted = {entry.name: (source.package + source.version,)}
            resolved = requirements.resolve_requirements(wanted, packages)
            chosen = [package for package in resolved if package.name == name]
        packages = (*packages, *chosen)
        wheel, _ = requirements.download(chosen, workspace.cache)[name]
        manifest = sources.published_manifest(wheel, workspace.cache)
        shown = f"{wheel.name}/{manifest.name}"
    module = read_manifest(manifest, shown, problems)
    return _versioned(entry, module, packages) if module else None


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
