"""Gzip whose bytes depend on nothing but the content: classic zlib at one level, a fixed header.

RFC 1952 (gzip), RFC 1951 (deflate). No two implementations of deflate give the same bytes, and
whatever replaces zlib below Python says that it is zlib; so a known answer is asked for first.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from xtask.digest import sha256
from xtask.errors import UntrustedError, XtaskError
from xtask.image.base.changeset import MAX_UNPACKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# No time, no name, no flag that says fastest or best, no system (255).
_HEADER: Final = bytes.fromhex("1f8b08000000000000ff")
_LEVEL: Final = 6
_MEMORY: Final = 8
_PIECE: Final = 1 << 20
_VECTOR: Final = 1 << 16
_ANSWER: Final = "sha256:98ffaf96a2f0bd5c6bd69ab99b16cdb9c4731b9494ffb54705cf10857aed3cc7"
_UNREADABLE = (OSError, EOFError, zlib.error)


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the gzip member of the pieces.

    Raises:
        XtaskError: this Python's zlib would give other bytes than zlib gives elsewhere.
    """
    require_classic_zlib()
    yield from _compressed(pieces)


@lru_cache(maxsize=1)
def is_classic_zlib() -> bool:
    """Return whether a known vector is compressed to the bytes of classic zlib."""
    return sha256(b"".join(_compressed([_vector()]))) == _ANSWER


def require_classic_zlib() -> None:
    """Refuse a zlib that is another one below the same name.

    Raises:
        XtaskError: it does not give the bytes of classic zlib.
    """
    if not is_classic_zlib():
        raise XtaskError(
            f"this Python's zlib {zlib.ZLIB_RUNTIME_VERSION} does not compress to the bytes of "
            "classic zlib: on another machine the image would have another digest",
            help='write `compression = "none"` in [image], or build with a Python that has the '
            "zlib of zlib.net",
        )


def unpacked_digest(path: Path, name: str, limit: int = MAX_UNPACKED) -> str:
    """Return the digest of what a gzip file unpacks to; messages call it `name`.

    Raises:
        UntrustedError: it is not gzip, damaged, cut off, or unpacks to more than `limit` bytes.
    """
    state, left = hashlib.sha256(), limit
    try:
        with gzip.open(path, "rb") as stream:
            while piece := stream.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise UntrustedError(f"{name} unpacks to more than {limit} bytes")
                state.update(piece)
    except _UNREADABLE as error:
        raise UntrustedError(f"{name} cannot be unpacked: {error}") from error
    return "sha256:" + state.hexdigest()


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY)
    checksum = size = 0
    yield _HEADER
    for piece in pieces:
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
        yield deflate.compress(piece)
    yield deflate.flush()
    yield checksum.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")


def _vector() -> bytes:
    """Return 64 KiB that repeat near and far, repeat little, and do not repeat at all."""
    blocks = []
    for number in range(_VECTOR // 64):
        digest = hashlib.sha256(str(number % 311).encode()).digest()
        blocks += [digest, digest.hex()[: 16 * (number % 5)].encode(), b"def f(x):\n    return x\n"]
    return b"".join(blocks)[:_VECTOR]
