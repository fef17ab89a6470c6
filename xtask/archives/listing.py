"""What is in an archive, and how much may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_MIB = 1 << 20


class Limits(NamedTuple):
    """How large an archive may be; the defaults are those of FastVue's module upload.

    Sizes are in bytes; entries include folders. Content that is larger than `ratio_from` may be at
    most `ratio` times as large as it is in the archive.
    """

    archive: int = 50 * _MIB
    entries: int = 1000
    content: int = 100 * _MIB
    ratio: int = 50
    ratio_from: int = _MIB
    name: int = 240
    depth: int = 20


LIMITS = Limits()
"""What everything from outside has to keep to, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive: what it is called and holds, and where its content lies.

    `path` is relative with `/` between its parts; `size` in bytes and `crc` (CRC-32) are of the
    content, which takes `packed` bytes of the archive from `start` on.
    """

    path: str
    executable: bool
    size: int
    crc: int
    start: int
    packed: int
    deflated: bool


class DroppedMode(NamedTuple):
    """Permission bits that an entry asked for and does not get; `bits` as in `chmod`."""

    path: str
    bits: int


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of an archive and the modes that were dropped, both sorted by path."""

    entries: tuple[Entry, ...]
    dropped_modes: tuple[DroppedMode, ...]

    @property
    def contents(self) -> tuple[Entry, ...]:
        """The files that somebody put there: those that macOS adds on its own are not among them.

        It adds `.DS_Store` to folders, and `__MACOSX` with what only its file systems can hold.
        """
        return tuple(entry for entry in self.entries if not _is_of_macos(entry.path))

    @property
    def left_out(self) -> tuple[str, ...]:
        """The paths of the others, which are never unpacked."""
        return tuple(entry.path for entry in self.entries if _is_of_macos(entry.path))


def _is_of_macos(path: str) -> bool:
    return path.startswith("__MACOSX/") or path.rpartition("/")[2] == ".DS_Store"
