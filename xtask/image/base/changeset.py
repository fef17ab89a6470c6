"""The tar of a layer, read as the foreign bytes that it is: one pass, nothing extracted.

POSIX ustar and pax, and the long names of GNU tar, as IEEE Std 1003.1-2017 and the GNU tar manual
("Basic Tar Format") have them. Python's `tarfile` reads more kinds than layers have, and keeps
records of any size in memory.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from enum import Enum
from typing import IO, TYPE_CHECKING, NamedTuple

from xtask.errors import UntrustedError
from xtask.image.ustar import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_UNPACKED = 16 << 30
"""Bytes that one layer may unpack to."""

_MAX_MEMBERS = 1_000_000
_MAX_DEPTH = 200
_MAX_RECORDS = 1 << 20
_MAX_PATH = 4096
_PIECE = 1 << 20
# More than any file has bytes: `int` raises for thousands of digits, and reads those of any script.
_COUNT = re.compile("[0-9]{1,20}")
_UNREADABLE = (OSError, EOFError, zlib.error)


class Kind(Enum):
    """What a member of a layer is, as far as it matters."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"
    OTHER = "device or pipe"


_KINDS = {
    b"0": Kind.FILE, b"\0": Kind.FILE, b"7": Kind.FILE, b"1": Kind.HARDLINK, b"2": Kind.SYMLINK,
    b"3": Kind.OTHER, b"4": Kind.OTHER, b"5": Kind.DIRECTORY, b"6": Kind.OTHER,
}  # fmt: skip


class Member(NamedTuple):
    """One member: path below the root without `.` and empty segments, what a link points to."""

    path: str
    kind: Kind
    mode: int
    size: int
    link: str


class Changeset:
    """An open layer; `members` are read once, in order, and `diff_id` is known after the last."""

    def __init__(
        self,
        stream: IO[bytes],
        name: str,
        *,
        compressed: bool,
        help: str = "name another base image",  # noqa: A002 - the word users read
    ) -> None:
        """Read `stream`, which is gzip when `compressed`; messages call the layer `name`."""
        self._stream = gzip.GzipFile(fileobj=stream) if compressed else stream
        self._name, self._help = name, help
        self._sha256 = hashlib.sha256()
        self._read = 0
        self._left = 0
        self._padding = 0

    @property
    def diff_id(self) -> str:
        """The digest of the unpacked tar, once every member was seen."""
        return "sha256:" + self._sha256.hexdigest()

    def members(self) -> Iterator[Member]:
        """Yield every member; until the next one is asked for, `content` is of this one.

        Raises:
            UntrustedError: it is no tar, damaged, too large, or has a path that leads out of it.
        """
        for number, header in enumerate(self._headers()):
            if number > _MAX_MEMBERS:
                raise self._wrong(f"has more than {_MAX_MEMBERS} members")
            yield header
            self._skip()
        while self._take(_PIECE):
            pass

    def content(self) -> Iterator[bytes]:
        """Yield the bytes of the current member in pieces."""
        while self._left:
            piece = self._exactly(min(_PIECE, self._left))
            self._left -= len(piece)
            yield piece

    def _headers(self) -> Iterator[Member]:
        records: dict[str, str] = {}
        while (block := self._take(BLOCK)) and any(block):
            header = self._checked(block)
            flag = header[156:157]
            size = self._number(header[124:136])
            if flag in {b"x", b"g", b"L", b"K"}:
                found = self._extension(flag, size)
                records |= found if flag != b"g" else {}
                continue
            yield self._member(header, records, size)
            records = {}

    def _checked(self, block: bytes) -> bytes:
        if len(block) != BLOCK:
            raise self._wrong("ends in the middle of a header")
        blank = block[:148] + b" " * 8 + block[156:]
        if self._number(block[148:156]) != sum(blank):
            raise self._wrong("has a header whose checksum is wrong")
        return block

    def _extension(self, flag: bytes, size: int) -> dict[str, str]:
        """Return what a header says that stands before another one."""
        if size > _MAX_RECORDS:
            raise self._wrong(f"has records of {size} bytes")
        self._begin(size)
        data = b"".join(self.content())
        self._skip()
        if flag in {b"L", b"K"}:
            return {"path" if flag == b"L" else "linkpath": _text(data)}
        return self._records(data)

    def _records(self, data: bytes) -> dict[str, str]:
        found = {}
        while data:
            length, _, rest = data.partition(b" ")
            is_count = _COUNT.fullmatch(length.decode("latin-1"))
            if not is_count or not len(length) < int(length) <= len(data):
                raise self._wrong("has a pax record of another length than it says")
            key, _, value = rest[: int(length) - len(length) - 2].partition(b"=")
            found[_text(key)] = value.decode("utf-8", "surrogateescape")
            data = data[int(length) :]
        if any(key.startswith("GNU.sparse.") for key in found):
            raise self._wrong("has a sparse file")
        return found

    def _member(self, header: bytes, records: dict[str, str], size: int) -> Member:
        flag = header[156:157]
        name, link = _text(header[:100]), _text(header[157:257])
        if header[257:263] == b"ustar\0" and (prefix := _text(header[345:500])):
            name = f"{prefix}/{name}"
        name, link = records.get("path", name), records.get("linkpath", link)
        if "size" in records:
            if not _COUNT.fullmatch(records["size"]):
                raise self._wrong("has a size that is no number")
            size = int(records["size"])
        kind = _KINDS.get(flag)
        if kind is None:
            raise self._wrong(f"has a member of kind {flag!r}")
        if kind is Kind.FILE and name.endswith("/"):
            kind = Kind.DIRECTORY
        self._begin(size if kind is Kind.FILE else 0)
        path = self._path(name)
        if len(link) > _MAX_PATH:
            raise self._wrong(f"has a link that is too long at {path!r}")
        if kind is Kind.HARDLINK:
            link = self._path(link)
        return Member(path, kind, self._number(header[100:108]) & 0o7777, size, link)

    def _path(self, name: str) -> str:
        """Return a path without `.` and empty segments; the root is empty."""
        segments = [part for part in name.split("/") if part not in {"", "."}]
        if name.startswith("/") or ".." in segments or "\0" in name:
            raise self._wrong(f"has the path {name[:100]!r}, which leads out of it")
        if len(segments) > _MAX_DEPTH or len(name) > _MAX_PATH:
            raise self._wrong(f"has a path that is too long: {name[:100]!r}")
        return "/".join(segments)

    def _number(self, field: bytes) -> int:
        """Return an octal number, or one of GNU's in base 256."""
        if field[0] == 0x80:  # noqa: PLR2004 - the mark of base 256
            return int.from_bytes(field[1:])
        digits = field.partition(b"\0")[0].strip()
        try:
            number = int(digits or b"0", 8)
        except ValueError:
            number = -1
        if number < 0:
            raise self._wrong("has a header that is none")
        return number

    def _begin(self, size: int) -> None:
        self._left, self._padding = size, -size % BLOCK

    def _skip(self) -> None:
        for _ in self.content():
            pass
        if self._padding:
            self._exactly(self._padding)
            self._padding = 0

    def _exactly(self, size: int) -> bytes:
        data = self._take(size)
        if len(data) != size:
            raise self._wrong("ends too early")
        return data

    def _take(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except _UNREADABLE as error:
            raise self._wrong(f"cannot be unpacked: {error}") from error
        self._read += len(data)
        if self._read > MAX_UNPACKED:
            raise self._wrong(f"unpacks to more than {MAX_UNPACKED >> 30} GiB")
        self._sha256.update(data)
        return data

    def _wrong(self, what: str) -> UntrustedError:
        return UntrustedError(f"{self._name} {what}", help=self._help)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
