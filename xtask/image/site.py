"""The module path of the image on this machine: layers unpacked, and a folder of links to them.

Both are kept from build to build. Making a link costs a file system more than reading one: only
those that differ are made anew.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from typing import TYPE_CHECKING

from xtask.errors import UntrustedError
from xtask.files import temporary_folder
from xtask.image.base.changeset import Changeset, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from xtask.image.layout import Layout
    from xtask.image.product import ProductLayer


def unpack(part: ProductLayer, tars: Layout) -> None:
    """Write the files of a layer to its folder, unless they are there.

    Nobody waits for the disk to have thousands of small files that can be made anew: sizes tell
    whether a loss of power has left less of them.

    Args:
        part: the layer.
        tars: where its tar is, compressed or not in the image.

    Raises:
        UntrustedError: the tar is missing or altered.
    """
    if _is_whole(part):
        return
    layer, path = part.layer, tars.path(part.layer.diff_id)
    name, hint = f"layer {layer.diff_id}", f"remove {path} and build again"
    with temporary_folder(part.unpacked.parent, "new") as temporary, path.open("rb") as stream:
        changes = Changeset(stream, name, compressed=False, help=hint)
        _write_files(changes, f"{temporary}/new")
        if changes.diff_id != layer.diff_id:
            raise UntrustedError(f"{name} does not have the bytes of its digest", help=hint)
        shutil.rmtree(part.unpacked, ignore_errors=True)
        (temporary / "new").rename(part.unpacked)


def _is_whole(part: ProductLayer) -> bool:
    root = part.unpacked
    try:
        return all(os.stat(f"{root}/{path}").st_size == n for path, n in part.sizes.items())  # noqa: PTH116 - thousands
    except OSError:
        return False


def _write_files(changes: Changeset, root: str) -> None:
    """Write files without their modes: folders come with the first file in them."""
    os.mkdir(root)  # noqa: PTH102 - thousands of small files
    made = {""}
    for member in changes.members():
        if member.kind is Kind.FILE:
            folder = posixpath.dirname(member.path)
            if folder not in made:
                os.makedirs(f"{root}/{folder}", exist_ok=True)  # noqa: PTH103
                made.add(folder)
            with open(f"{root}/{member.path}", "xb", buffering=0) as stream:  # noqa: PTH123
                stream.writelines(changes.content())


def merge_sites(parts: Sequence[Path], target: Path) -> None:
    """Make `target` hold the union of the folders, and nothing else.

    A name that one part alone has is one link; a folder that several have is merged inside. Only
    one process at a time may do this to a folder.
    """
    target.mkdir(parents=True, exist_ok=True)
    owners: dict[str, list[Path]] = {}
    for part in parts:
        if part.is_dir():
            for path in part.iterdir():
                owners.setdefault(path.name, []).append(path)
    for path in target.iterdir():
        if path.name not in owners or path.is_symlink() != (len(owners[path.name]) == 1):
            _remove(path)
    for name, paths in owners.items():
        if len(paths) == 1:
            _link(target / name, paths[0])
        else:
            merge_sites(paths, target / name)


def _link(link: Path, source: Path) -> None:
    if not link.is_symlink() or link.readlink() != source:
        link.unlink(missing_ok=True)
        link.symlink_to(source)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path)
