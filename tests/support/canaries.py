"""Texts that look like secrets and open nothing, made when a test runs, and a search for them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import zipfile
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_GZIP = b"\x1f\x8b"


def letters(seed: str, length: int) -> str:
    """Return letters and digits that nothing else here has."""
    text = hashlib.sha512(seed.encode()).hexdigest() * (1 + length // 128)
    return "".join(char.upper() if index % 3 else char for index, char in enumerate(text[:length]))


def plain(seed: str) -> str:
    """Return a password: nothing in its shape says what it is."""
    return "Q" + letters(seed, 27)


def github(seed: str) -> str:
    return "gh" + "p_" + letters(seed, 36)


def aws(seed: str) -> str:
    return "AK" + "IA" + letters(seed, 16).upper()


def stripe(seed: str) -> str:
    return "sk" + "_live_" + letters(seed, 24)


def private_key(seed: str) -> str:
    """Return a key in PEM; its middle line is the canary."""
    kind = "OPENSSH PRIVATE " + "KEY"
    return f"-----BEGIN {kind}-----\n{letters(seed, 64)}\n-----END {kind}-----\n"


def found_in(secret: str, root: Path, *, planted: Iterable[Path] = ()) -> list[str]:
    """Return the files below a folder that hold a secret, however it is packed."""
    left_out = {path.resolve() for path in planted}
    return [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.resolve() not in left_out and holds(path.read_bytes(), secret)
    ]


def holds(data: bytes, secret: str) -> bool:
    """Return whether bytes hold a secret: as it is, escaped, encoded, or inside of an archive."""
    return any(spelling in part for part in _unpacked(data) for spelling in _spellings(secret))


def _unpacked(data: bytes) -> Iterator[bytes]:
    yield data
    if data.startswith(_GZIP):
        try:
            yield gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)


def _spellings(secret: str) -> set[bytes]:
    """Return the secret, its quoted form, and what every base64 text that holds it has in it."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), raw.decode().encode("utf-16-le")}
    for shift in range(3):
        # The characters at both ends depend on the neighbours as well.
        encoded = base64.b64encode(b"\0" * shift + raw)
        found |= {encoded[4:-4], base64.urlsafe_b64encode(b"\0" * shift + raw)[4:-4]}
    return found
