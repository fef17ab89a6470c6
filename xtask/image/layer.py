"""Entries to a layer: one uncompressed tar whose bytes depend on nothing but the entries.

Not on their order, the clock, the umask, the owner of the files, or the Python that runs.
OCI Image Specification 1.1, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.errors import XtaskError
from xtask.image import ustar
from xtask.image.layout import LAYER_TYPE
from xtask.image.workers import require_going

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from xtask.image.blobs import Blob
    from xtask.image.layout import Layout

FILE, EXECUTABLE, DIRECTORY = 0o644, 0o755, 0o755

_PIECE = 1 << 20
# Shared scratch space is world-writable by definition; its sticky bit keeps owners apart.
_SCRATCH = ("tmp", 0o1777)


class EntryError(XtaskError):
    """An entry that no layer may have; `path` names it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"layer entry {path!r} {problem}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory (no content) or symbolic link (no content, a target) of a layer.

    `path` is relative to the root of the image. A file on disk as content is read when the layer
    is written; its own mode, owner and time do not count.
    """

    path: str
    content: bytes | Path | None
    mode: int = FILE
    uid: int = 0
    gid: int = 0
    link: str | None = None

    @property
    def kind(self) -> ustar.Kind:
        """What the entry is."""
        if self.link is not None:
            return ustar.Kind.SYMLINK
        return ustar.Kind.DIRECTORY if self.content is None else ustar.Kind.FILE


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in a layout: the digest of its tar, and the digest, bytes and type of its blob."""

    diff_id: str
    digest: str
    size: int
    media_type: str


def directory(path: str, mode: int = DIRECTORY, *, uid: int = 0, gid: int = 0) -> Entry:
    """Return the entry of a directory."""
    return Entry(path, None, mode, uid, gid)


def symlink(path: str, target: str) -> Entry:
    """Return the entry of a symbolic link; what a link's mode says has no meaning."""
    return Entry(path, None, 0o777, link=target)


def write_layer(layout: Layout, entries: Iterable[Entry], *, sync: bool = True) -> Layer:
    """Write the entries as a layer into the layout, parents before children, bytewise sorted.

    Args:
        layout: where the layer goes.
        entries: what is in it.
        sync: see `Layout.new_blob`.

    Raises:
        EntryError: a path, mode or link that no layer may have, or entries that exclude each other.
        XtaskError: a file that changed while it was read.
    """
    tree = _tree(entries)
    with layout.new_blob(sync=sync) as blob:
        for path in sorted(tree, key=str.encode):
            require_going()
            _write(blob, tree[path])
        blob.write(ustar.END)
    return Layer(blob.digest, blob.digest, blob.size, LAYER_TYPE)


def _tree(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the checked entries by path, with every parent directory."""
    tree: dict[str, Entry] = {}
    for entry in entries:
        _check(entry)
        if entry.path in tree:
            raise EntryError(entry.path, "is there twice")
        tree[entry.path] = entry
    for path in list(tree):
        parent = path.rpartition("/")[0]
        while parent:
            above = tree.get(parent)
            if above is None:
                tree[parent] = directory(parent)
            elif above.kind is not ustar.Kind.DIRECTORY:
                raise EntryError(parent, f"is no directory, but {path!r} lies below it")
            else:
                break  # what is above it has had its turn, or will have
            parent = parent.rpartition("/")[0]
    return tree


def _check(entry: Entry) -> None:
    """Refuse what could escape the image, differ between file systems, or give rights away."""
    for problem in (
        _path_problem(entry.path),
        _mode_problem(entry),
        _owner_problem(entry),
        _link_problem(entry),
    ):
        if problem:
            raise EntryError(entry.path, problem)


def _path_problem(path: str) -> str | None:
    segments = path.split("/")
    if path.startswith("/") or ".." in segments:
        return "leads out of the image"
    if "" in segments or "." in segments:
        return "has an empty segment"
    if not path.isprintable():
        return "has a character that cannot be printed"
    return None if path.isascii() or _is_composed(path) else "is not in Unicode normal form C"


def _is_composed(path: str) -> bool:
    from unicodedata import is_normalized  # noqa: PLC0415 - nearly no path needs it

    return is_normalized("NFC", path)


def _mode_problem(entry: Entry) -> str | None:
    if entry.kind is ustar.Kind.SYMLINK:
        return None
    if entry.kind is ustar.Kind.DIRECTORY and (entry.path, entry.mode) == _SCRATCH:
        return None
    if entry.mode & ~0o777:
        return "has a setuid, setgid or sticky bit"
    if entry.mode & stat.S_IWOTH:
        return "can be written by everybody"
    if entry.kind is ustar.Kind.DIRECTORY and not entry.mode & stat.S_IXUSR:
        return "is a directory that cannot be entered"
    return None


def _owner_problem(entry: Entry) -> str | None:
    """Refuse what the application could overwrite: of all files, only new ones are its own."""
    if entry.kind is ustar.Kind.DIRECTORY or not (entry.uid or entry.gid):
        return None
    return "belongs to somebody else than root"


def _link_problem(entry: Entry) -> str | None:
    if entry.link is None:
        return None
    if entry.content is not None:
        return "has content and a link target"
    if not entry.link or not entry.link.isprintable():
        return "has no link target that can be printed"
    target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.link))
    return "links out of the image" if target.split("/")[0] == ".." else None


def _write(blob: Blob, entry: Entry) -> None:
    if isinstance(entry.content, Path):
        with entry.content.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            blob.write(_header(entry, size))
            _copy(blob, stream, size)
    else:
        content = entry.content or b""
        blob.write(_header(entry, len(content)) + content + ustar.padding(len(content)))


def _header(entry: Entry, size: int) -> bytes:
    return ustar.header(
        entry.path,
        entry.kind,
        mode=entry.mode,
        size=size,
        link=entry.link or "",
        uid=entry.uid,
        gid=entry.gid,
    )


def _copy(blob: Blob, stream: BinaryIO, size: int) -> None:
    """Copy a file in pieces; the header has promised exactly `size` bytes."""
    left = size
    while piece := stream.read(min(_PIECE, left + 1)):
        left -= len(piece)
        if left < 0:
            break
        blob.write(piece)
    if left:
        raise XtaskError(f"{stream.name} changed while it was packed", help="build again")
    blob.write(ustar.padding(size))
