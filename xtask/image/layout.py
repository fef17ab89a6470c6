"""An OCI image layout: blobs, images and evidence made of them, and an index that names those.

OCI Image Specification 1.1, "Image Layout" and "Descriptors".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtask.digest import canonical_json, short
from xtask.errors import UntrustedError
from xtask.files import locked, write_if_changed
from xtask.image.blobs import Blobs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
GZIP_LAYER_TYPE = f"{LAYER_TYPE}+gzip"
REFERENCE = "org.opencontainers.image.ref.name"
SUBJECT = "xtask.subject"
"""On the index's line of a manifest that is evidence: the digest of the image that it is about."""

MARKER = canonical_json({"imageLayoutVersion": "1.0.0"})
"""The content of `oci-layout`."""

# What OCI calls an index, in the words of Docker's registry.
_INDEX_TYPES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
# The same for layers.
_TAR_TYPES = (LAYER_TYPE, "application/vnd.docker.image.rootfs.diff.tar")
_GZIP_TYPES = (GZIP_LAYER_TYPE, "application/vnd.docker.image.rootfs.diff.tar.gzip")


@dataclass(frozen=True, slots=True)
class Layout(Blobs):
    """The image layout in the folder `root`: its blobs, the images among them, and their names."""

    @property
    def index(self) -> Path:
        """The file that names the images."""
        return self.root / "index.json"

    @property
    def marker(self) -> Path:
        """The file that says that this is an image layout, and of which version."""
        return self.root / "oci-layout"

    def put_marker(self) -> None:
        """Write that file, if it is gone or says something else."""
        write_if_changed(self.marker, MARKER)

    def require_marker(self) -> None:
        """Refuse a folder that other programs do not take for an image layout.

        Raises:
            UntrustedError: the file that says so is gone, or says something else.
        """
        try:
            with self.marker.open("rb") as stream:
                same = stream.read(len(MARKER) + 1) == MARKER
        except OSError:
            same = False
        if not same:
            raise UntrustedError(
                f"{self.marker} is gone or altered", help="`xtask build` writes it again"
            )

    def platforms(self, image: str) -> dict[str, str]:
        """Return the digest of the manifest for each platform of an index, else the image's own.

        An image that is no index has one platform, which its config names and is `""` here.

        Raises:
            UntrustedError: the document is missing, altered, or names a platform twice or none.
        """
        document = self.read_json(image)
        if not is_index(document):
            return {"": image}
        try:
            named = [
                (f"{one['platform']['os']}/{one['platform']['architecture']}", str(one["digest"]))
                for one in document["manifests"]
            ]
        except (KeyError, TypeError) as error:
            raise UntrustedError(f"blob {image} is not an image index") from error
        if len(dict(named)) != len(named) or not named:
            raise UntrustedError(f"index {image} names a platform twice, or none")
        return dict(named)

    def read_image(self, image: str, platform: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the manifest and the config of an image, after checking their bytes.

        Args:
            image: the digest of its manifest, or of an index.
            platform: which one of an index, such as `linux/arm64`; without it the first by name.

        Raises:
            UntrustedError: one is missing, altered, or not what its name says, they disagree about
                the number of layers, or the index has no such platform.
        """
        found = self.platforms(image)
        chosen = platform if platform and "" not in found else min(found)
        if chosen not in found:
            raise UntrustedError(f"image {image} is not for {platform}, only {', '.join(found)}")
        return self._read_manifest(found[chosen])

    def _read_manifest(self, image: str) -> tuple[dict[str, Any], dict[str, Any]]:
        manifest = self.read_json(image)
        try:
            config = self.read_json(manifest["config"]["digest"])
            same = len(config["rootfs"]["diff_ids"]) == len(manifest["layers"])
        except (KeyError, TypeError) as error:
            raise UntrustedError(f"blob {image} is not an image manifest") from error
        if not same:
            raise UntrustedError(f"config and manifest of {image} list different layers")
        return manifest, config

    def add_manifest(
        self, digest: str, size: int, reference: str, *, media_type: str = MANIFEST_TYPE
    ) -> None:
        """Let `reference` name a manifest or an index; what it named before keeps its blobs."""
        descriptor = {
            "mediaType": media_type,
            "digest": digest,
            "size": size,
            "annotations": {REFERENCE: reference},
        }
        with locked(self.root / ".index.lock"):
            kept = [other for other in self._manifests() if _reference(other) != reference]
            self._write_index([*kept, descriptor])

    def named(self, reference: str) -> dict[str, Any] | None:
        """Return the line of the index that `reference` names, None when there is none.

        Raises:
            UntrustedError: the index is damaged.
        """
        return next((one for one in self._manifests() if _reference(one) == reference), None)

    def referrers(self, image: str) -> list[dict[str, Any]]:
        """Return the lines of the index for evidence about an image.

        Raises:
            UntrustedError: the index is damaged.
        """
        return [one for one in self._manifests() if _subject(one) == image]

    def replace_referrers(self, image: str, descriptors: list[dict[str, Any]]) -> list[str]:
        """Let these be all the evidence about an image.

        Returns:
            the digests of the manifests that the index no longer names.

        Raises:
            UntrustedError: the index is damaged.
        """
        with locked(self.root / ".index.lock"):
            before = self._manifests()
            self._write_index([*(one for one in before if _subject(one) != image), *descriptors])
            now = {str(one["digest"]) for one in self._manifests()}
        return sorted({str(one["digest"]) for one in before} - now)

    def reachable(self, image: str) -> frozenset[str]:
        """Return the digests of all that an image and the evidence about it are made of.

        Raises:
            UntrustedError: a document of them is missing, altered, or none.
        """
        found: set[str] = set()
        todo = [image]
        while todo:
            digest = todo.pop()
            if digest not in found:
                found.add(digest)
                manifests, blobs = self._named_by(digest)
                found |= blobs
                todo += manifests
        return frozenset(found)

    def _named_by(self, digest: str) -> tuple[list[str], set[str]]:
        """Return the manifests that a manifest or index leads to, and the blobs that it names."""
        document = self.read_json(digest)
        try:
            manifests = [str(one["digest"]) for one in document.get("manifests", ())]
            named = [document["config"], *document["layers"]] if "config" in document else []
            blobs = {str(one["digest"]) for one in named}
        except (KeyError, TypeError) as error:
            raise UntrustedError(f"blob {digest} is not an image manifest") from error
        return [*manifests, *(str(one["digest"]) for one in self.referrers(digest))], blobs

    def in_use(self, *, but: Collection[str] = ()) -> set[str]:
        """Return the digests of all blobs that lines of the index lead to.

        Args:
            but: images whose lines, and the evidence about them, do not count.

        Raises:
            UntrustedError: the index or a document on the way is damaged or missing.
        """
        return set[str]().union(
            *(
                self.reachable(str(one["digest"]))
                for one in self._manifests()
                if one["digest"] not in but and _subject(one) not in but
            )
        )

    def forget(self, images: Collection[str]) -> None:
        """Take images and the evidence about them out of the index; their blobs stay.

        Raises:
            UntrustedError: the index is damaged.
        """
        with locked(self.root / ".index.lock"):
            lines = self._manifests()
            kept = [
                one for one in lines if one["digest"] not in images and _subject(one) not in images
            ]
            if len(kept) < len(lines):
                self._write_index(kept)

    def verify(self, image: str) -> None:
        """Hash the image's manifest, config and layers again, of each platform that it is for.

        Raises:
            UntrustedError: a blob is missing or altered, or config and manifest disagree.
        """
        for manifest in self.platforms(image).values():
            self._verify_manifest(manifest)

    def _verify_manifest(self, image: str) -> None:
        manifest, config = self._read_manifest(image)
        diff_ids, layers = config["rootfs"]["diff_ids"], manifest["layers"]
        for number, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True)):
            where = f" (layer {number} of image {short(image)})"
            self.require(layer["digest"], layer["size"], where)
            if self._unpacked(layer, where) != diff_id:
                raise UntrustedError(f"config and manifest of {image} list different layers")

    def _unpacked(self, layer: dict[str, Any], where: str) -> str:
        """Return the digest of a layer's tar, which is all that a config knows of it.

        Raises:
            UntrustedError: it cannot be unpacked, or nobody here knows how.
        """
        kind, digest = str(layer.get("mediaType")), str(layer["digest"])
        if kind in _TAR_TYPES:
            return digest
        if kind not in _GZIP_TYPES:
            raise UntrustedError(f"blob {digest}{where} is {kind[:100]!r}, which is no layer")
        from xtask.image.deflate import unpacked_digest  # noqa: PLC0415 - start-up

        return unpacked_digest(self.path(digest), f"blob {digest}{where}")

    def _manifests(self) -> list[dict[str, Any]]:
        try:
            index = json.loads(self.index.read_bytes())
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise UntrustedError(
                f"{self.index} is not JSON", help="remove it and build again"
            ) from error
        listed = index.get("manifests") if isinstance(index, dict) else None
        if not isinstance(listed, list) or not all(map(_is_descriptor, listed)):
            raise UntrustedError(
                f"{self.index} is not an image index", help="remove it and build again"
            )
        return listed

    def _write_index(self, manifests: list[dict[str, Any]]) -> None:
        """Write the index: images first, then evidence, each by reference and digest."""
        entries = sorted(
            manifests, key=lambda one: (bool(_subject(one)), _reference(one), one["digest"])
        )
        self.put_marker()
        self._folder.mkdir(parents=True, exist_ok=True)
        self.sync()
        write_if_changed(self.index, index_json(entries))


def is_index(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an index of images, and not one image."""
    if "mediaType" in document:
        return document["mediaType"] in _INDEX_TYPES
    return "manifests" in document


def index_json(manifests: list[dict[str, Any]]) -> bytes:
    """Return an image index with these descriptors, in this order."""
    return canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests})


def _reference(descriptor: dict[str, Any]) -> str:
    return str(descriptor.get("annotations", {}).get(REFERENCE, ""))


def _is_descriptor(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("digest"), str)
        and isinstance(value.get("annotations", {}), dict)
    )


def _subject(descriptor: dict[str, Any]) -> str:
    return str(descriptor.get("annotations", {}).get(SUBJECT, ""))
