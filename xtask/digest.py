"""The one place where values become identity: canonical JSON and SHA-256."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the one spelling of a JSON value: sorted keys, no spaces, UTF-8.

    Equal values give equal bytes. Floats are refused as NaN or infinity (RFC 8259 section 6).
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256(data: bytes) -> str:
    """Return `sha256:<64 hex digits>` of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sha256_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the digest of a value's canonical JSON."""
    return sha256(canonical_json(value))


def sha256_file(path: Path) -> str:
    """Return the digest of a file's content, read in pieces."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            state.update(piece)
    return "sha256:" + state.hexdigest()


def sha256_of_files(paths: Iterable[Path]) -> str:
    """Return one digest over the contents of several files, in the order given."""
    return sha256("".join(sha256_file(path) for path in paths).encode())


def hex_of(digest: str) -> str:
    """Return the hex part of `sha256:<hex>`."""
    return digest.removeprefix("sha256:")


def short(digest: str) -> str:
    """Return what people need to see of a digest: `sha256:` and 16 of its digits."""
    return digest[: len("sha256:") + 16]
