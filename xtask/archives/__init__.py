"""The only reader of archives that somebody else made: a ZIP file that every reader reads alike.

What is not plain is refused before anything is written, each time for one of the reasons in
`refusals`; contents are held to their declared size and check sum while they are read.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.archives.content import pieces
from xtask.archives.listing import LIMITS, Archive, DroppedMode, Entry, Limits
from xtask.archives.refusals import REASONS, ArchiveError, refusal
from xtask.archives.zip import read_listing
from xtask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
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
        ArchiveError: there is no file, a file outside of a folder, or more than one folder.
    """
    top = ""
    for entry in archive.entries:
        first, slash, _ = entry.path.partition("/")
        top = top or first
        if not slash or first != top:
            raise refusal("no-single-top", entry.path)
    if not top:
        raise refusal("no-single-top")
    return top


def unpack(
    path: Path, target: Path, *, strip_top: bool = False, limits: Limits = LIMITS
) -> Archive:
    """Write the files of an archive into the new folder `target`, and return what was in it.

    Files have mode 644 or 755, folders 755; folders without files are not made. After a failure
    or a crash `target` is not there.

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
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            new = Path(folder) / "new"
            files = {new / entry.path.removeprefix(top): entry for entry in opened.listing.entries}
            folders = _make_folders(new, files)
            for file, entry in files.items():
                _write(file, entry, opened)
            for made in folders:
                _sync(made)
            new.rename(target)
        _sync(target.parent)
        return opened.listing


def _make_folders(root: Path, files: Iterable[Path]) -> list[Path]:
    """Make the folders of the files, from the top down, with modes that no umask changes."""
    parents = {parent for file in files for parent in file.parents if parent.is_relative_to(root)}
    folders = sorted({root, *parents})
    for folder in folders:
        folder.mkdir()
        folder.chmod(0o755)
    return folders


def _write(path: Path, entry: Entry, opened: OpenArchive) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.writelines(opened.pieces(entry))
        file.flush()
        os.fchmod(file.fileno(), 0o755 if entry.executable else 0o644)
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _naming(archive: str) -> Iterator[None]:
    """Name the archive in what is refused of it."""
    try:
        yield
    except ArchiveError as error:
        raise error.within(archive) from error.__cause__
