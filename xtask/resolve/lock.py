"""`modules.lock`: what was chosen, so that every later build chooses the same.

It holds choices, not content: a module in this repository is locked by the commit it is in, so
its source digest is in the plan and not here. What comes from outside is locked by its hashes.
There is one block for each thing and no hash over the whole, so that two branches merge.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.manifest.entries import (
    ArchiveSource,
    CratesSource,
    GitSource,
    IndexSource,
    PathSource,
    RegistrySource,
    SearchSource,
)
from xtask.manifest.notation.toml import toml_text, toml_texts
from xtask.resolve.pins import Pin, parse_pin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from xtask.manifest.composition import Composition
    from xtask.manifest.entries import Entry
    from xtask.manifest.module import Module

SCHEMA = 1
# Third-party requirements are resolved for every Python from this one on.
PYTHON = "3.11"
_NO_PINS: Mapping[str, Pin] = MappingProxyType({})


class Package(NamedTuple):
    """One third-party distribution: version, hashes of its wheels, marker (PEP 508), who asked."""

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str
    required_by: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return what decides which bytes are installed."""
        return {
            "name": self.name,
            "version": self.version,
            "hashes": list(self.hashes),
            "marker": self.marker,
        }


class BuildEnvironment(NamedTuple):
    """What wheels of modules with the same build requirements are built with."""

    requires: tuple[str, ...]
    packages: tuple[Package, ...]

    def document(self) -> dict[str, Any]:
        """Return what decides which back end runs."""
        return {
            "requires": list(self.requires),
            "packages": [package.document() for package in self.packages],
        }


class LockedModule(NamedTuple):
    """One module as it was chosen; nobody asked for an `automatic` one, it joined by itself."""

    name: str
    version: str
    source: str
    requires: tuple[str, ...]
    dependencies: tuple[str, ...]
    build_requires: tuple[str, ...]
    automatic: bool = False


class LeftOut(NamedTuple):
    """A module of a registry that is not in the product: pinned too, because it is read too."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole file."""

    base: str
    machine_local: bool
    modules: tuple[LockedModule, ...]
    packages: tuple[Package, ...]
    builds: tuple[BuildEnvironment, ...]
    left_out: tuple[LeftOut, ...] = ()
    base_digest: str = ""
    """What the base's tag meant when it was chosen; empty for a base that has no digest."""

    @property
    def pins(self) -> dict[str, Pin]:
        """What is pinned of modules of registries, by their names."""
        found = {module.name: parse_pin(module.source) for module in self.modules}
        found |= {module.name: parse_pin(module.source) for module in self.left_out}
        return {name: pin for name, pin in found.items() if pin}

    def package(self, name: str) -> Package | None:
        """Return the locked distribution of a normalised name."""
        return next((package for package in self.packages if package.name == name), None)


def locked_modules(
    composition: Composition,
    modules: Iterable[Module],
    needs: Mapping[str, tuple[str, ...]],
    automatic: Collection[str] = frozenset(),
    pins: Mapping[str, Pin] = _NO_PINS,
) -> tuple[LockedModule, ...]:
    """Return the modules as a lock names them, by name."""
    return tuple(
        sorted(
            LockedModule(
                name=module.name,
                version=module.version or "",
                source=_source(composition.entries[module.name], pins.get(module.name)),
                requires=needs[module.name],
                dependencies=dependencies(composition.entries[module.name], module),
                build_requires=module.build_requires,
                automatic=module.name in automatic,
            )
            for module in modules
        )
    )


def dependencies(entry: Entry, module: Module) -> tuple[str, ...]:
    """Return what a module needs from the package index, its own wheel included."""
    own = [dependency.text for dependency in module.dependencies]
    if isinstance(entry.source, IndexSource):
        own.append(entry.source.package + entry.source.version)
    return tuple(sorted(own))


def normalised(name: str) -> str:
    """Return a Python project's name as the package index compares them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _source(entry: Entry, pin: Pin | None) -> str:
    source = entry.source
    match source:
        case GitSource(url, rev, path):
            return f"git {url} {rev} {path}"
        case RegistrySource(registry, _, module):
            return str(pin or f"registry {registry} {module}")
        case ArchiveSource(path, sha256):
            return f"archive {path} {sha256}"
        case IndexSource(word) | CratesSource(word) | PathSource(word) | SearchSource(word):
            return f"{source.kind} {word}"


def difference(old: Lock | None, new: Lock) -> str:
    """Return how two locks differ as a unified diff of their texts, empty when they do not."""
    import difflib  # noqa: PLC0415 - only stale locks need it

    before = render_lock(old) if old else ""
    return "\n".join(
        difflib.unified_diff(
            before.splitlines(),
            render_lock(new).splitlines(),
            "modules.lock",
            "modules.lock (what the manifests ask for)",
            lineterm="",
            n=2,
        )
    )


def render_lock(lock: Lock) -> str:
    """Return the text of a lock: the same lock gives the same text."""
    return "\n".join(_lines(lock)) + "\n"


def _lines(lock: Lock) -> Iterator[str]:
    yield "# Written by `xtask lock`. Commit it; do not edit it."
    yield f"schema = {SCHEMA}"
    yield f'python = ">={PYTHON}"'
    yield ""
    yield "[base]"
    yield f"name = {toml_text(lock.base)}"
    if lock.base_digest:
        yield f"digest = {toml_text(lock.base_digest)}"
    yield f"machine_local = {json.dumps(lock.machine_local)}"
    for module in lock.modules:
        yield from ("", "[[module]]")
        for key in ("name", "version", "source"):
            yield f"{key} = {toml_text(getattr(module, key))}"
        for key in ("requires", "dependencies", "build_requires"):
            yield f"{key} = {toml_texts(getattr(module, key))}"
        if module.automatic:
            yield "automatic = true"
    for part in lock.left_out:
        yield from ("", "[[left_out]]", f"name = {toml_text(part.name)}")
        yield f"source = {toml_text(part.source)}"
    for package in lock.packages:
        yield from ("", "[[package]]", *_package(package))
    for environment in lock.builds:
        yield from ("", "[[build]]", f"requires = {toml_texts(environment.requires)}")
        for package in environment.packages:
            yield from ("", "[[build.package]]", *_package(package))


def _package(package: Package) -> Iterator[str]:
    yield f"name = {toml_text(package.name)}"
    yield f"version = {toml_text(package.version)}"
    if package.marker:
        yield f"marker = {toml_text(package.marker)}"
    yield f"required_by = {toml_texts(package.required_by)}"
    yield "hashes = ["
    yield from (f"    {toml_text(digest)}," for digest in package.hashes)
    yield "]"


def parse_lock(values: Mapping[str, Any]) -> Lock:
    """Return the lock that a TOML document describes.

    Raises:
        KeyError, TypeError, ValueError: it is not a lock of this schema.
    """
    if values["schema"] != SCHEMA:
        raise ValueError(f"schema {values['schema']!r} is not known to this version of xtask")
    return Lock(
        base=str(values["base"]["name"]),
        machine_local=bool(values["base"]["machine_local"]),
        modules=tuple(_parse_module(block) for block in values.get("module", ())),
        packages=tuple(_parse_package(block) for block in values.get("package", ())),
        builds=tuple(
            BuildEnvironment(
                tuple(block["requires"]),
                tuple(_parse_package(package) for package in block.get("package", ())),
            )
            for block in values.get("build", ())
        ),
        left_out=tuple(
            LeftOut(str(block["name"]), str(block["source"]))
            for block in values.get("left_out", ())
        ),
        base_digest=str(values["base"].get("digest", "")),
    )


def _parse_module(block: Mapping[str, Any]) -> LockedModule:
    return LockedModule(
        name=str(block["name"]),
        version=str(block["version"]),
        source=str(block["source"]),
        requires=tuple(block["requires"]),
        dependencies=tuple(block["dependencies"]),
        build_requires=tuple(block["build_requires"]),
        automatic=bool(block.get("automatic")),
    )


def _parse_package(block: Mapping[str, Any]) -> Package:
    return Package(
        name=str(block["name"]),
        version=str(block["version"]),
        hashes=tuple(block["hashes"]),
        marker=str(block.get("marker", "")),
        required_by=tuple(block["required_by"]),
    )
