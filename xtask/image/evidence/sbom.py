"""The bill of materials of an image: CycloneDX 1.6, as canonical JSON.

What is in it, where that came from, under which licence, and who asked for it. It has no time and
no random number in it: the same image has the same bytes. They are written here and not by a
library, so that a newer library changes no digest; tests hold them equal to what
`cyclonedx-python-lib` reads and writes (decision 11).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from xtask.digest import canonical_json, hex_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xtask.image.evidence.distributions import Licences

SBOM_TYPE = "application/vnd.cyclonedx+json"
_SPECIFICATION = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
# Of all serial numbers that xtask makes; it was random once.
_NAMESPACE = uuid.UUID("6f7c1f0e-6d5b-5c0e-9a55-0b6d8a1f3c27")
IMAGE, APPLICATION = "image", "application"


class ModulePart(NamedTuple):
    """A module of the product; `requires` are modules, `wheel` is what its code is packed in.

    `published` is the version of a module that is a distribution of the package index.
    """

    name: str
    version: str
    dialect: str
    source: str
    digest: str
    licences: Licences
    requires: tuple[str, ...]
    wheel: str = ""
    wheel_digest: str = ""
    distribution: str = ""
    published: str = ""


class PackagePart(NamedTuple):
    """A third-party distribution; `wheels` are file names and digests, one for each platform."""

    name: str
    version: str
    licences: Licences
    wheels: tuple[tuple[str, str], ...]
    required_by_modules: tuple[str, ...]
    required_by_packages: tuple[str, ...]


class BasePart(NamedTuple):
    """What the image of a platform stands on: its name in `modules.toml`, digest, CPython."""

    platform: str
    name: str
    digest: str
    python: str


class Contents(NamedTuple):
    """Everything that a bill of materials says."""

    app: str
    app_version: str
    repository: str
    image_digest: str
    manifest_hash: str
    bases: tuple[BasePart, ...]
    modules: tuple[ModulePart, ...]
    packages: tuple[PackagePart, ...]


def sbom(contents: Contents) -> bytes:
    """Return the bill of materials: equal contents give equal bytes, whatever their order."""
    components = [
        _application(contents),
        *(_base(base) for base in contents.bases),
        *(_module(module) for module in contents.modules),
        *(_package(package) for package in contents.packages),
    ]
    return canonical_json(
        {
            "$schema": _SCHEMA,
            **_SPECIFICATION,
            "serialNumber": serial_number(contents.manifest_hash),
            "metadata": {
                "component": _image(contents),
                "properties": _properties({"manifest-hash": contents.manifest_hash}),
            },
            "components": sorted(components, key=lambda one: str(one["bom-ref"])),
            "dependencies": _dependencies(contents),
        }
    )


def serial_number(manifest_hash: str) -> str:
    """Return the serial number of the bill of the image that a manifest hash gives."""
    return uuid.uuid5(_NAMESPACE, manifest_hash).urn


def image_purl(repository: str, digest: str) -> str:
    """Return the package URL of an image (purl-spec, type `oci`)."""
    name = repository.rpartition("/")[2].lower()
    return f"pkg:oci/{quote(name)}@{digest}?repository_url={quote(repository)}"


def _image(contents: Contents) -> dict[str, Any]:
    return {
        "bom-ref": IMAGE,
        "type": "container",
        "name": contents.repository,
        "version": contents.image_digest,
        "hashes": _hashes([contents.image_digest]),
        "purl": image_purl(contents.repository, contents.image_digest),
        "properties": [
            {"name": "xtask:platform", "value": base.platform} for base in sorted(contents.bases)
        ],
    }


def _application(contents: Contents) -> dict[str, Any]:
    found = {"bom-ref": APPLICATION, "type": "application", "name": contents.app}
    return found | ({"version": contents.app_version} if contents.app_version else {})


def _base(base: BasePart) -> dict[str, Any]:
    return {
        "bom-ref": _base_ref(base),
        "type": "platform",
        "name": "CPython",
        "version": base.python,
        "cpe": f"cpe:2.3:a:python:python:{base.python}:*:*:*:*:*:*:*",
        "properties": _properties(
            {"base": base.name, "base-digest": base.digest, "platform": base.platform}
        ),
    }


def _module(module: ModulePart) -> dict[str, Any]:
    facts = {"dialect": module.dialect, "source": module.source, "source-digest": module.digest}
    facts |= {"wheel": module.wheel} if module.wheel else {}
    facts |= {"distribution": module.distribution} if module.distribution else {}
    found: dict[str, Any] = {
        "bom-ref": _module_ref(module.name),
        "type": "library",
        "name": module.name,
        "version": module.version,
        "properties": _properties(facts),
    }
    if module.wheel_digest:
        found["hashes"] = _hashes([module.wheel_digest])
    if module.published:
        found["purl"] = package_purl(module.distribution, module.published)
    return found | _licences(module.licences)


def _package(package: PackagePart) -> dict[str, Any]:
    found = {"hashes": _hashes(digest for _, digest in package.wheels)} if package.wheels else {}
    return found | {
        "bom-ref": package_purl(package.name, package.version),
        "type": "library",
        "name": package.name,
        "version": package.version,
        "purl": package_purl(package.name, package.version),
        "properties": [
            {"name": "xtask:wheel", "value": file} for file, _ in sorted(set(package.wheels))
        ],
        **_licences(package.licences),
    }


def _dependencies(contents: Contents) -> list[dict[str, Any]]:
    """Return what needs what: an edge says who pulled a thing in."""
    bases = {_base_ref(base) for base in contents.bases}
    edges: dict[str, set[str]] = {
        IMAGE: {APPLICATION, *bases},
        APPLICATION: {_module_ref(module.name) for module in contents.modules},
    } | {base: set() for base in bases}
    for module in contents.modules:
        edges[_module_ref(module.name)] = {_module_ref(name) for name in module.requires}
    refs = {
        package.name: package_purl(package.name, package.version) for package in contents.packages
    }
    edges |= {ref: set() for ref in refs.values()}
    for package in contents.packages:
        for name in package.required_by_modules:
            edges[_module_ref(name)].add(refs[package.name])
        for name in package.required_by_packages:
            edges[refs[name]].add(refs[package.name])
    return [
        {"ref": ref, "dependsOn": sorted(edges[ref])} if edges[ref] else {"ref": ref}
        for ref in sorted(edges)
    ]


def _base_ref(base: BasePart) -> str:
    return f"base:{base.platform}"


def _module_ref(name: str) -> str:
    return f"module:{name}"


def package_purl(name: str, version: str) -> str:
    """Return the package URL of a published distribution (purl-spec, type `pypi`)."""
    return f"pkg:pypi/{quote(name)}@{quote(version, safe='')}"


def _hashes(digests: Iterable[str]) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hex_of(digest)} for digest in sorted(set(digests))]


def _properties(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"xtask:{name}", "value": value} for name, value in sorted(values.items())]


def _licences(licences: Licences) -> dict[str, Any]:
    """Return the field `licenses`: one expression, or ids and names."""
    if licences.expression:
        return {"licenses": [{"expression": licences.expression}]}
    listed = [{"license": {"id": text}} for text in licences.ids]
    listed += [{"license": {"name": text}} for text in licences.names]
    return {"licenses": listed} if listed else {}
