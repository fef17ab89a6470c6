"""Why something is made again: what it was made from last time, beside what was made.

A folder of things made holds one folder for each key, and in it the inputs of that key by name.
Which key a thing of a name had last is in a file of its own. All of it can be thrown away: then a
reason says less, and nothing else changes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from xtask.digest import canonical_json
from xtask.files import write_cache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Inputs = Mapping[str, Mapping[str, str]]
    """Kinds of inputs, such as `source`; of each kind the inputs by name, with a digest."""

FIRST = "made for the first time"
GONE = "was gone from the cache"
_LINES = 5
_LATEST = "latest.json"
_INPUTS = "inputs.json"


class Receipts:
    """The inputs of what is in one folder of things made, by name and key."""

    def __init__(self, folder: Path) -> None:
        """Read nothing yet: only who makes something asks."""
        self._folder = folder
        self._latest: dict[str, str] | None = None
        self._now: dict[str, str] = {}

    def is_now(self, name: str, key: str) -> None:
        """Note which key a thing has, whether it is there or has to be made."""
        self._now[name] = key

    def reason(self, name: str, key: str, inputs: Inputs) -> str:
        """Return in words why the thing of a name has to be made.

        Args:
            name: what people call it.
            key: the folder in which it will be.
            inputs: what it will be made from.
        """
        before = self._before().get(name)
        if before is None:
            return FIRST
        if before == key:
            return GONE
        try:
            found = json.loads((self._folder / before / _INPUTS).read_bytes())
            return difference(found, inputs) or GONE
        except (OSError, ValueError, AttributeError, TypeError):
            return GONE

    def keep(self) -> None:
        """Keep which key each thing has now; those that nobody asked for keep theirs."""
        latest = self._before() | self._now
        if latest != self._before():
            write_cache(self._folder / _LATEST, canonical_json(latest))
            self._latest = latest

    def _before(self) -> dict[str, str]:
        if self._latest is None:
            try:
                found = json.loads((self._folder / _LATEST).read_bytes())
                self._latest = {str(name): str(key) for name, key in found.items()}
            except (OSError, ValueError, AttributeError):
                self._latest = {}
        return self._latest


def in_words(reasons: Mapping[str, str]) -> list[str]:
    """Return reasons by name as a few lines, what most have in common first.

    A thing without a name is the only one.
    """
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    found = sorted(names.items(), key=lambda item: (-len(item[1]), item))
    lines = [_line(reason, those) for reason, those in found[:_LINES]]
    return [*lines, f"{len(found) - _LINES} more reasons"] if found[_LINES:] else lines


def _line(reason: str, names: list[str]) -> str:
    if len(names) > 1:
        return f"{len(names)} of them: {reason}"
    return f"{names[0]}: {reason}" if names[0] else reason


def write_inputs(folder: Path, inputs: Inputs) -> None:
    """Keep the inputs of a thing in its folder, which may have to be made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _INPUTS).write_bytes(canonical_json(inputs))


def difference(before: Inputs, now: Inputs) -> str:
    """Return how two sets of inputs differ, the first kind that does; empty when they do not.

    Such as `source changed: src/shop/api.py and 2 more`.
    """
    for kind in now:
        old, new = before.get(kind, {}), now[kind]
        for words, names in (
            ("changed", {name for name in old.keys() & new.keys() if old[name] != new[name]}),
            ("added", new.keys() - old.keys()),
            ("removed", old.keys() - new.keys()),
        ):
            if names:
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                return f"{kind} {words}: {min(names)}{more}"
    return ""
