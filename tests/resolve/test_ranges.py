"""Ranges: a table of known answers, and laws that hold against an independent second opinion."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from tests.support.budgets import budget
from xtask.resolve.ranges import (
    RangeError,
    lowest_common,
    matches,
    parse_range,
    semantic_version,
)

# The rows marked npm are those of node-semver's documentation of ranges.
INSIDE = [
    ("1.2.3", "1.2.3"),
    ("1.2.3", "1.9.0"),
    ("^1.2.3", "1.2.3"),
    ("^0.2.3", "0.2.9"),
    ("^0.0.3", "0.0.3"),
    ("^0.0", "0.0.7"),
    ("^0", "0.9.1"),
    ("^1.x", "1.9.9"),
    ("~1.2.3", "1.2.9"),
    ("~1.2", "1.2.0"),
    ("~1", "1.9.0"),
    ("~0.2.3", "0.2.4"),
    ("=1.2.3", "1.2.3"),
    ("=1.2", "1.2.7"),
    ("1.2.x", "1.2.9"),
    ("1.X.*", "1.9.0"),
    ("*", "0.0.0"),
    (">=*", "3.0.0"),
    (">1.2", "1.3.0"),
    (">1", "2.0.0"),
    ("<=1.2", "1.2.9"),
    ("<=1", "1.9.9"),
    ("<1.2", "1.1.9"),
    (">= 1.0 , < 3.0", "2.9.9"),
    (">=1.0 <3.0", "1.0.0"),
    ("^1 || ^3", "3.1.0"),
    ("1.2.3+build.7", "1.2.3"),
    ("^1.2.3-beta.2", "1.2.3-beta.4"),
    ("^1.2.3-beta.2", "1.2.3"),
    ("^1.2.3-beta.2", "1.3.0"),
    (">1.2.3-alpha.3", "1.2.3-alpha.7"),
    ("~1.2.3-beta.2", "1.2.3-beta.10"),
    ("=1.0.0-rc.1", "1.0.0-rc.1+linux"),
]
OUTSIDE = [
    ("1.2.3", "2.0.0"),
    ("^1.2.3", "1.2.2"),
    ("^0.2.3", "0.3.0"),
    ("^0.0.3", "0.0.4"),
    ("^0.0", "0.1.0"),
    ("^0", "1.0.0"),
    ("~1.2.3", "1.3.0"),
    ("~1", "2.0.0"),
    ("=1.2.3", "1.2.4"),
    (">1.2", "1.2.9"),
    (">1", "1.9.9"),
    ("<=1.2", "1.3.0"),
    ("<1.2", "1.2.0"),
    (">=1.0, <3.0", "3.0.0"),
    ("^1 || ^3", "2.0.0"),
    ("*", "1.0.0-rc.1"),
    ("^1", "1.5.0-beta"),
    ("^1", "2.0.0-alpha"),
    ("^1.2.3-beta.2", "1.2.4-beta.2"),
    ("^1.2.3-beta.2", "2.0.0-beta.2"),
    (">1.2.3-alpha.3", "3.4.5-alpha.9"),
    ("<2.0.0", "2.0.0-rc.1"),
    # `^1` keeps prereleases of 2.0.0 out, whatever another comparator lets in.
    ("^1 >=2.0.0-a", "2.0.0-b"),
    ("<1.2 >=1.2.0-a", "1.2.0-b"),
]
NOT_A_RANGE = [
    "",
    "  ",
    "||",
    "^1 ||",
    "latest",
    "==1.0",
    "v1.0",
    "1.2.3.4",
    "01.0",
    "1.0,",
    ",1.0",
    "1.0,,2.0",
    "1.0 - 2.0",
    "1.x.3",
    "1.x-rc.1",
    "1.x.x-rc.1",
    ">*",
    "<*",
    "1.0.0-01",
    "1.0.0-a..b",
    "1.0.0-",
    "^",
    "1.\u0663",
    "1\n.0",
    "1" * 300,
]


@pytest.mark.parametrize(("range_text", "version"), INSIDE)
def test_version_is_inside(range_text: str, version: str) -> None:
    assert matches(range_text, version)


@pytest.mark.parametrize(("range_text", "version"), OUTSIDE)
def test_version_is_outside(range_text: str, version: str) -> None:
    assert not matches(range_text, version)


@pytest.mark.parametrize("text", NOT_A_RANGE)
def test_refuses_what_is_not_a_range(text: str) -> None:
    with pytest.raises(RangeError):
        parse_range(text)


NUMBERS = range(4)
VERSIONS = [f"{major}.{minor}.{patch}" for major, minor, patch in product(NUMBERS, repeat=3)]
COMPARATORS = st.builds(
    lambda operator, numbers: operator + ".".join(map(str, numbers)),
    st.sampled_from(["", "^", "~", "=", ">", ">=", "<", "<="]),
    st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3),
)
ALTERNATIVES = st.lists(COMPARATORS, min_size=1, max_size=3).map(" ".join)
RANGES = st.lists(ALTERNATIVES, min_size=1, max_size=2).map(" || ".join)


def allowed(comparator: str) -> set[str]:
    """Return which of VERSIONS a comparator means, by filtering them with its definition."""
    found = re.fullmatch(r"([^0-9]*)(.*)", comparator)
    assert found
    operator, given = found[1] or "^", tuple(map(int, found[2].split(".")))
    parsed = {text: tuple(map(int, text.split("."))) for text in VERSIONS}
    full = (*given, 0, 0)[:3]
    if operator == "^":
        held = next((index for index, number in enumerate(given) if number), len(given) - 1) + 1
        return {v for v, n in parsed.items() if n >= full and n[:held] == full[:held]}
    if operator == "~":
        held = min(len(given), 2)
        return {v for v, n in parsed.items() if n >= full and n[:held] == full[:held]}
    same = {v for v, n in parsed.items() if n[: len(given)] == given}
    below = {v for v, n in parsed.items() if n[: len(given)] < given}
    above = set(parsed) - same - below
    meaning = {"=": same, "<": below, ">": above, "<=": below | same, ">=": above | same}
    return meaning[operator]


@budget(150)
@given(RANGES)
def test_means_what_filtering_all_versions_gives(text: str) -> None:
    expected = {
        version
        for alternative in text.split(" || ")
        for version in set.intersection(*map(allowed, alternative.split(" ")))
    }
    assert expected == {version for version in VERSIONS if matches(text, version)}


@budget(100)
@given(RANGES, st.sampled_from(VERSIONS))
def test_comma_and_space_mean_the_same(text: str, version: str) -> None:
    commas = " || ".join(part.replace(" ", ", ") for part in text.split(" || "))
    assert matches(text, version) == matches(commas, version)


@budget(100)
@given(RANGES, RANGES, st.sampled_from([*VERSIONS, "1.0.0-a", "2.0.0-0", "1.1.1-rc.1"]))
def test_or_is_the_union(left: str, right: str, version: str) -> None:
    either = matches(left, version) or matches(right, version)
    assert either == matches(f"{left} || {right}", version)


@budget(300)
@given(st.text(alphabet="0123456789.*xX^~<>=|, -+abrc\t\u0663", max_size=30))
def test_any_text_is_a_range_or_refused(text: str) -> None:
    try:
        parse_range(text)
    except RangeError:
        return
    for version in ("0.0.0", "1.2.3", "1.0.0-rc.1"):
        assert matches(text, version) in {True, False}


# Every version that may be at a bound of RANGES or right after one.
MORE = [f"{major}.{minor}.{patch}" for major, minor, patch in product(range(6), repeat=3)]
PRERELEASES = [f"{text}-{pre}" for text in VERSIONS for pre in ("0", "a", "a.0", "a.0.0", "b")]
MIXED = st.lists(
    RANGES | st.sampled_from([">=1.0.0-a", ">1.0.0-a <2.0.0", "<1.0.0-b >=1.0.0-a.0", "=1.1.1-b"]),
    min_size=1,
    max_size=3,
)


@budget(150)
@given(MIXED)
def test_lowest_common_version_is_the_first_that_all_ranges_hold(texts: list[str]) -> None:
    every = sorted(map(Version.parse, [*MORE, *PRERELEASES]))
    inside = [each for each in every if all(matches(text, str(each)) for text in texts)]
    assert lowest_common([parse_range(text) for text in texts]) == (inside[0] if inside else None)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], "0.0.0"),
        (["^17 || ^18", "^18 || ^19"], "18.0.0"),
        ([">1.2.3", "<1.2.4"], None),
        ([">1.2.3", "<=1.2.4"], "1.2.4"),
        ([">1.0.0-a <1.0.0-b"], "1.0.0-a.0"),
        (["^1.0.0-rc.1", ">=0.9.0"], "1.0.0"),
        (["<0.0.0"], None),
        (["1 || 2", "2 || 3", "1 || 3"], None),
        (["99999999999999999.0.0"], "99999999999999999.0.0"),
    ],
)
def test_lowest_common_version(texts: list[str], expected: str | None) -> None:
    found = lowest_common([parse_range(text) for text in texts])
    assert expected == (found and str(found))


@pytest.mark.parametrize(("bare", "expected"), [("^", True), ("=", False)])
def test_version_without_operator_means_what_the_notation_says(
    bare: str, *, expected: bool
) -> None:
    both = [parse_range("1.2.3", bare), parse_range(">1.2.3")]
    assert expected == (lowest_common(both) is not None)


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("1.2.3", "1.2.3"),
        ("2.1", "2.1.0"),
        ("3", "3.0.0"),
        ("2024.01.02", "2024.1.2"),
        ("1.0rc1", "1.0.0-rc.1"),
        ("1.0.0b2", "1.0.0-b.2"),
        ("1.2.3.4", "1.2.3+1.2.3.4"),
        ("1.0.post1", "1.0.0+1.0.post1"),
        ("1!2.0", "2.0.0+1-2.0"),
        ("1.0.dev3", "1.0.0+1.0.dev3"),
        ("1.0+local_1", "1.0.0+1.0-local-1"),
        ("nonsense", "0.0.0+nonsense"),
    ],
)
def test_published_version_as_semantic_version(published: str, expected: str) -> None:
    assert expected == semantic_version(published)
    assert matches("*", expected) == ("-" not in expected.split("+", maxsplit=1)[0])
