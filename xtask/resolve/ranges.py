"""Version ranges as Cargo and npm write them, on top of the `semver` package.

    range       = alternative { "||" alternative }
    alternative = comparator { ("," | " ") comparator }
    comparator  = [ "^" | "~" | "=" | ">" | ">=" | "<" | "<=" ] version | "*"

A version may leave out its minor and patch numbers, or write `x` or `*` for them. Without an
operator a version means caret, as in Cargo. A prerelease is inside a range only when a comparator
of the same alternative names a prerelease of the same three numbers (npm, node-semver README).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from semver import Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMPARATOR = re.compile(
    r"(?P<operator>\^|~|>=|<=|>|<|=)?\s*"
    r"(?P<major>0|[1-9]\d*|[*xX])"
    r"(?:\.(?P<minor>0|[1-9]\d*|[*xX])(?:\.(?P<patch>0|[1-9]\d*|[*xX])"
    r"(?P<rest>(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?))?)?",
    re.ASCII,
)
_WILD = {None, "*", "x", "X"}
_MAX_LENGTH = 256


class Bound(NamedTuple):
    """One simple comparison: `>=`, `>`, `<`, `<=` or `=` and a whole version."""

    operator: str
    version: Version


Range = tuple[tuple[Bound, ...], ...]


class RangeError(ValueError):
    """The text is not a range."""


@lru_cache(maxsize=4096)
def parse_range(text: str, bare: str = "^") -> Range:
    """Return the alternatives of a range, each a tuple of bounds that must all hold.

    Args:
        text: the range.
        bare: the operator that a version without one has: `^` in Cargo, `=` in npm.

    Raises:
        RangeError: the text is not one.
    """
    if len(text) > _MAX_LENGTH:
        raise RangeError("a range has at most 256 characters")
    return tuple(_alternative(part.strip(), bare) for part in text.split("||"))


@lru_cache(maxsize=65536)
def parse_version(text: str) -> Version:
    """Return a version.

    Raises:
        ValueError: the text is not a semantic version.
    """
    return Version.parse(text)


def semantic_version(text: str) -> str:
    """Return the semantic version that stands for a version of the Python package index (PEP 440).

    Missing numbers are 0; epochs, post and development releases and a fourth number become build
    metadata, which has no order, because semantic versions cannot express them.
    """
    found = re.fullmatch(r"(?:\d+!)?(\d+(?:\.\d+)*)(?:(a|b|rc)(\d+))?.*", text)
    if not found:
        return f"0.0.0+{re.sub(r'[^0-9A-Za-z.-]', '-', text)}"
    numbers = [str(int(number)) for number in found[1].split(".")]
    prerelease = f"-{found[2]}.{int(found[3])}" if found[2] else ""
    version = ".".join([*numbers, "0", "0"][:3]) + prerelease
    plain = found[1] + (found[2] or "") + (found[3] or "")
    exact = text == plain and len(numbers) <= 3  # noqa: PLR2004 - a version has three numbers
    return version if exact else f"{version}+{re.sub(r'[^0-9A-Za-z.-]', '-', text)}"


@lru_cache(maxsize=65536)
def matches(range_text: str, version_text: str) -> bool:
    """Return whether a version is inside a range."""
    return _is_in(parse_range(range_text), parse_version(version_text))


def lowest_common(ranges: Sequence[Range]) -> Version | None:
    """Return the lowest version that is inside all ranges, None when there is none.

    What is inside begins at a bound: with its version, or with the first one after it, of all
    versions or of those that are no prereleases. So only these few have to be tried.
    """
    bounds = {bound for each in ranges for alternative in each for bound in alternative}
    tried = {Version(0), *(version for bound in bounds for version in _beginnings(bound.version))}
    for version in sorted(tried):
        if all(_is_in(each, version) for each in ranges):
            return version
    return None


def _beginnings(version: Version) -> Iterator[Version]:
    release = version.finalize_version()
    yield from (version.replace(build=None), release, release.bump_patch())
    if version.prerelease:  # `rc.1.0` is next to `rc.1`, and `0` the first (semver.org 2.0.0, 11)
        yield release.replace(prerelease="0")
        yield release.replace(prerelease=f"{version.prerelease}.0")


def _is_in(alternatives: Range, version: Version) -> bool:
    return any(_inside(bounds, version) for bounds in alternatives)


def _inside(bounds: tuple[Bound, ...], version: Version) -> bool:
    if not all(_holds(bound, version) for bound in bounds):
        return False
    return not version.prerelease or any(
        bound.version.prerelease and _numbers(bound.version) == _numbers(version)
        for bound in bounds
    )


def _holds(bound: Bound, version: Version) -> bool:
    order = version.compare(bound.version)
    match bound.operator:
        case ">=":
            return order >= 0
        case ">":
            return order > 0
        case "<":
            return order < 0
        case "<=":
            return order <= 0
        case _:
            return order == 0


def _numbers(version: Version) -> tuple[int, int, int]:
    return version.major, version.minor, version.patch


def _alternative(text: str, bare: str) -> tuple[Bound, ...]:
    if not text:
        raise RangeError("a range cannot be empty")
    bounds: list[Bound] = []
    position = 0
    while position < len(text):
        found = _COMPARATOR.match(text, position)
        if not found:
            raise RangeError(f"`{text[position:]}` is not a comparison")
        bounds += _bounds(found, bare)
        position = _next(text, found.end())
    return tuple(bounds)


def _next(text: str, position: int) -> int:
    """Return where the next comparator starts: after one comma, or after spaces."""
    separator = re.compile(r"\s*,\s*(?=\S)|\s+(?=[^\s,])|$").match(text, position)
    if not separator:
        raise RangeError(f"`{text[position:]}` is not a comparison")
    return separator.end()


def _bounds(found: re.Match[str], bare: str) -> list[Bound]:
    parts = [found["major"], found["minor"], found["patch"]]
    known = next((index for index, part in enumerate(parts) if part in _WILD), len(parts))
    has_wildcard = any(parts[known:])
    operator = found["operator"] or ("=" if has_wildcard else bare)
    if any(part not in _WILD for part in parts[known:]):
        raise RangeError("a number cannot follow a wildcard")
    if known < len(parts) and found["rest"]:
        raise RangeError("a prerelease needs all three numbers")
    numbers = [int(part) for part in parts[:known]]
    low = Version(*numbers, *[0] * (3 - known))
    if found["rest"]:
        try:
            low = parse_version(f"{low}{found['rest']}")
        except ValueError:
            raise RangeError(f"`{low}{found['rest']}` is not a semantic version") from None
    return _expand(operator, low, known, numbers)


def _expand(  # noqa: PLR0911 - one return for each operator
    operator: str, low: Version, known: int, numbers: list[int]
) -> list[Bound]:
    """Return the bounds of one comparator whose first `known` numbers are given."""
    if known == 0:
        if operator in {">", "<"}:
            raise RangeError(f"`{operator}*` matches nothing")
        return [Bound(">=", Version(0))]
    above = _above(numbers, known - 1)
    partial = known < 3  # noqa: PLR2004 - a version has three numbers
    match operator:
        case "^":
            return [Bound(">=", low), Bound("<", _above(numbers, _caret(numbers)))]
        case "~":
            return [Bound(">=", low), Bound("<", _above(numbers, min(known - 1, 1)))]
        case "=":
            return [Bound(">=", low), Bound("<", above)] if partial else [Bound("=", low)]
        case ">":
            return [Bound(">=", above.finalize_version())] if partial else [Bound(">", low)]
        case "<" if partial:
            return [Bound("<", low.replace(prerelease="0"))]
        case "<=":
            return [Bound("<", above)] if partial else [Bound("<=", low)]
        case _:
            return [Bound(operator, low)]


def _caret(numbers: list[int]) -> int:
    """Return which number a caret holds: the first that is not 0, else the last one given."""
    return next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)


def _above(numbers: list[int], index: int) -> Version:
    """Return the first version, prereleases too, after all that share the numbers to `index`."""
    major, minor, patch, *_ = *numbers[:index], numbers[index] + 1, 0, 0
    return Version(major, minor, patch, "0")
