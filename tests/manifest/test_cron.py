"""The grammar of schedules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.manifest.cron import is_schedule

LIMITS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "*/5 * * * *",
        "0 4 * * *",
        "0,30 9-17 * * mon-fri",
        "0-59/15 * 1 JAN,jul *",
        "59 23 31 12 7",
        "0 0 1 1 0",
        "5 4 * * sun",
    ],
)
def test_is_a_schedule(text: str) -> None:
    assert is_schedule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "*  * * * *",
        " * * * * *",
        "* * * * *\n",
        "@daily",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "* * * * 8",
        "*/0 * * * *",
        "5/15 * * * *",
        "30-10 * * * *",
        "1, * * * *",
        "1- * * * *",
        "-1 * * * *",
        "*/ * * * *",
        "* * mon * *",
        "* * * mon *",
        "\u0663 * * * *",
        "*/\u0663 * * * *",
        "1" * 5000 + " * * * *",
        "? * * * *",
        "* * L * *",
    ],
)
def test_is_no_schedule(text: str) -> None:
    assert not is_schedule(text)


@budget(200)
@given(st.tuples(*(st.integers(low - 2, high + 2) for low, high in LIMITS)))
def test_numbers_are_inside_their_limits(numbers: tuple[int, ...]) -> None:
    expected = all(
        low <= number <= high for number, (low, high) in zip(numbers, LIMITS, strict=True)
    )
    assert expected == is_schedule(" ".join(map(str, numbers)))


@budget(200)
@given(st.text(alphabet="0123456789*/,- monjax\u0663", max_size=20))
def test_any_text_has_an_answer(text: str) -> None:
    assert is_schedule(text) in {True, False}
