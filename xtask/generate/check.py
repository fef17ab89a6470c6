"""Comparing generated files with what they should be, and naming the manifest line of each hunk."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from xtask.resolve.facts import cause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.diagnostics import KeyPath
    from xtask.generate.file import File, Tree
    from xtask.resolve.select import Selection

_CONTEXT = 2


def drift(tree: Tree, present: Mapping[str, bytes], selection: Selection) -> str:
    """Return how the files on disk differ from the tree, empty when they do not.

    Args:
        tree: what they should be, generated with causes.
        present: what is on disk, by name; a missing file is not in it.
        selection: where the facts came from.
    """
    return "\n".join(
        line
        for file in tree
        if present.get(file.name) != file.data
        for line in _difference(file, present.get(file.name), selection)
    )


def _difference(file: File, present: bytes | None, selection: Selection) -> Iterator[str]:
    yield f"--- generated/{file.name}" if present is not None else "--- (no file)"
    yield f"+++ generated/{file.name} (what the manifests say)"
    old = (present or b"").decode(errors="replace").removesuffix("\n").split("\n")
    new = file.data.decode().removesuffix("\n").split("\n")
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(
        _CONTEXT
    ):
        (_, old_start, _, new_start, _), (*_, old_end, _, new_end) = group[0], group[-1]
        yield (
            f"@@ -{old_start + 1},{old_end - old_start} +{new_start + 1},{new_end - new_start} @@"
        )
        for line in _causes(file, group, selection):
            yield f"# because of {line}"
        yield from _hunk(group, old, new)


_Opcodes = list[tuple[str, int, int, int, int]]


def _hunk(group: _Opcodes, old: list[str], new: list[str]) -> Iterator[str]:
    for tag, old_start, old_end, new_start, new_end in group:
        if tag == "equal":
            yield from (f" {line}" for line in old[old_start:old_end])
        else:
            yield from (f"-{line}" for line in old[old_start:old_end])
            yield from (f"+{line}" for line in new[new_start:new_end])


def _causes(file: File, group: _Opcodes, selection: Selection) -> list[str]:
    """Return `file:line` of the manifests behind a hunk; what vanished points at its neighbour."""
    paths: list[KeyPath] = []
    for tag, _, _, new_start, new_end in group:
        if tag != "equal":
            paths += file.causes[new_start : max(new_end, new_start + 1)]
    found = [cause(selection, path) for path in dict.fromkeys(paths) if path != ("digest",)]
    return list(dict.fromkeys(str(place) for place in found))
