"""A base as a folder on this machine, so that its own Python can try what the image will import.

Nothing is followed while it is written: folders and files come first, links last, and each link
leads to where it leads in a container, never out of the folder. Devices are left out. No rights are
needed, and none are given: owners and set-user-id bits are not kept.
"""

from __future__ import annotations

import posixpath
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.digest import hex_of
from xtask.errors import XtaskError
from xtask.files import temporary_folder
from xtask.image.base.changeset import Changeset, Kind
from xtask.image.base.elf import program_of
from xtask.image.base.inspection import library_folders
from xtask.image.base.portable import read_tree
from xtask.image.base.values import BaseError
from xtask.image.layout import GZIP_LAYER_TYPE
from xtask.process import ProcessError, run

if TYPE_CHECKING:
    from xtask.image.base.changeset import Changeset as Changes
    from xtask.image.base.tree import Tree
    from xtask.image.base.values import Base
    from xtask.image.layout import Layout

_EXECUTABLE, _FILE = 0o755, 0o644
_START_SECONDS = 30
_SAY_PREFIX = "import sys; print(sys.prefix)"


def unpacked(layout: Layout, cache: Path, base: Base) -> Path:
    """Return a folder with the root file system of a base, unpacked once.

    Raises:
        UntrustedError: a layer is not what it should be.
        BaseError: this machine's file system does not take it.
    """
    folder = cache / "rootfs" / hex_of(base.digest)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    tree = read_tree(layout, base.layers)
    try:
        with temporary_folder(folder.parent, "new") as temporary:
            new = temporary / "root"
            new.mkdir()
            _write_folders(tree, new)
            _write_files(tree, layout, base, new)
            _write_links(tree, new)
            new.rename(folder)
    except (OSError, ValueError) as error:
        raise BaseError(f"the base cannot be unpacked here: {error}") from error
    return folder


def own_python(root: Path, base: Base) -> list[str]:
    """Return the command that starts the Python of an unpacked base, with its own libraries.

    Raises:
        XtaskError: it does not start on this machine; the message says why.
    """
    executable = root / base.executable.lstrip("/")
    with executable.open("rb") as stream:
        loader = root / program_of(stream, base.executable).loader.lstrip("/")
    architecture = base.platform.partition("/")[2]
    names = [posixpath.normpath(f"{base.executable}/../../lib").lstrip("/")]
    folders = [root / name for name in (*names, *library_folders(architecture))]
    search = ":".join(str(folder) for folder in folders if folder.is_dir())
    command = [str(loader), "--inhibit-cache", "--library-path", search, str(executable)]
    try:
        prefix = run(
            [*command, "-I", "-S", "-c", _SAY_PREFIX],
            env={"PATH": "", "LC_ALL": "C.UTF-8"},
            timeout=_START_SECONDS,
        ).strip()
    except ProcessError as error:
        raise XtaskError(f"its Python does not start here: {error.message}") from error
    if not Path(prefix).is_relative_to(root):
        raise XtaskError(f"its Python looks for its library in {prefix}")
    return command


def _write_folders(tree: Tree, root: Path) -> None:
    for path, node in tree.walk():
        if node.kind is Kind.DIRECTORY:
            (root / path).mkdir()


def _write_files(tree: Tree, layout: Layout, base: Base, root: Path) -> None:
    places: dict[tuple[int, str], list[tuple[Path, int]]] = {}
    for path, node in tree.walk():
        if node.content:
            places.setdefault(node.content, []).append((root / path, node.mode))
    for number, layer in enumerate(base.layers):
        compressed = layer.media_type == GZIP_LAYER_TYPE
        with layout.path(layer.digest).open("rb") as stream:
            changes = Changeset(stream, f"layer {number} of the base", compressed=compressed)
            for member in changes.members():
                if member.kind is Kind.FILE and (here := places.get((number, member.path))):
                    _write_file(changes, here)


def _write_file(changes: Changes, places: list[tuple[Path, int]]) -> None:
    (first, mode), *others = places
    with first.open("wb") as stream:
        for piece in changes.content():
            stream.write(piece)
    first.chmod(_EXECUTABLE if mode & 0o111 else _FILE)
    for other, _ in others:
        shutil.copy(first, other)


def _write_links(tree: Tree, root: Path) -> None:
    for path, node in tree.walk():
        if node.kind is Kind.SYMLINK:
            folder = posixpath.dirname(path)
            # The root is above itself: `normpath` ends there, as a container does.
            target = posixpath.normpath(posixpath.join("/", folder, node.link))
            (root / path).symlink_to(posixpath.relpath(target, f"/{folder}"))
