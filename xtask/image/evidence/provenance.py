"""How an image was made: an in-toto Statement v1 with SLSA provenance v1, as canonical JSON.

in-toto Attestation Framework v1, "Statement" and "ResourceDescriptor"; SLSA 1.0, "Provenance". It
is the only place that knows when and by whom: two builds of one image have two of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import canonical_json, hex_of

if TYPE_CHECKING:
    from collections.abc import Mapping

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:x-xtask:build:1"
"""What the parameters mean (docs/images.md): the manifest hash decides the image, and all else."""

SBOM_NAME = "sbom.cdx.json"
PROVENANCE_NAME = "provenance.json"
"""What copies in a bundle are called."""
NAMED = frozenset({"image.json", "plan.json", "surface.json", SBOM_NAME})
"""Files of a bundle that a release relies on: provenance names them, and others."""


class Material(NamedTuple):
    """Something that went in: a name, its digest, where it is from (a URI, or nothing)."""

    name: str
    digest: str
    uri: str = ""


class Subject(NamedTuple):
    """What provenance is of: the image under its name, what decided it, what came beside it.

    `files` are the bill of materials and the other files of the bundle: digests by path.
    """

    reference: str
    image_digest: str
    manifest_hash: str
    platforms: tuple[str, ...]
    files: Mapping[str, str]


class Run(NamedTuple):
    """One attempt: where, which, from when to when (UTC, ISO 8601)."""

    builder: str
    invocation: str
    started: str
    finished: str


def statement(
    subject: Subject, materials: frozenset[Material], versions: Mapping[str, Any], run: Run
) -> bytes:
    """Return the statement.

    Args:
        subject: what was made.
        materials: modules, wheels and layers that went in.
        versions: of Python, xtask and the formats, which the caller of the build did not choose.
        run: the attempt.
    """
    return canonical_json(
        {
            "_type": STATEMENT,
            "subject": [{"name": subject.reference, "digest": _digest(subject.image_digest)}],
            "predicateType": PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": parameters(subject.manifest_hash, subject.platforms),
                    "internalParameters": dict(versions),
                    "resolvedDependencies": [_descriptor(one) for one in sorted(materials)],
                },
                "runDetails": {
                    "builder": {"id": run.builder},
                    "metadata": {
                        "invocationId": run.invocation,
                        "startedOn": run.started,
                        "finishedOn": run.finished,
                    },
                    "byproducts": [
                        {"name": name, "digest": _digest(digest)}
                        for name, digest in sorted(subject.files.items())
                    ],
                },
            },
        }
    )


def parameters(manifest_hash: str, platforms: tuple[str, ...]) -> dict[str, Any]:
    """Return what the caller of a build decides, and nothing else: `externalParameters`."""
    return {"manifestHash": manifest_hash, "platforms": sorted(platforms)}


def _descriptor(material: Material) -> dict[str, Any]:
    found: dict[str, Any] = {"name": material.name, "digest": _digest(material.digest)}
    return found | ({"uri": material.uri} if material.uri else {})


def _digest(digest: str) -> dict[str, str]:
    return {"sha256": hex_of(digest)}
