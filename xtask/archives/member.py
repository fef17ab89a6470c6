"""An entry by what its own record in the central directory says, before others are looked at."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xtask.archives.directory import FULL_32
from xtask.archives.listing import DroppedMode, Entry
from xtask.archives.names import refuse_unsafe
from xtask.archives.refusals import refusal

if TYPE_CHECKING:
    from xtask.archives.directory import Record
    from xtask.archives.listing import Limits

# APPNOTE 4.4.4: bits 0, 6 and 13 encrypt, bit 3 moves sizes behind the content, bits 1 and 2 say
# how hard the compressor tried, bit 11 says that the name is UTF-8.
_ENCRYPTED, _DESCRIPTOR, _HARMLESS, _UTF8 = 0x2041, 0x0008, 0x0006, 0x0800
_NEWEST = 63  # 4.4.3.2
_STORED, _DEFLATED = 0, 8  # 4.4.5
_UNIX_HOSTS = frozenset({3, 19})  # 4.4.2.2: UNIX, OS X
# Low half of the external attributes, as MS-DOS and Windows have them: label, device, link.
_DOS_FOLDER, _DOS_SPECIAL = 0x10, 0x08 | 0x40 | 0x400
_DROPPED = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX | stat.S_IWOTH
_MAX_EMPTY = 2  # bytes that deflate makes of nothing


@dataclass(frozen=True, slots=True)
class Member:
    """An entry whose own record is in order; it may still contradict others."""

    path: str
    is_folder: bool
    record: Record

    @property
    def mode(self) -> int:
        """Unix type and permissions, 0 where the maker has none."""
        return self.record.attributes >> 16

    @property
    def dropped_mode(self) -> DroppedMode:
        """The permissions that nobody gets, of which there may be none."""
        return DroppedMode(self.path, self.mode & _DROPPED)

    def entry(self, start: int) -> Entry:
        """Return the entry, whose content begins at `start`."""
        said = self.record.said
        return Entry(
            path=self.path,
            executable=bool(self.mode & stat.S_IXUSR),
            size=said.size,
            crc=said.crc,
            start=start,
            packed=said.packed,
            deflated=said.method == _DEFLATED,
        )


def read_member(record: Record, limits: Limits) -> Member:
    """Return the entry that a record describes.

    Raises:
        ArchiveError: the first rule for a single entry that it breaks.
    """
    said = record.said
    rules = (
        ("long-name", len(said.name.rstrip(b"/")) > limits.name),
        ("multi-disk", record.disk),
        ("zip64", FULL_32 in {said.packed, said.size, record.offset}),
        ("encrypted", said.flags & _ENCRYPTED),
        ("data-descriptor", said.flags & _DESCRIPTOR),
        ("unknown-flag", said.flags & ~(_HARMLESS | _UTF8)),
        ("newer-version", record.version > _NEWEST),
        ("unknown-method", said.method not in {_STORED, _DEFLATED}),
        ("size-mismatch", said.method == _STORED and said.packed != said.size),
    )
    for reason, is_broken in rules:
        if is_broken:
            raise refusal(reason, said.name)
    path = _text(record).removesuffix("/")
    refuse_unsafe(path, limits)
    return Member(path, _is_folder(record), record)


def _text(record: Record) -> str:
    """Return the name; only Unix programs are believed to mean UTF-8 when they do not say so."""
    name = record.said.name
    is_utf8 = record.said.flags & _UTF8 or record.host in _UNIX_HOSTS
    try:
        return name.decode("utf-8" if is_utf8 else "ascii")
    except UnicodeDecodeError as error:
        raise refusal("not-utf8", name) from error


def _is_folder(record: Record) -> bool:
    said, kind = record.said, stat.S_IFMT(record.attributes >> 16)
    if kind == stat.S_IFLNK:
        raise refusal("symbolic-link", said.name)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or record.attributes & _DOS_SPECIAL:
        raise refusal("special-file", said.name)
    is_named = said.name.endswith(b"/")
    is_typed = kind == stat.S_IFDIR or bool(record.attributes & _DOS_FOLDER)
    if (is_typed and not is_named) or (is_named and kind == stat.S_IFREG):
        raise refusal("type-mismatch", said.name)
    if is_named and (said.size or said.crc or said.packed > _MAX_EMPTY):
        raise refusal("directory-content", said.name)
    return is_named
