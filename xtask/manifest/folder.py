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
_NOTHING = re.compile("(?!)")


class Folder(NamedTuple):
    """A module's folder, and its path as the user knows it."""

    root: Path
    shown: str
    called: str = ""
    """Its name where it has none of its own, such as in an archive."""

    @property
    def name(self) -> str:
        """The folder's own name, which some dialects take as the module's."""
        return self.called or PurePosixPath(self.shown).name

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
            return path is not None and bool(relative) and path.is_file() and self._holds(path)
        except OSError:  # a name that is too long
            return False

    def has_folder(self, relative: str) -> bool:
        """Return whether there is a folder of this relative path."""
        path = self.path(relative)
        try:
            return path is not None and path.is_dir() and self._holds(path)
        except OSError:
            return False

    def _holds(self, path: Path) -> bool:
        """Return whether a path is inside with all its symbolic links followed."""
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))

    def files(self) -> tuple[str, ...]:
        """Return the relative paths of all files, sorted; what tools leave behind is not there."""
        return tuple(sorted(_walk(self.root)))

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Return the files that a glob names, sorted.

        `*` and `?` are within a name, `**` is any folders; brackets are letters like any others.
        """
        steps = [None if step == "**" else _compiled(step) for step in pattern.split("/")]
        if steps[-1] is None:
            steps.append(_compiled("*"))
        return tuple(path for path in self.files() if _matches(path.split("/"), steps))


def _walk(root: Path) -> Iterator[str]:
    waiting = [(str(root), "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:  # whoever needs the module's files says so
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield prefix + entry.name
            elif entry.name not in LEFT_OVER_FOLDERS:
                waiting.append((entry.path, f"{prefix}{entry.name}/"))


def _compiled(step: str) -> re.Pattern[str]:
    """Return the regular expression of one step of a glob; it never tries a `*` twice."""
    first, *others = (
        "".join("." if char == "?" else re.escape(char) for char in piece)
        for piece in re.split(r"\*+", step)
    )
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1])
    last = f".*{others[-1]}" if others else ""
    return re.compile(first + middle + last, re.DOTALL)


def _matches(names: list[str], steps: list[re.Pattern[str] | None]) -> bool:
    """Return whether a path follows a glob; only the last `**` is ever tried again."""
    name = step = again = 0
    after = -1
    while name < len(names):
        wanted = steps[step] if step < len(steps) else _NOTHING
        if wanted is None:
            after, again = step + 1, name
            step += 1
        elif wanted.fullmatch(names[name]):
            name, step = name + 1, step + 1
        elif after >= 0:
            again += 1
            name, step = again, after
        else:
            return False
    return step == len(steps)
