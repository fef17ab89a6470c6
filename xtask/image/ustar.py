"""The tar bytes of every archive here: POSIX ustar, and pax only where a name needs it.

IEEE Std 1003.1-2017, pax, "ustar Interchange Format" and "pax Header Block". Python's `tarfile` is
not used for writing because its header bytes have changed between versions.
"""

from __future__ import annotations

import struct
from enum import Enum

from xtask.errors import XtaskError

BLOCK = 512
END = bytes(2 * BLOCK)
MAX_SIZE = 0o77777777777
"""Bytes that the 11 octal digits of a ustar size field can say: 8 GiB less one."""

# name, mode, uid, gid, size, mtime, checksum, type, link, magic, owners, devices, prefix
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_NAME, _PREFIX = 100, 155
_NO_CHECKSUM = b" " * 8
_EPOCH = b"%011o\0" % 0
# A constant: other writers put a process id here, and so the archive differs each time.
_PAX_NAME = b"PaxHeader"


class Kind(Enum):
    """The type flag of an archive member."""

    FILE = b"0"
    SYMLINK = b"2"
    DIRECTORY = b"5"
    PAX = b"x"


def header(  # noqa: PLR0913 - the fields of the format
    path: str, kind: Kind, *, mode: int, size: int = 0, link: str = "", uid: int = 0, gid: int = 0
) -> bytes:
    """Return the blocks that precede the content of one member; time 0, no owner names.

    Args:
        path: relative POSIX path, a directory without its final slash.
        kind: what the member is.
        mode: permission bits.
        size: bytes of content that follow, padded with `padding`.
        link: target of a symbolic link.
        uid: owner, at most 7 octal digits.
        gid: group, at most 7 octal digits.

    Raises:
        XtaskError: a file of 8 GiB or more.
    """
    if size > MAX_SIZE:
        raise XtaskError(f"{path} has {size} bytes; one file in a layer may have {MAX_SIZE}")
    name = path + "/" if kind is Kind.DIRECTORY else path
    fields = _split(name)
    target = link.encode() if link.isascii() and len(link) <= _NAME else None
    records = b""
    if target is None:
        records += _record("linkpath", link)
    if fields is None:
        records += _record("path", name)
    prefix, base = fields or (b"", _PAX_NAME)
    block = _block(base, prefix, kind, mode=mode, size=size, link=target or b"", uid=uid, gid=gid)
    return _pax(records) + block if records else block


def padding(size: int) -> bytes:
    """Return the zero bytes that fill the last block of `size` bytes of content."""
    return bytes(-size % BLOCK)


def _split(name: str) -> tuple[bytes, bytes] | None:
    """Return the prefix and name fields, or None when the name needs a pax record."""
    if not name.isascii():
        return None
    raw = name.encode()
    if len(raw) <= _NAME:
        return b"", raw
    # The first slash that leaves at most 100 bytes: one name, one way to split it.
    cut = raw.find(b"/", max(0, len(raw) - _NAME - 1), len(raw) - 1)
    if 0 < cut <= _PREFIX:
        return raw[:cut], raw[cut + 1 :]
    return None


def _record(keyword: str, value: str) -> bytes:
    """Return one pax record; its length counts its own digits."""
    body = f" {keyword}={value}\n".encode()
    length = len(body) + len(str(len(body)))
    length = len(body) + len(str(length))
    return str(length).encode() + body


def _pax(records: bytes) -> bytes:
    size = len(records)
    block = _block(_PAX_NAME, b"", Kind.PAX, mode=0o644, size=size, link=b"", uid=0, gid=0)
    return block + records + padding(size)


def _block(  # noqa: PLR0913 - the fields of the format
    name: bytes, prefix: bytes, kind: Kind, *, mode: int, size: int, link: bytes, uid: int, gid: int
) -> bytes:
    zero = b"%07o\0" % 0
    raw = _HEADER.pack(
        name, b"%07o\0" % mode, b"%07o\0" % uid, b"%07o\0" % gid, b"%011o\0" % size,
        _EPOCH, _NO_CHECKSUM, kind.value, link, b"ustar\x0000", b"", b"", zero, zero, prefix,
    )  # fmt: skip
    return raw[:148] + b"%06o\0 " % sum(raw) + raw[156:]
