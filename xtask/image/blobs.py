"""Bytes by the SHA-256 of them: the blobs of an OCI image layout.

OCI Image Specification 1.1, "Descriptors" and "Image Layout".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from xtask.digest import hex_of, sha256, sha256_file
from xtask.errors import UntrustedError
from xtask.files import fsync

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DOCUMENT = 16 << 20
"""Bytes that a manifest, a config or another document may have."""

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
class Blobs:
    """The blobs in the folder `root`, which comes into being with the first of them."""

    root: Path

    def path(self, digest: str) -> Path:
        """Return where the blob lies, or would lie.

        Raises:
            UntrustedError: the text is not a SHA-256 digest, and so might lead out of the layout.
        """
        return Path(self._place(digest))

    def _place(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise UntrustedError(f"{digest!r} is not sha256: and 64 hexadecimal digits")
        return f"{self.root}/blobs/sha256/{hex_of(digest)}"

    def has(self, digest: str) -> bool:
        """Return whether the blob is here."""
        return os.path.isfile(self._place(digest))  # noqa: PTH113 - hundreds in a few milliseconds

    def put_bytes(self, data: bytes) -> str:
        """Store the bytes unless they are here already; return their digest.

        They are on the disk then, their name is when the index is written that leads to it.
        """
        digest = sha256(data)
        if not self.has(digest):
            with self.new_blob(sync=False) as blob:
                blob.write(data)
        return digest

    @contextlib.contextmanager
    def new_blob(self, *, sync: bool = True) -> Iterator[Blob]:
        """Yield a blob to write to; it appears under its digest unless the block fails.

        Its bytes are on the disk before it appears. Without `sync` its name may be lost with the
        system's power until somebody calls `Layout.sync`, which one call does for many blobs.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{os.getpid()}.{os.urandom(8).hex()}.tmp"
        try:
            with temporary.open("xb") as stream:
                blob = Blob(stream)
                yield blob
                stream.flush()
                if not self.has(blob.digest):
                    os.fsync(stream.fileno())
                    temporary.rename(self.path(blob.digest))
                    if sync:
                        self.sync()
        finally:
            temporary.unlink(missing_ok=True)

    def sync(self) -> None:
        """Wait until the disk has the names of all blobs that are there."""
        fsync(self._folder)

    def read_bytes(self, digest: str, limit: int = MAX_DOCUMENT) -> bytes:
        """Return the bytes stored under the digest, after checking them.

        Raises:
            UntrustedError: the blob is missing, altered, or has more than `limit` bytes.
        """
        try:
            with self.path(digest).open("rb") as stream:
                data = stream.read(limit + 1)
        except FileNotFoundError as error:
            raise _missing(digest, "") from error
        if len(data) > limit:
            raise UntrustedError(f"blob {digest} has more than {limit} bytes")
        if sha256(data) != digest:
            raise _altered(digest, "", self.path(digest))
        return data

    def read_json(self, digest: str) -> dict[str, Any]:
        """Return the JSON object stored under the digest, after checking its bytes.

        Raises:
            UntrustedError: the blob is missing, altered, or not a JSON object.
        """
        data = self.read_bytes(digest)
        try:
            value = json.loads(data)
        except ValueError as error:
            raise UntrustedError(f"blob {digest} is not JSON") from error
        if not isinstance(value, dict):
            raise UntrustedError(f"blob {digest} is not a JSON object")
        return value

    def require(self, digest: str, size: object, where: str = "") -> None:
        """Hash a blob again, whatever its size.

        Args:
            digest: what it has to have.
            size: how many bytes somebody says that it has.
            where: what it is to them, behind a space, for people.

        Raises:
            UntrustedError: it is missing or altered.
        """
        path = self.path(digest)
        if not path.is_file():
            raise _missing(digest, where)
        if path.stat().st_size != size or sha256_file(path) != digest:
            raise _altered(digest, where, path)

    @property
    def _folder(self) -> Path:
        return self.root / "blobs" / "sha256"


def _missing(digest: str, where: str) -> UntrustedError:
    return UntrustedError(f"blob {digest}{where} is missing", help="build again")


def _altered(digest: str, where: str, path: Path) -> UntrustedError:
    hint = f"remove {path}, then `xtask build`"
    return UntrustedError(f"blob {digest}{where} does not have the bytes of its digest", help=hint)
