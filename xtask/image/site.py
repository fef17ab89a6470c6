"""The module path of the image as a folder of links, kept from build to build.

Making a link costs a file system more than reading one: only those that differ are made anew.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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
