"""What is between two builds, for going there and for coming back."""

from __future__ import annotations

from typing import Any

import pytest

from xtask.resolve.migrations import Migration, distance


def surface(*steps: str) -> dict[str, Any]:
    """Return what is known of a module: `+` before a migration that only adds, `=2` its content."""
    return {
        "migrations": [
            {
                "up": text.lstrip("+").partition("=")[0],
                "additive": text.startswith("+"),
                "content": [text.partition("=")[2]],
            }
            for text in steps
        ]
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, "none"),
        ({"cart": surface("1")}, {"cart": surface("1")}, "none"),
        ({"cart": surface("1")}, {"cart": surface("1", "+2")}, "additive"),
        ({"cart": surface("1")}, {"cart": surface("1", "+2", "3")}, "maintenance"),
        ({}, {"cart": surface("+1", "+2")}, "additive"),
        ({}, {"cart": surface("+1", "2")}, "maintenance"),
        ({"cart": surface("+1=a")}, {"cart": surface("+1=b")}, "maintenance"),
        ({"cart": surface("1"), "gone": surface("1")}, {"cart": surface("1")}, "none"),
        ({"cart": surface("1", "2")}, {"cart": surface("1")}, "maintenance"),
        ({"cart": {}}, {"cart": {}}, "none"),
        ({"cart": {}}, {"cart": {"migrations": [{"up": "1", "content": []}]}}, "maintenance"),
    ],
)
def test_a_pair_of_builds_has_one_class(
    before: dict[str, Any], after: dict[str, Any], expected: str
) -> None:
    assert expected == distance(before, after).migration_class


def test_the_step_that_decides_is_named() -> None:
    found = distance({}, {"cart": surface("+1", "2", "3"), "bill": surface("+1")})
    assert found.steps[0] == Migration("bill", "1", additive=True)
    assert found.deciding == "`2` of `cart` and 1 more"
    assert distance({}, {"cart": surface("+1")}).deciding == "`1` of `cart`"
    assert distance({}, {}).deciding == ""


def test_steps_are_in_the_order_in_which_they_run() -> None:
    found = distance({}, {"a": surface("+1"), "b": surface("2", "1")}, ["b", "a"])
    named = [(step.module, step.path, step.migration_class) for step in found.steps]
    assert named == [("b", "1", "maintenance"), ("b", "2", "maintenance"), ("a", "1", "additive")]
