"""One range for each npm package, inside of what every module asks for."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.resolve.products import at, module
from tests.support.budgets import budget
from xtask.diagnostics import Problems
from xtask.manifest.module import FrontEndDependency, Stated
from xtask.resolve.npm import check_node, front_end_dependencies
from xtask.resolve.ranges import _is_in as is_in
from xtask.resolve.ranges import parse_range, parse_version

if TYPE_CHECKING:
    from xtask.manifest.module import Module


def asking(name: str, **ranges: str) -> Module:
    wanted = [FrontEndDependency(p, text, at(name, "npm", p)) for p, text in ranges.items()]
    return module(name, front_end_dependencies=tuple(wanted))


def merged(*texts: str) -> tuple[dict[str, str], Problems]:
    problems = Problems()
    modules = [asking(f"m{number:02}", vue=text) for number, text in enumerate(texts)]
    return front_end_dependencies(modules, problems), problems


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["^3.4.0"], "^3.4.0"),
        (["^3.4.0", "^3.4.0"], "^3.4.0"),
        ([" ^3.4.0 "], "^3.4.0"),
        ([""], "*"),
        (["^3.4.0", ""], "^3.4.0"),
        (["*", "x"], "x"),
        (["^3.4.0", ">=3.2.0 <4.0.0"], "^3.4.0 >=3.2.0 <4.0.0"),
        (["^17 || ^18", "^18 || ^19"], "^18"),
        (["^17 || ^18", ">=17.0.2"], "^17 >=17.0.2 || ^18 >=17.0.2"),
        (["1.2 - 2.3", "^2.0.0"], ">=1.2 <=2.3 ^2.0.0"),
        (["1.2 - 2.3", "1.2 - 2.3"], "1.2 - 2.3"),
        (["^1 || ^2", "^2 || ^3", "^2 || ^4"], "^2"),
    ],
)
def test_n9_ranges_of_all_modules_become_one(texts: list[str], expected: str) -> None:
    found, problems = merged(*texts)
    assert problems.found == []
    assert found == {"vue": expected}


def test_n9_packages_are_sorted_and_each_has_its_own_range() -> None:
    modules = [asking("b", vue="^3", axios="^1.6.0"), asking("a", pinia="^2"), asking("c")]
    for shuffled in permutations(modules):
        found = front_end_dependencies(shuffled, Problems())
        assert list(found.items()) == [("axios", "^1.6.0"), ("pinia", "^2"), ("vue", "^3")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("^2.7.0", "^3.4.0"),
        ("3.4.0", "3.4.1"),
        (">3.4.0", "<3.4.1"),
        ("^1 || ^2", "^3 || ^4"),
        ("1.0.0-rc.1", "^1.0.0"),
    ],
)
def test_n9_refuses_ranges_without_a_common_version(one: str, other: str) -> None:
    _, problems = merged(one, other)
    (problem,) = problems.found
    assert (problem.code, problem.place) == ("XT0314", at("m01", "npm", "vue"))
    assert problem.message == "no version of `vue` is in the ranges of `m00` and `m01`"
    assert problem.others == ((at("m00", "npm", "vue"), f"`m00` asks for {one}"),)


def test_n9_three_ranges_may_clash_though_each_two_do_not() -> None:
    _, problems = merged("^1 || ^2", "^2 || ^3", "^1 || ^3")
    (problem,) = problems.found
    assert problem.place == at("m02", "npm", "vue")
    assert [place for place, _ in problem.others] == [
        at("m00", "npm", "vue"),
        at("m01", "npm", "vue"),
    ]


def test_n9_the_pair_that_clashes_is_named() -> None:
    _, problems = merged(">=1", "^2", "^3")
    (problem,) = problems.found
    assert problem.message == "no version of `vue` is in the ranges of `m01` and `m02`"


@pytest.mark.parametrize(
    "text", ["latest", "workspace:*", "git+https://example.org/x", ">=1, <2", "1.2.3.4", "||^"]
)
def test_n9_refuses_what_npm_would_read_anew_each_day(text: str) -> None:
    found, problems = merged(text)
    assert found == {}
    assert [(each.code, each.place) for each in problems.found] == [
        ("XT0207", at("m00", "npm", "vue"))
    ]


def test_many_overlapping_alternatives_are_refused_before_they_multiply() -> None:
    texts = [
        " || ".join(f">={low}.{number} <{low + 9}" for low in range(12)) for number in range(30)
    ]
    _, problems = merged(*texts)
    (problem,) = problems.found
    assert problem.code == "XT0314"
    assert problem.message == "the ranges of `vue` have too many alternatives to be met together"


COMPARATORS = st.builds(
    lambda operator, numbers: operator + ".".join(map(str, numbers)),
    st.sampled_from(["", "^", "~", "=", ">", ">=", "<", "<="]),
    st.lists(st.integers(0, 2), min_size=1, max_size=3),
)
TEXTS = st.lists(
    st.lists(COMPARATORS, min_size=1, max_size=2).map(" ".join), min_size=1, max_size=2
).map(" || ".join)
VERSIONS = [f"{a}.{b}.{c}" for a in range(4) for b in range(4) for c in range(4)]


def inside(text: str) -> set[str]:
    parsed = parse_range(text, "=")
    return {version for version in VERSIONS if is_in(parsed, parse_version(version))}


@budget(200)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_merged_range_means_what_all_ranges_mean_together(texts: list[str]) -> None:
    found, problems = merged(*texts)
    common = set.intersection(*map(inside, texts))
    assert (problems.found == []) == bool(common)
    if common:
        assert inside(found["vue"]) == common


@budget(100)
@given(st.lists(TEXTS, min_size=1, max_size=3), st.permutations(range(3)))
def test_order_of_the_modules_changes_no_range(texts: list[str], order: list[int]) -> None:
    modules = [asking(f"m{number}", vue=text) for number, text in enumerate(texts)]
    shuffled = [modules[number] for number in order if number < len(modules)]
    problems, other = Problems(), Problems()
    assert front_end_dependencies(modules, problems) == front_end_dependencies(shuffled, other)
    assert problems.found == other.found


@budget(200)
@given(st.lists(st.text("0123456789.*xX^~<>=|, -+arc", max_size=20), max_size=3))
def test_any_text_is_merged_or_refused(texts: list[str]) -> None:
    merged(*texts)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        ([">=20.0.0", "20 || 22", "", "18 - 22", "^20.1"], []),
        (["20.x", "lts/*"], ["XT0207 this is not a range of npm's: `lts/*` is not a comparison"]),
        ([">=20 <18"], ["XT0314 no version of Node.js is in the range of `m0`"]),
        (["^18", ">=20"], ["XT0314 no version of Node.js is in the ranges of `m0` and `m1`"]),
        (
            ["^18", "^18", ">=20"],
            ["XT0314 no version of Node.js is in the ranges of `m0` and `m2`"],
        ),
    ],
)
def test_n9_one_node_makes_the_front_end_of_all_modules(
    texts: list[str], expected: list[str]
) -> None:
    modules = [
        module(f"m{number}", node=Stated(text, at(f"m{number}", "system", "node")))
        for number, text in enumerate(texts)
    ]
    for shuffled in (modules, modules[::-1]):
        problems = Problems()
        check_node([*shuffled, module("without")], problems)
        assert [f"{found.code} {found.message}" for found in problems.found] == expected
