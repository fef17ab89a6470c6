"""The packages of npm that front ends of modules import, as one `package.json` can ask for them.

Ranges are npm's (node-semver README): a version without an operator means that version only, and
`1.2 - 2.3` is from the one to the other. A tag or an address is none, because its meaning changes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import listed
from xtask.resolve.ranges import RangeError, lowest_common, parse_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.module import Module
    from xtask.resolve.ranges import Range

_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_MAX_ALTERNATIVES = 64


class _Asked(NamedTuple):
    """A range of one package, and the first module that asks for it, by name."""

    text: str
    module: str
    place: Place


def front_end_dependencies(modules: Iterable[Module], problems: Problems) -> dict[str, str]:
    """Return one range for each package, which is inside the ranges of all modules.

    Args:
        modules: whose front ends are in the product, in any order.
        problems: XT0207 for what is not a range, XT0314 for ranges that have no version in common.
    """
    asked: dict[str, dict[str, _Asked]] = {}
    for module in sorted(modules, key=lambda module: module.name):
        for package in sorted(module.front_end_dependencies, key=lambda each: each[:2]):
            if _is_range(package.range, package.place, problems):
                first = _Asked(package.range, module.name, package.place)
                asked.setdefault(package.name, {}).setdefault(package.range.strip(), first)
    return {name: _merged(name, asked[name], problems) for name in sorted(asked)}


def check_node(modules: Iterable[Module], problems: Problems) -> None:
    """Note ranges of Node.js that are none (XT0207), or have no version in common (XT0314).

    One front end is made of all modules, by one Node.js; the product itself runs without.
    """
    asked: dict[str, _Asked] = {}
    for module in sorted(modules, key=lambda module: module.name):
        if module.node and _is_range(module.node.text, module.node.place, problems):
            first = _Asked(module.node.text, module.name, module.node.place)
            asked.setdefault(module.node.text.strip(), first)
    _meeting("Node.js", asked.values(), problems)


def _is_range(text: str, place: Place, problems: Problems) -> bool:
    try:
        _parsed(text)
    except RangeError as error:
        problems.add(
            "XT0207",
            f"this is not a range of npm's: {error}",
            place,
            help="such as `^1.2.0`, `>=1.0.0 <3.0.0` or `^17 || ^18`",
        )
        return False
    return True


@lru_cache(maxsize=4096)
def _alternatives(text: str) -> tuple[str, ...]:
    """Return the alternatives of a range, each so that others may be written beside it."""
    if "," in text:
        raise RangeError("npm has a space where this has a comma")
    parts = [part.strip() or "*" for part in text.split("||")]
    return tuple(dict.fromkeys(_HYPHEN.sub(r">=\1 <=\2", part) for part in parts))


def _parsed(text: str) -> Range:
    """Return a range of npm's.

    Raises:
        RangeError: the text is not one.
    """
    return parse_range(" || ".join(_alternatives(text)), "=")


def _merged(package: str, asked: Mapping[str, _Asked], problems: Problems) -> str:
    """Return the range that is inside all ranges; without those that clash with earlier ones."""
    kept = _meeting(f"`{package}`", asked.values(), problems)
    if len(kept) == 1:
        return kept[0].text.strip() or "*"
    return _joined(package, kept, problems)


def _meeting(what: str, asked: Iterable[_Asked], problems: Problems) -> list[_Asked]:
    """Return the ranges that have a version in common, each other one noted (XT0314)."""
    kept: list[_Asked] = []
    for each in asked:
        if lowest_common([_parsed(other.text) for other in (*kept, each)]) is None:
            _note_clash(what, each, kept, problems)
        else:
            kept.append(each)
    return kept


def _joined(package: str, asked: Sequence[_Asked], problems: Problems) -> str:
    """Return one range for several: each way to take an alternative of all, if it has a version."""
    ways: list[tuple[str, ...]] = [()]
    for each in asked:
        pairs = product(ways, _alternatives(each.text))
        found = dict.fromkeys(_both(way, alternative) for way, alternative in pairs)
        ways = [way for way in found if lowest_common([*map(_parsed, way)]) is not None]
        if len(ways) > _MAX_ALTERNATIVES:
            _note_too_many(package, each, problems)
            break
    return " || ".join(" ".join(way) for way in ways)


def _both(way: tuple[str, ...], alternative: str) -> tuple[str, ...]:
    """Return comparators that hold together, each once; `*` says nothing beside others."""
    parts = dict.fromkeys((*way, alternative))
    return tuple(part for part in parts if part != "*" or len(parts) == 1)


def _note_clash(what: str, asked: _Asked, earlier: Sequence[_Asked], problems: Problems) -> None:
    """Note a range that has no version in common with another, or with all others together."""
    mine = _parsed(asked.text)
    rivals = [each for each in earlier if lowest_common([mine, _parsed(each.text)]) is None][:1]
    others = rivals or earlier
    names = listed(sorted({asked.module, *(each.module for each in others)}))
    problems.add(
        "XT0314",
        f"no version of {what} is in the {'ranges' if others else 'range'} of {names}",
        asked.place,
        f"`{asked.module}` asks for {asked.text}",
        others=[(each.place, f"`{each.module}` asks for {each.text}") for each in others],
        help="change one of the ranges: a product has one version of each",
    )


def _note_too_many(package: str, asked: _Asked, problems: Problems) -> None:
    problems.add(
        "XT0314",
        f"the ranges of `{package}` have too many alternatives to be met together",
        asked.place,
        help="write fewer alternatives with `||`, or the same range everywhere",
    )
