"""An OCI image layout: a folder of blobs, each named by the SHA-256 of its bytes, and an index.

OCI Image Specification 1.1, "Image Layout" and "Descriptors".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from xtask.digest import canonical_json, hex_of, sha256, sha256_file
from xtask.errors import UntrustedError
from xtask.files import locked, write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
REFERENCE = "org.opencontainers.image.ref.name"

MARKER = canonical_json({"imageLayoutVersion": "1.0.0"})
"""The content of `oci-layout`."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Blob:
    """A blob while it is written; `digest` and `size` are final once the writing is over."""

    __slots__ = ("_sha256", "_stream", "size")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append the bytes."""
        self._stream.write(data)
        self._sha256.update(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        """The digest of what was written so far."""
        return "sha256:" + self._sha256.hexdigest()


@dataclass(frozen=True, slots=True)
class Layout:
    """The image layout in the folder `root`, which comes into being with its first blob."""

    root: Path

    @property
    def index(self) -> Path:
        """The file that names the images."""
        return self.root / "index.json"

    def path(self, digest: str) -> Path:
        """Return where the blob lies, or would lie.

        Raises:
            UntrustedError: the text is not a SHA-256 digest, and so might lead out of the layout.
        """
        if not _DIGEST.fullmatch(digest):
            raise UntrustedError(f"{digest!r} is not sha256: and 64 hexadecimal digits")
        return self._blobs / hex_of(digest)

    def has(self, digest: str) -> bool:
        """Return whether the blob is here."""
        return self.path(digest).is_file()

    def put_bytes(self, data: bytes) -> str:
        """Store the bytes unless they are here already; return their digest."""
        digest = sha256(data)
        if not self.has(digest):
            with self.new_blob() as blob:
                blob.write(data)
        return digest

    @contextlib.contextmanager
    def new_blob(self) -> Iterator[Blob]:
        """Yield a blob to write to; it appears under its digest unless the block fails."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        temporary = self._blobs / f".{os.getpid()}.{os.urandom(8).hex()}.tmp"
        try:
            with temporary.open("xb") as stream:
                blob = Blob(stream)
                yield blob
                stream.flush()
                if not self.has(blob.digest):
                    os.fsync(stream.fileno())
                    temporary.rename(self.path(blob.digest))
                    _fsync(self._blobs)
        finally:
            temporary.unlink(missing_ok=True)

    def read_json(self, digest: str) -> dict[str, Any]:
        """Return the JSON object stored under the digest, after checking its bytes.

        Raises:
            UntrustedError: the blob is missing, altered, or not a JSON object.
        """
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise _missing(digest, "") from error
        if sha256(data) != digest:
            raise _altered(digest, "")
        try:
            value = json.loads(data)
        except ValueError as error:
            raise UntrustedError(f"blob {digest} is not JSON") from error
        if not isinstance(value, dict):
            raise UntrustedError(f"blob {digest} is not a JSON object")
        return value

    def read_image(self, image: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the manifest and the config of an image, after checking their bytes.

        Raises:
            UntrustedError: one is missing, altered, or not what its name says, or they disagree
                about the number of layers.
        """
        manifest = self.read_json(image)
        try:
            config = self.read_json(manifest["config"]["digest"])
            same = len(config["rootfs"]["diff_ids"]) == len(manifest["layers"])
        except (KeyError, TypeError) as error:
            raise UntrustedError(f"blob {image} is not an image manifest") from error
        if not same:
            raise UntrustedError(f"config and manifest of {image} list different layers")
        return manifest, config

    def add_manifest(self, digest: str, size: int, reference: str) -> None:
        """Let `reference` name the manifest `digest`; what it named before keeps its blobs."""
        descriptor = {
            "mediaType": MANIFEST_TYPE,
            "digest": digest,
            "size": size,
            "annotations": {REFERENCE: reference},
        }
        with locked(self.root / ".index.lock"):
            kept = [other for other in self._manifests() if _reference(other) != reference]
            entries = sorted([*kept, descriptor], key=lambda one: (_reference(one), one["digest"]))
            write_if_changed(self.root / "oci-layout", MARKER)
            write_if_changed(self.index, index_json(entries))

    def verify(self, image: str) -> None:
        """Hash the image's manifest, config and layers again.

        Raises:
            UntrustedError: a blob is missing or altered, or config and manifest disagree.
        """
        manifest, config = self.read_image(image)
        diff_ids, layers = config["rootfs"]["diff_ids"], manifest["layers"]
        for number, layer in enumerate(layers):
            self._verify_layer(layer, f" (layer {number} of {image})")
        # Of a compressed layer the config knows only the digest of what it unpacks to.
        if any(
            layer["mediaType"] == LAYER_TYPE and layer["digest"] != diff_id
            for layer, diff_id in zip(layers, diff_ids, strict=True)
        ):
            raise UntrustedError(f"config and manifest of {image} list different layers")

    def _verify_layer(self, layer: dict[str, Any], where: str) -> None:
        digest, path = layer["digest"], self.path(layer["digest"])
        if not path.is_file():
            raise _missing(digest, where)
        if path.stat().st_size != layer["size"] or sha256_file(path) != digest:
            raise _altered(digest, where)

    @property
    def _blobs(self) -> Path:
        return self.root / "blobs" / "sha256"

    def _manifests(self) -> list[dict[str, Any]]:
        try:
            index = json.loads(self.index.read_bytes())
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise UntrustedError(
                f"{self.index} is not JSON", help="remove it and build again"
            ) from error
        return list(index["manifests"])


def index_json(manifests: list[dict[str, Any]]) -> bytes:
    """Return an image index with these descriptors, in this order."""
    return canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests})


def _reference(descriptor: dict[str, Any]) -> str:
    return str(descriptor.get("annotations", {}).get(REFERENCE, ""))


def _missing(digest: str, where: str) -> UntrustedError:
    return UntrustedError(f"blob {digest}{where} is missing", help="build again")


def _altered(digest: str, where: str) -> UntrustedError:
    hint = "remove the blob and build again"
    return UntrustedError(f"blob {digest}{where} does not have the bytes of its digest", help=hint)


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
