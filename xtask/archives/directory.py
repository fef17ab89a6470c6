"""The end record of a ZIP file and the central directory before it, as they are written."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from xtask.archives.content import take
from xtask.archives.extra_fields import refuse_extra
from xtask.archives.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

FULL_16, FULL_32 = 0xFFFF, 0xFFFF_FFFF
"""What stands where ZIP64 has the number (APPNOTE 4.4.1.4)."""

_END = struct.Struct("<4s4H2IH")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END_MARK, _CENTRAL_MARK = b"PK\x05\x06", b"PK\x01\x02"
_ZIP64_LOCATOR_MARK, _ZIP64_LOCATOR_SIZE = b"PK\x06\x07", 20
# `git archive` writes the commit there. Hexadecimal digits cannot hide another end record.
_COMMIT = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})?")


class Directory(NamedTuple):
    """Where the end record says that the central directory is."""

    entries: int
    start: int
    end: int


class Said(NamedTuple):
    """What a local header and the central directory both say of an entry."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int


class Record(NamedTuple):
    """An entry of the central directory."""

    said: Said
    host: int
    version: int
    disk: int
    attributes: int
    offset: int


def find_directory(stream: BinaryIO, size: int) -> Directory:
    """Read the end record (4.3.16), which only a commit id may follow.

    It is looked for from the back, as all readers do.

    Raises:
        ArchiveError: there is none, or it is not that of a plain ZIP file.
    """
    base = max(0, size - _END.size - FULL_16)
    tail = take(stream, base, size - base)
    at = tail.rfind(_END_MARK)
    if at < 0 or at + _END.size > len(tail):
        raise refusal("no-end-record")
    _, disk, start_disk, here, entries, length, start, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        raise refusal("trailing-data")
    if not _COMMIT.fullmatch(tail, at + _END.size):
        raise refusal("comment")
    locator = tail[max(0, at - _ZIP64_LOCATOR_SIZE) : at]
    is_full = FULL_16 in {disk, start_disk, here, entries} or FULL_32 in {length, start}
    if locator.startswith(_ZIP64_LOCATOR_MARK) or is_full:
        raise refusal("zip64")
    if disk or start_disk:
        raise refusal("multi-disk")
    if here != entries:
        raise refusal("wrong-count")
    expected = start + length - base
    if expected != at:
        is_end = expected >= 0 and tail.startswith(_END_MARK, expected)
        raise refusal("second-end-record" if is_end else "wrong-offset")
    return Directory(entries, start, start + length)


def read_records(stream: BinaryIO, directory: Directory) -> Iterator[Record]:
    """Yield the entries of the central directory (4.3.12), which has to hold nothing else.

    Raises:
        ArchiveError: it holds more or less than the end record says, or an entry has a comment or
            an extra field that changes what it is.
    """
    at = directory.start
    for _ in range(directory.entries):
        if at + _CENTRAL.size > directory.end:
            raise refusal("wrong-count")
        fields = _CENTRAL.unpack(take(stream, at, _CENTRAL.size))
        mark, made_by, version, flags, method, _, _, crc, packed, size = fields[:10]
        name_size, extra_size, comment_size, disk, _, attributes, offset = fields[10:]
        at += _CENTRAL.size + name_size + extra_size + comment_size
        if mark != _CENTRAL_MARK or at > directory.end:
            raise refusal("wrong-count")
        name = stream.read(name_size)
        if comment_size:
            raise refusal("comment", name)
        refuse_extra(stream.read(extra_size), name)
        said = Said(name, flags, method, crc, packed, size)
        yield Record(said, made_by >> 8, version, disk, attributes, offset)
    if at != directory.end:
        raise refusal("wrong-count")
