"""Manifests and indexes of others, checked: pure functions from bytes to what they refer to.

OCI Image Specification 1.1, "Content Descriptors", "Image Manifest", "Image Index", and Docker's
documents of schema 2, which differ in their media types only.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.errors import UntrustedError, XtaskError
from xtask.image.layout import INDEX_TYPE, MANIFEST_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MANIFEST_TYPES = (
    MANIFEST_TYPE,
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEX_TYPES = (
    INDEX_TYPE,
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MAX_LAYERS = 1000
"""Layers that a manifest may name: no Engine mounts an eighth of them."""

MAX_IMAGE = 64 << 30
"""Bytes of all blobs of one image."""

_DOCUMENTS = (*MANIFEST_TYPES, *INDEX_TYPES)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?")
# Every ARM machine with 64 bits is at least that.
_DEFAULT_VARIANTS = {("arm64", "v8"), ("amd64", "v1")}


class Descriptor(NamedTuple):
    """What a document is, its digest and its bytes."""

    media_type: str
    digest: str
    size: int


class ManifestParts(NamedTuple):
    """What an image manifest refers to, lowest layer first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Every blob once, in the order of their first mention."""
        return tuple({one.digest: one for one in (*self.layers, self.config)}.values())


class IndexEntry(NamedTuple):
    """A manifest of an index; `platform` is like `linux/arm64`, empty when it has none."""

    descriptor: Descriptor
    platform: str


def media_type_of(data: bytes, declared: str) -> str:
    """Return what a manifest or an index is, by the header that came with it and by itself.

    Raises:
        UntrustedError: it is neither, or the two disagree.
    """
    document = _json_object(data)
    stated = document.get("mediaType")
    found = declared.partition(";")[0].strip().lower()
    if found not in _DOCUMENTS:
        if stated not in _DOCUMENTS:
            raise UntrustedError(
                f"the registry sends {str(stated or found)[:100]!r}, which is no image",
                help="images of Docker's schema 1, and artifacts, cannot be used",
            )
        return str(stated)
    if stated not in (None, found):
        raise UntrustedError(f"the registry sends {found}, and the document is {stated!r:.100}")
    return found


def parse_manifest(data: bytes) -> ManifestParts:
    """Return what an image manifest refers to.

    Raises:
        UntrustedError: it is none, or larger than any image may be.
    """
    document = _json_object(data)
    layers = document.get("layers")
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS or "manifests" in document:
        raise UntrustedError("the manifest of the image has no list of layers")
    parts = ManifestParts(_descriptor(document.get("config")), tuple(map(_descriptor, layers)))
    if len({(one.digest, one.size) for one in (parts.config, *parts.layers)}) > len(parts.blobs):
        raise UntrustedError("the manifest of the image has two sizes for one blob")
    if sum(one.size for one in parts.blobs) > MAX_IMAGE:
        raise UntrustedError(f"the image has more than {MAX_IMAGE >> 30} GiB")
    return parts


def parse_index(data: bytes) -> tuple[IndexEntry, ...]:
    """Return the manifests that an index names.

    Raises:
        UntrustedError: it is none.
    """
    document = _json_object(data)
    entries = document.get("manifests")
    if not isinstance(entries, list) or "layers" in document:
        raise UntrustedError("the index has no list of manifests")
    return tuple(IndexEntry(_descriptor(one), _platform_of(one)) for one in entries)


def pick(entries: Sequence[IndexEntry], platform: str | None) -> Descriptor:
    """Return the manifest for a platform like `linux/amd64`; without one, the only manifest.

    Raises:
        XtaskError: there is none, or more than one.
    """
    # Attestations lie in an index under a platform that no machine has.
    images = [one for one in entries if "unknown" not in one.platform]
    wanted = platform and _normal(platform)
    fitting = [one for one in images if wanted in {None, one.platform}]
    if not fitting and wanted and wanted.count("/") == 1:
        fitting = [one for one in images if one.platform.startswith(f"{wanted}/")]
    if len(fitting) != 1:
        has = ", ".join(sorted({one.platform or "one without a platform" for one in images}))
        number = "no" if not fitting else "more than one"
        raise XtaskError(
            f"the index has {number} image for {platform or 'no platform in particular'}",
            help=f"it has: {has or 'none at all'}",
        )
    return fitting[0].descriptor


def platform_of_config(config: Mapping[str, Any]) -> str:
    """Return the platform that an image's config says, as `pick` writes it."""
    return _platform_of({"platform": config})


def same_platform(one: str, other: str) -> bool:
    """Return whether an image for `one` runs where `other` is wanted."""
    one, other = _normal(one), _normal(other)
    return one == other or one.startswith(f"{other}/")


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UntrustedError("the registry sends a manifest that is not JSON") from error
    if not isinstance(document, dict):
        raise UntrustedError("the registry sends a manifest that is no JSON object")
    return document


def _descriptor(value: object) -> Descriptor:
    found = value if isinstance(value, dict) else {}
    media_type, digest, size = found.get("mediaType"), found.get("digest"), found.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UntrustedError(f"a descriptor names {digest!r:.100}, which is no SHA-256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UntrustedError(f"the descriptor of {digest} has no size")
    if not isinstance(media_type, str) or not media_type.isascii() or not media_type.isprintable():
        raise UntrustedError(f"the descriptor of {digest} has no media type")
    return Descriptor(media_type, digest, size)


def _platform_of(entry: Mapping[str, Any]) -> str:
    platform = entry.get("platform")
    if not isinstance(platform, dict):
        return ""
    parts = [platform.get(name) for name in ("os", "architecture", "variant")]
    text = "/".join(part for part in parts if part and isinstance(part, str))
    return _normal(text) if _PLATFORM.fullmatch(text) else "unknown"


def _normal(platform: str) -> str:
    system, _, machine = platform.partition("/")
    architecture, _, variant = machine.partition("/")
    if (architecture, variant) in _DEFAULT_VARIANTS:
        return f"{system}/{architecture}"
    return platform
