"""The structure of a ZIP file, accepted only where it can be read in one way.

Sections are those of PKWARE's APPNOTE.TXT 6.3.10. The records have to cover the file without a gap:
each local header with its content (4.3.7, 4.3.8), the central directory (4.3.12), the end (4.3.16).
So readers that begin at the front, at the back or at the directory find the same files.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from xtask.archives.content import pieces, take
from xtask.archives.directory import Said, find_directory, read_records
from xtask.archives.extra_fields import refuse_extra
from xtask.archives.listing import Archive
from xtask.archives.member import read_member
from xtask.archives.names import refuse_collisions
from xtask.archives.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from xtask.archives.directory import Record
    from xtask.archives.listing import Limits
    from xtask.archives.member import Member

_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_MARK = b"PK\x03\x04"


def read_listing(stream: BinaryIO, limits: Limits) -> Archive:
    """Return what is in a ZIP file; of the content, only that of folders is read.

    Raises:
        ArchiveError: the first rule that it breaks.
    """
    size = stream.seek(0, 2)
    if size > limits.archive:
        raise refusal("large-archive", detail=f"{size} bytes of at most {limits.archive}")
    directory = find_directory(stream, size)
    if directory.entries > limits.entries:
        counted = f"{directory.entries} of at most {limits.entries}"
        raise refusal("many-entries", detail=counted)
    members = [read_member(record, limits) for record in read_records(stream, directory)]
    _refuse_large(members, limits)
    refuse_collisions((member.path, member.is_folder) for member in members)
    starts = _starts(stream, [member.record for member in members], directory.start)
    files = []
    for member in members:
        entry = member.entry(starts[member.record.offset])
        if member.is_folder:
            b"".join(pieces(stream, entry))
        else:
            files.append(entry)
    return Archive(
        tuple(sorted(files, key=lambda entry: entry.path)),
        tuple(sorted(mode for member in members if (mode := member.dropped_mode).bits)),
    )


def _refuse_large(members: Sequence[Member], limits: Limits) -> None:
    for member in members:
        said = member.record.said
        _refuse_ratio(said.packed, said.size, limits, member.path)
    packed = sum(member.record.said.packed for member in members)
    size = sum(member.record.said.size for member in members)
    if size > limits.content:
        raise refusal("large-content", detail=f"{size} bytes of at most {limits.content}")
    _refuse_ratio(packed, size, limits)


def _refuse_ratio(packed: int, size: int, limits: Limits, path: str | None = None) -> None:
    if size > limits.ratio_from and size > limits.ratio * packed:
        raise refusal("large-ratio", path, detail=f"from {packed} to {size} bytes")


def _starts(stream: BinaryIO, records: Sequence[Record], end: int) -> dict[int, int]:
    """Return where each content begins, by the offset of its local header.

    Local headers have to say what the directory says, and to fill the file from its first byte to
    the directory, which begins at `end`.
    """
    starts = {}
    expected = 0
    for record in sorted(records, key=lambda record: record.offset):
        name = record.said.name
        if record.offset < expected:
            raise refusal("overlap", name)
        if record.offset >= end:
            raise refusal("central-only", name)
        _refuse_gap(stream, expected, record.offset)
        starts[record.offset] = _content_start(stream, record, end)
        expected = starts[record.offset] + record.said.packed
        if expected > end:
            raise refusal("overlap", name)
    _refuse_gap(stream, expected, end)
    return starts


def _refuse_gap(stream: BinaryIO, expected: int, at: int) -> None:
    if expected == at:
        return
    if take(stream, expected, min(at - expected, len(_LOCAL_MARK))) == _LOCAL_MARK:
        raise refusal("local-only")
    raise refusal("gap" if expected else "data-before-first")


def _content_start(stream: BinaryIO, record: Record, end: int) -> int:
    """Return where the content begins, behind a local header that says what the directory says."""
    name = record.said.name
    header = take(stream, record.offset, min(_LOCAL.size, end - record.offset))
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_MARK):
        raise refusal("central-only", name)
    _, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL.unpack(header)
    start: int = record.offset + _LOCAL.size + name_size + extra_size
    if start > end:
        raise refusal("overlap", name)
    if record.said != Said(stream.read(name_size), flags, method, crc, packed, size):
        raise refusal("header-mismatch", name)
    refuse_extra(stream.read(extra_size), name)
    return start
