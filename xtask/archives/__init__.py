"""The only reader of archives that somebody else made: a ZIP file that every reader reads alike.

What is not plain is refused before anything is written, each time for one of the reasons in
`refusals`; contents are held to their declared size and check sum while they are read.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xtask.archives.content import pieces
from xtask.archives.listing import LIMITS, Archive, DroppedMode, Entry, Limits
from xtask.archives.refusals import REASONS, ArchiveError, refusal, shown
from xtask.archives.zip import read_listing
from xtask.errors import UsageError
from xtask.files import new_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = [
    "LIMITS",
    "REASONS",
    "Archive",
    "ArchiveError",
    "DroppedMode",
    "Entry",
    "Limits",
    "OpenArchive",
    "open_archive",
    "read_archive",
    "single_top",
    "top_of",
    "unpack",
]


@dataclass(frozen=True, slots=True)
class OpenArchive:
    """An archive whose file is open, so that contents of its entries can be read."""

    name: str
    listing: Archive
    stream: BinaryIO

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Yield the content of an entry of this archive in pieces of at most 64 KiB.

        Raises:
            ArchiveError: it is not what was declared; raised by the last piece at the latest.
        """
        with _naming(self.name):
            yield from pieces(self.stream, entry)

    def read(self, entry: Entry) -> bytes:
        """Return the content of an entry of this archive.

        Raises:
            ArchiveError: it is not what was declared.
        """
        return b"".join(self.pieces(entry))


def read_archive(path: Path, *, limits: Limits = LIMITS) -> Archive:
    """Return what is in an archive; its contents are checked when they are read.

    Raises:
        ArchiveError: it is refused.
        UsageError: there is no such file.
    """
    with open_archive(path, limits=limits) as opened:
        return opened.listing


@contextlib.contextmanager
def open_archive(path: Path, *, limits: Limits = LIMITS) -> Iterator[OpenArchive]:
    """Yield an archive that was read and stays open.

    Raises:
        ArchiveError: it is refused.
        UsageError: there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"{path} is not a file", help="give the path of a ZIP file")
    with path.open("rb") as stream:
        with _naming(path.name):
            listing = read_listing(stream, limits)
        yield OpenArchive(path.name, listing, stream)


def single_top(archive: Archive) -> str:
    """Return the name of the one folder that holds all files of the archive.

    Raises:
        ArchiveError: there is no file, a file outside of a folder, or more than one folder; what
            macOS added does not count.
    """
    top = ""
    for entry in archive.contents:
        first, slash, _ = entry.path.partition("/")
        if not slash:
            raise refusal("no-single-top", entry.path)
        if top and first != top:
            raise refusal("no-single-top", entry.path, detail=f"there is {shown(top)} too")
        top = first
    if not top:
        raise refusal("no-files")
    return top


def top_of(path: Path) -> str:
    """Return the name of the one folder that holds all files of an archive, see `single_top`.

    Raises:
        ArchiveError: it is refused, or has no such folder.
        UsageError: there is no such file.
    """
    with open_archive(path) as opened, _naming(path.name):
        return single_top(opened.listing)


def unpack(
    path: Path, target: Path, *, strip_top: bool = False, limits: Limits = LIMITS
) -> Archive:
    """Write the files of an archive into the new folder `target`, and return what was in it.

    Files have mode 644 or 755, folders 755; folders without files are not made, nor is anything
    that macOS added. After a failure or a crash `target` is not there.

    Args:
        path: the archive.
        target: a path where nothing is, in a folder that exists.
        strip_top: leave away the one folder that holds everything.
        limits: for the archive.

    Raises:
        ArchiveError: it is refused.
        UsageError: there is no such file, or something is at `target`.
    """
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already", help="remove it, or choose another folder")
    with open_archive(path, limits=limits) as opened:
        with _naming(path.name):
            top = f"{single_top(opened.listing)}/" if strip_top else ""
        with new_folder(target) as new:
            files = {new / entry.path.removeprefix(top): entry for entry in opened.listing.contents}
            _make_folders(new, files)
            for file, entry in files.items():
                with file.open("xb") as stream:
                    stream.writelines(opened.pieces(entry))
                file.chmod(0o755 if entry.executable else 0o644)
        return opened.listing


def _make_folders(root: Path, files: Iterable[Path]) -> None:
    """Make the folders of the files, from the top down, with modes that no umask changes."""
    parents = {parent for file in files for parent in file.parents if parent.is_relative_to(root)}
    for folder in sorted({root, *parents}):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


@contextlib.contextmanager
def _naming(archive: str) -> Iterator[None]:
    """Name the archive in what is refused of it."""
    try:
        yield
    except ArchiveError as error:
        raise error.within(archive) from error.__cause__
