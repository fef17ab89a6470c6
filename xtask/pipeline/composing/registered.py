"""Modules of registries: choosing a version once, and reading exactly that one ever after.

A registry that is a file of the workspace lists folders beside it. One at an address lists paths
at which there is a ZIP each. Its list is asked only for what no lock pins; what a lock pins has to
be what it was when it was chosen.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from xtask.diagnostics import did_you_mean, listed
from xtask.digest import hex_of, sha256
from xtask.errors import StaleError, UntrustedError
from xtask.files import write_if_changed
from xtask.manifest.dialects import read_module
from xtask.manifest.notation.text import MAX_BYTES
from xtask.manifest.table import shortened
from xtask.package import sources
from xtask.resolve.pins import Pin
from xtask.resolve.ranges import RangeError, matches, parse_range, parse_version

if TYPE_CHECKING:
    from semver import Version

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.composition import Composition, Registry
    from xtask.manifest.entries import Entry, RegistrySource
    from xtask.manifest.module import Module
    from xtask.manifest.registry import Registry as Listing
    from xtask.manifest.registry import RegistryModule
    from xtask.settings import Workspace


@dataclass(frozen=True, slots=True)
class Registries:
    """The registries of a composition.

    Args:
        composition: it names them.
        workspace: where they are, and what was fetched of them.
        pins: what is pinned, by the names of modules; what is chosen on the way is added.
        problems: where everything wrong goes.
        locked: nobody at an address is asked for what is not pinned.
    """

    composition: Composition
    workspace: Workspace
    pins: dict[str, Pin]
    problems: Problems
    locked: bool = False
    _lists: dict[str, Listing | None] = field(default_factory=dict)

    def listing(self, registry: Registry) -> Listing | None:
        """Return what a registry offers, asked once; None when it cannot be read."""
        if registry.name not in self._lists:
            from xtask.manifest.registry import read_registry  # noqa: PLC0415 - start-up

            path = _index_file(registry, self.workspace)
            self._lists[registry.name] = read_registry(path, registry.index, self.problems)
        return self._lists[registry.name]


class _Wanted(NamedTuple):
    """What is read: its version, its path in the registry, its digest if that is known already.

    `place` is where it was chosen: in the registry's list, or in `modules.toml`.
    """

    version: str
    path: str
    digest: str | None
    place: Place


def is_remote(registry: Registry | None) -> bool:
    """Return whether a registry is at an address."""
    return registry is not None and "://" in registry.index


def read_registered(entry: Entry, source: RegistrySource, known: Registries) -> Module | None:
    """Return a module of a registry; what is wrong goes to the problems of `known`.

    Raises:
        StaleError: it is not pinned, `known` is locked, and the registry is at an address.
        UntrustedError: it is not what it was when it was pinned.
        XtaskError: it cannot be fetched.
    """
    registry = known.composition.registries.get(source.registry)
    if registry is None or not registry.index:  # which is noted already
        return None
    if not _is_range(source, entry, known.problems):
        return None
    pin = known.pins.get(entry.name)
    if pin and _answers(pin, source):
        wanted = _Wanted(pin.version, pin.path, pin.digest, entry.place)
    elif chosen := _choose(entry, source, registry, known):
        wanted = _Wanted(chosen.version, chosen.path, None, chosen.place)
    else:
        return None
    if is_remote(registry):
        address = urljoin(registry.index, f"{wanted.path}.zip")
        module, digest = _of_address(address, entry, wanted, known)
    else:
        folder = str(PurePosixPath(registry.index).parent / wanted.path)
        module, digest = _of_folder(folder, entry, wanted, known)
    if module is None:
        return None
    _require_version(module, wanted, known.problems)
    known.pins[entry.name] = Pin(
        source.registry, source.module, wanted.version, wanted.path, digest
    )
    return module


def _index_file(registry: Registry, workspace: Workspace) -> Path:
    if not is_remote(registry):
        return workspace.root / registry.index
    from xtask.package.fetch import fetch  # noqa: PLC0415 - start-up

    data = fetch(registry.index, limit=MAX_BYTES)
    path = workspace.cache / "registries" / hex_of(sha256(data)) / "registry.json"
    write_if_changed(path, data)
    return path


def _is_range(source: RegistrySource, entry: Entry, problems: Problems) -> bool:
    try:
        parse_range(source.version)
    except RangeError as error:
        message = f"this is not a version range: {error}"
        help_line = "such as `^1.2`, `>=1.0, <3.0` or `1.x || ^3`"
        problems.add("XT0207", message, entry.place.at("version"), help=help_line)
        return False
    return True


def _answers(pin: Pin, source: RegistrySource) -> bool:
    is_same = (pin.registry, pin.module) == (source.registry, source.module)
    return is_same and matches(source.version, pin.version)


def _choose(
    entry: Entry, source: RegistrySource, registry: Registry, known: Registries
) -> RegistryModule | None:
    """Return the newest version in the range that a registry offers (XT0301, XT0303)."""
    if known.locked and is_remote(registry):
        raise StaleError(
            f"modules.lock does not say which version of `{entry.name}` to take",
            help="run `xtask lock` and commit modules.lock",
        )
    listing, problems = known.listing(registry), known.problems
    if listing is None:
        return None
    named = [module for module in listing.modules if module.name == source.module]
    # What has no version was noted when the list was read.
    offered = sorted((item for item in named if item.version), key=_age, reverse=True)
    fitting = [item for item in offered if matches(source.version, item.version)]
    if fitting:
        return fitting[0]
    if not named:
        names = sorted({module.name for module in listing.modules if module.name})
        problems.add(
            "XT0301",
            f"registry `{registry.name}` offers no module `{shortened(source.module)}`",
            entry.place.at("module"),
            others=[(registry.place.at("index"), "this registry")],
            help=did_you_mean(source.module, names)
            or (f"it offers {listed(names)}" if names else "it offers no module at all"),
        )
    elif offered:
        problems.add(
            "XT0303",
            f"no version of `{source.module}` in registry `{registry.name}` is in "
            f"`{shortened(source.version)}`",
            entry.place.at("version"),
            others=[(item.place.at("version"), f"it offers {item.version}") for item in offered],
            help="change the range, or take another registry",
        )
    return None


def _age(module: RegistryModule) -> tuple[Version, str]:
    return parse_version(module.version), module.version


def _of_address(
    address: str, entry: Entry, wanted: _Wanted, known: Registries
) -> tuple[Module | None, str]:
    """Return the module in the ZIP at an address, and the digest of the ZIP."""
    cache = known.workspace.cache
    folder = sources.archive_folder(wanted.digest, cache) if wanted.digest else None
    digest = wanted.digest or ""
    if folder is None or not folder.is_dir():
        known.problems.raise_if_any()
        folder, digest = _fetched(address, entry, wanted, cache)
    return read_module(folder, address, known.problems, called=entry.name), digest


def _fetched(address: str, entry: Entry, wanted: _Wanted, cache: Path) -> tuple[Path, str]:
    from xtask.archives import LIMITS  # noqa: PLC0415 - start-up
    from xtask.package.fetch import fetch  # noqa: PLC0415

    data = fetch(address, limit=LIMITS.archive)
    digest = wanted.digest or sha256(data)
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / PurePosixPath(wanted.path + ".zip").name
        archive.write_bytes(data)
        return sources.unpacked(archive, digest, cache, _changed(address, entry)), digest


def _of_folder(
    path: str, entry: Entry, wanted: _Wanted, known: Registries
) -> tuple[Module | None, str]:
    """Return the module in a folder of the workspace, and the digest of its files."""
    root = known.workspace.root / path
    if not root.is_dir():
        known.problems.add(
            "XT0108",
            f"there is no folder `{shortened(path)}`",
            wanted.place.at("path"),
            help="a registry's paths are relative to the folder of its file",
        )
        return None, ""
    module = read_module(root, path, known.problems)
    if module is None:
        return None, ""
    digest = sources.source_digest(sources.source_files(root, sources.not_sources(module)))
    if wanted.digest and digest != wanted.digest:
        raise _changed(path, entry)
    return module, digest


def _changed(shown: str, entry: Entry) -> UntrustedError:
    return UntrustedError(
        f"`{entry.name}` is not what modules.lock says: {shown} has changed since it was chosen",
        help=f"if that is what you want: `xtask lock --upgrade {entry.name}`",
    )


def _require_version(module: Module, wanted: _Wanted, problems: Problems) -> None:
    """Note a manifest of another version than the registry says (XT0209)."""
    if module.version and module.version != wanted.version:
        problems.add(
            "XT0209",
            f"the version is {module.version} here, and {wanted.version} in its registry",
            module.place.at("version"),
            others=[(wanted.place.at("version"), f"chosen as {wanted.version}")],
            help="a registry lists each module in the version that its manifest has",
        )
