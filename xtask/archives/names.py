"""Which paths an archive may have: the same file on every system, inside the folder unpacked to."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from xtask.archives.refusals import refusal, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xtask.archives.listing import Limits

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
# Unicode property Bidi_Control: a name that holds one is not read in the order it is stored.
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def refuse_unsafe(path: str, limits: Limits) -> None:
    """Refuse a path that leads elsewhere, means something else elsewhere, or hides what it is.

    Args:
        path: of a file or a folder, without a slash at its end.
        limits: for its length and depth.

    Raises:
        ArchiveError: the first rule that it breaks.
    """
    segments = path.split("/")
    rules = (
        ("control-character", any(_is_control(character) for character in path)),
        ("absolute-name", path.startswith("/")),
        ("backslash", "\\" in path),
        ("drive-letter", _DRIVE.match(path)),
        ("parent-segment", ".." in segments),
        ("empty-segment", not {"", "."}.isdisjoint(segments)),
        ("deep-name", len(segments) > limits.depth),
    )
    for reason, is_broken in rules:
        if is_broken:
            raise refusal(reason, path)


def refuse_collisions(paths: Iterable[tuple[str, bool]]) -> None:
    """Refuse paths that would be one path on some file system.

    Folders count with those that only follow from a path: `A/x` and `a/y` collide.

    Args:
        paths: each with whether it is a folder.

    Raises:
        ArchiveError: two paths are equal, or equal but for case or Unicode form, or one is a file
            and a folder.
    """
    listed: set[tuple[str, bool]] = set()
    known: dict[str, tuple[str, bool]] = {}
    for path, is_folder in paths:
        if (path, is_folder) in listed:
            raise refusal("duplicate-name", path)
        listed.add((path, is_folder))
        for part, part_is_folder in (*_parents(path), (path, is_folder)):
            other, other_is_folder = known.setdefault(_folded(part), (part, part_is_folder))
            if other != part:
                is_case = other.casefold() == part.casefold()
                reason = "case-collision" if is_case else "unicode-collision"
                raise refusal(reason, part, detail=f"the other is {shown(other)}")
            if other_is_folder != part_is_folder:
                raise refusal("file-as-directory", part)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in _CONTROLS or character in _BIDI_CONTROLS


def _parents(path: str) -> Iterator[tuple[str, bool]]:
    at = path.find("/")
    while at >= 0:
        yield path[:at], True
        at = path.find("/", at + 1)


def _folded(path: str) -> str:
    """Return one spelling for all that match without regard to case (Unicode 3.13, D145)."""
    folded = unicodedata.normalize("NFD", path).casefold()
    return unicodedata.normalize("NFD", folded)
