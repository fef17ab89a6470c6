"""Reading the modules of a composition, wherever their manifests are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import UntrustedError, XtaskError
from xtask.manifest.dialects import read_manifest, read_module
from xtask.manifest.entries import (
    ArchiveSource,
    CratesSource,
    GitSource,
    IndexSource,
    PathSource,
    RegistrySource,
    SearchSource,
    search_folder,
)
from xtask.manifest.table import shortened
from xtask.package import requirements, sources
from xtask.package.digests import read_digest
from xtask.pipeline.composing.registered import Registries, is_remote, read_registered
from xtask.resolve.lock import normalised
from xtask.resolve.ranges import semantic_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from xtask.diagnostics import Problems
    from xtask.manifest.composition import Composition
    from xtask.manifest.entries import Entry
    from xtask.manifest.module import Module
    from xtask.package.digests import Digest
    from xtask.resolve.lock import Lock, Package
    from xtask.resolve.select import Selection
    from xtask.settings import Workspace

_FETCHED = 2


class Kept(NamedTuple):
    """What was kept of a module, a folder or one manifest, and the path that it was read at."""

    path: Path
    shown: str


def read_kept(
    composition: Composition,
    kept: Mapping[str, Kept],
    packages: Sequence[Package],
    problems: Problems,
) -> dict[str, Module]:
    """Return every module of the composition from what was kept of it, asking nobody.

    Args:
        composition: what to read.
        kept: what there is, by name.
        packages: which versions of published modules are chosen.
        problems: where everything wrong goes.
    """
    modules = {}
    for entry in composition.entries.values():
        if (there := kept.get(entry.name)) is None:
            continue
        if there.path.is_dir():
            called = entry.name if _is_unnamed(entry, composition) else ""
            module = read_module(there.path, there.shown, problems, called=called)
        else:
            module = read_manifest(there.path, there.shown, problems)
        if module:
            modules[entry.name] = _versioned(entry, module, packages)
    return modules


def _is_unnamed(entry: Entry, composition: Composition) -> bool:
    """Return whether a module's folder has no name of its own, and takes the entry's."""
    match entry.source:
        case GitSource(path=path):
            return path == "."
        case RegistrySource(registry):
            return is_remote(composition.registries.get(registry))
        case source:
            return isinstance(source, ArchiveSource)


def _versioned(entry: Entry, module: Module, packages: Sequence[Package]) -> Module:
    """Return a published module in the version that was chosen for it; others as they are."""
    if not isinstance(entry.source, IndexSource):
        return module
    name = normalised(entry.source.package)
    found = next((package for package in packages if package.name == name), None)
    return replace(module, version=semantic_version(found.version)) if found else module


def read_modules(
    composition: Composition,
    workspace: Workspace,
    packages: Sequence[Package],
    problems: Problems,
    registries: Registries | None = None,
) -> dict[str, Module]:
    """Return every module of the composition that can be read, by name.

    What is in the workspace is read first: nothing is fetched while that has problems.

    Args:
        composition: what to read.
        workspace: where.
        packages: which versions of published modules are chosen; others are chosen on the way.
        problems: where everything wrong goes.
        registries: what is pinned of modules of registries; default nothing.

    Raises:
        InvalidError: what is in the workspace has problems, and something would be fetched.
        UntrustedError: something is not what its digest says.
        XtaskError: something cannot be fetched.
    """
    known = registries or Registries(composition, workspace, {}, problems)
    modules = {}
    for entry in sorted(composition.entries.values(), key=lambda each: _rank(each, composition)):
        if _rank(entry, composition) == _FETCHED:
            problems.raise_if_any()
        try:
            module = _read(entry, known, packages)
        except XtaskError:
            problems.raise_if_any()
            raise
        if module:
            modules[entry.name] = module
    return modules


def _rank(entry: Entry, composition: Composition) -> int:
    """Return when an entry is read: what lies there, what has a digest, what is fetched."""
    match entry.source:
        case GitSource() | IndexSource(manifest=None):
            return _FETCHED
        case RegistrySource(registry) if is_remote(composition.registries.get(registry)):
            return _FETCHED
        case RegistrySource() | ArchiveSource():
            return 1
        case _:
            return 0


def _read(  # noqa: PLR0911 - one return for each source
    entry: Entry, known: Registries, packages: Sequence[Package]
) -> Module | None:
    workspace, problems = known.workspace, known.problems
    match entry.source:
        case PathSource(path):
            return _read_folder(path, entry, workspace, problems)
        case SearchSource():
            found = search_folder(entry, known.composition, workspace.root, problems)
            return _read_folder(found or "", entry, workspace, problems)
        case GitSource():
            return _read_commit(entry, entry.source, workspace, problems)
        case IndexSource():
            return _read_published(entry, entry.source, workspace, packages, problems)
        case ArchiveSource():
            return _read_archive(entry, entry.source, workspace, problems)
        case RegistrySource():
            return read_registered(entry, entry.source, known)
        case CratesSource():
            problems.add(
                "XT0216",
                f"xtask reads no module from the source `{entry.source.kind}`",
                entry.place.at("source"),
                help='take its folder or its repository: `source = "path"` or `source = "git"`',
            )
            return None


def _read_folder(
    path: str, entry: Entry, workspace: Workspace, problems: Problems
) -> Module | None:
    if not path:
        return None
    root = workspace.root / path
    if root.is_dir():
        return read_module(root, path, problems)
    problems.add(
        "XT0108",
        f"there is no folder `{path}`",
        entry.place.at("path"),
        help="paths are relative to the folder of modules.toml",
    )
    return None


def _read_commit(
    entry: Entry, source: GitSource, workspace: Workspace, problems: Problems
) -> Module | None:
    if not source.path:
        return None
    root = sources.checkout(source, workspace.cache)
    shown = f"{source.url}@{source.rev[:12]}/{source.path}".removesuffix("/.")
    return read_module(root, shown, problems, called=entry.name if source.path == "." else "")


def _read_archive(
    entry: Entry, source: ArchiveSource, workspace: Workspace, problems: Problems
) -> Module | None:
    archive = workspace.root / source.path
    if not archive.is_file():
        problems.add(
            "XT0108",
            f"there is no archive `{shortened(source.path)}`",
            entry.place.at("path"),
            help="paths are relative to the folder of modules.toml",
        )
        return None
    otherwise = UntrustedError(
        f"`{entry.name}` is not what modules.toml says: {source.path} has another sha256",
        help=f"if it is the one that you want: write what `sha256sum {source.path}` prints",
    )
    root = sources.unpacked(archive, f"sha256:{source.sha256}", workspace.cache, otherwise)
    return read_module(root, source.path, problems, called=entry.name)


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
    selection: Selection, lock: Lock, digest: Digest = read_digest
) -> tuple[Mapping[str, str], Mapping[str, tuple[sources.SourceFile, ...]]]:
    """Return the source digest of each module, and the files of those that have a folder.

    Args:
        selection: the modules.
        lock: what is chosen of published ones.
        digest: gives that of a file by its path and what the system says of it.
    """
    digests: dict[str, str] = {}
    files: dict[str, tuple[sources.SourceFile, ...]] = {}
    for module in selection.modules:
        if module.root is not None:
            left_out = sources.not_sources(module)
            files[module.name] = sources.source_files(module.root, left_out, digest)
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
