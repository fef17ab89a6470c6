"""Evidence beside an image in its layout: manifests whose `subject` the image is.

OCI Image Specification 1.1, "Guidelines for artifact usage" and "subject". The image itself stays
as it is: its digest knows nothing of what is said about it.
"""

from __future__ import annotations

import base64
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import canonical_json
from xtask.errors import UntrustedError
from xtask.image.layout import INDEX_TYPE, MANIFEST_TYPE, REFERENCE, SUBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xtask.image.layout import Layout

EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY = b"{}"
MAX_SIZE = 64 << 20
_NO_ANNOTATIONS: Mapping[str, str] = MappingProxyType({})


class Part(NamedTuple):
    """One blob of evidence: its bytes, what they are, and what is said of them."""

    data: bytes
    media_type: str
    annotations: Mapping[str, str] = _NO_ANNOTATIONS


class Artifact(NamedTuple):
    """Evidence of one kind; `config` and `reference` (a tag) are for formats that want them."""

    kind: str
    parts: tuple[Part, ...]
    annotations: Mapping[str, str] = _NO_ANNOTATIONS
    config: Part | None = None
    reference: str = ""


def attach(layout: Layout, image: str, artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    """Let this be all the evidence of the image; what was attached before is removed.

    Args:
        layout: where the image is.
        image: digest of its manifest or index.
        artifacts: the evidence.

    Returns:
        the digests of the manifests, in the order of the artifacts.

    Raises:
        UntrustedError: the image is missing or altered.
    """
    subject = descriptor(layout, image)
    made = [_put(layout, subject, artifact) for artifact in artifacts]
    gone = layout.replace_referrers(image, [one for one, _ in made])
    kept = {digest for _, blobs in made for digest in blobs}
    for digest in gone:
        _remove(layout, digest, kept)
    return tuple(str(one["digest"]) for one, _ in made)


def attached(layout: Layout, image: str) -> dict[str, dict[str, Any]]:
    """Return the manifests of the evidence of an image, by kind.

    Raises:
        UntrustedError: one is missing, altered, of another image, or of a kind that is there twice.
    """
    found: dict[str, dict[str, Any]] = {}
    for listed in layout.referrers(image):
        manifest = layout.read_json(str(listed.get("digest")))
        subject, kind = manifest.get("subject"), manifest.get("artifactType")
        if not isinstance(subject, dict) or subject.get("digest") != image:
            raise UntrustedError(f"evidence {listed['digest']} is of another image than it says")
        if not isinstance(kind, str) or found.setdefault(kind, manifest) is not manifest:
            raise UntrustedError(f"evidence of kind {kind!r} is there twice, or has no kind")
    return found


def require_blobs(layout: Layout, manifests: Iterable[Mapping[str, Any]]) -> None:
    """Hash again every blob that manifests of evidence name.

    Raises:
        UntrustedError: one is missing, altered, or not described.
    """
    for manifest in manifests:
        try:
            parts = [(str(one["digest"]), one["size"]) for one in manifest["layers"]]
            parts.append((str(manifest["config"]["digest"]), manifest["config"]["size"]))
        except (KeyError, TypeError) as error:
            raise UntrustedError("evidence is not made of blobs") from error
        for digest, size in parts:
            layout.require(digest, size, f" (evidence of kind {manifest.get('artifactType')})")


def content(layout: Layout, manifest: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the bytes and the media type of evidence that is one blob, after hashing them.

    Raises:
        UntrustedError: missing, altered, too large, or not one blob.
    """
    try:
        (part,) = manifest["layers"]
        digest, kind = str(part["digest"]), str(part["mediaType"])
    except (KeyError, TypeError, ValueError) as error:
        raise UntrustedError("evidence is not one blob") from error
    return layout.read_bytes(digest, limit=MAX_SIZE), kind


def descriptor(layout: Layout, image: str) -> dict[str, Any]:
    """Return the descriptor of an image in the layout.

    Raises:
        UntrustedError: it is missing or altered.
    """
    document = layout.read_json(image)
    kind = INDEX_TYPE if "manifests" in document else MANIFEST_TYPE
    return {"mediaType": kind, "digest": image, "size": layout.path(image).stat().st_size}


def _put(
    layout: Layout, subject: dict[str, Any], artifact: Artifact
) -> tuple[dict[str, Any], set[str]]:
    """Store an artifact; return its line in the index, and all of its blobs."""
    config = _blob(layout, artifact.config or Part(_EMPTY, EMPTY_TYPE))
    layers = [_blob(layout, part) for part in artifact.parts]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": artifact.kind,
        "config": config,
        "layers": layers,
        "subject": subject,
        **({"annotations": dict(artifact.annotations)} if artifact.annotations else {}),
    }
    data = canonical_json(manifest)
    digest = layout.put_bytes(data)
    annotations = {SUBJECT: str(subject["digest"])}
    if artifact.reference:
        annotations[REFERENCE] = artifact.reference
    listed = {
        "mediaType": MANIFEST_TYPE,
        "artifactType": artifact.kind,
        "digest": digest,
        "size": len(data),
        "annotations": annotations,
    }
    return listed, {digest, *(str(one["digest"]) for one in (config, *layers))}


def _blob(layout: Layout, part: Part) -> dict[str, Any]:
    """Store a blob and return its descriptor; what every image would have is in the descriptor."""
    digest = layout.put_bytes(part.data)
    found: dict[str, Any] = {"mediaType": part.media_type, "digest": digest, "size": len(part.data)}
    if part.media_type == EMPTY_TYPE:
        found["data"] = base64.b64encode(part.data).decode()
    if part.annotations:
        found["annotations"] = dict(part.annotations)
    return found


def _remove(layout: Layout, digest: str, kept: set[str]) -> None:
    """Remove evidence that the index no longer names, but for blobs that other evidence has."""
    try:
        manifest = layout.read_json(digest)
        listed = [part for part in manifest["layers"] if isinstance(part, dict)]
    except (UntrustedError, KeyError, TypeError):
        listed = []
    for blob in {digest, *(str(part.get("digest")) for part in listed)} - kept:
        layout.path(blob).unlink(missing_ok=True)
