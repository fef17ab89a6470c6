"""The folder of a module's source: what a reader may look up in it, and never leaves."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Place, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

# What tools leave behind: never part of a module.
LEFT_OVER_FOLDERS = frozenset(
    {"__pycache__", "node_modules"}
    | {".git", ".hg", ".idea", ".vscode", ".venv", ".tox", ".nox"}
    | {".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_MAX_FILES = 20_000


class Folder(NamedTuple):
    """A module's folder, and its path as the user knows it."""

    root: Path
    shown: str

    @property
    def name(self) -> str:
        """The folder's own name, which some dialects take as the module's."""
        return PurePosixPath(self.shown).name

    def place(self, path: str = "") -> Place:
        """Return a file or folder inside as a place."""
        return Place(Source(f"{self.shown}/{path}".rstrip("/")))

    def path(self, relative: str) -> Path | None:
        """Return a path inside; None for one that leads out or that no file system has."""
        parts = relative.split("/")
        if relative.startswith("/") or "\\" in relative or "\0" in relative or ".." in parts:
            return None
        return self.root / relative

    def has_file(self, relative: str) -> bool:
        """Return whether there is a file of this relative path."""
        path = self.path(relative)
        try:
            return path is not None and bool(relative) and path.is_file()
        except OSError:  # a name that is too long
            return False

    def has_folder(self, relative: str) -> bool:
        """Return whether there is a folder of this relative path."""
        path = self.path(relative)
        try:
            return path is not None and path.is_dir()
        except OSError:
            return False

    def files(self) -> tuple[str, ...]:
        """Return the relative paths of all files, sorted; what tools leave behind is not there."""
        return tuple(sorted(_walk(self.root, "")))

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Return the files that a glob names, sorted: `*` within a folder, `**` across folders."""
        wanted = _compiled(pattern)
        return tuple(path for path in self.files() if wanted.fullmatch(path))


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number > _MAX_FILES:
                return
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in LEFT_OVER_FOLDERS:
                    yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name


def _compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a glob with `*`, `?` and `**`."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meaning = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(piece, re.escape(piece)) for piece in pieces))
