"""The grammar of schedules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.manifest.cron import misfit

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
    assert misfit(text) is None


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
    assert misfit(text) == "is not a schedule"


@budget(200)
@given(st.tuples(*(st.integers(low - 2, high + 2) for low, high in LIMITS)))
def test_numbers_are_inside_their_limits(numbers: tuple[int, ...]) -> None:
    expected = all(
        low <= number <= high for number, (low, high) in zip(numbers, LIMITS, strict=True)
    )
    assert expected == (misfit(" ".join(map(str, numbers))) != "is not a schedule")


@budget(200)
@given(st.text(alphabet="0123456789*/,- monjax\u0663", max_size=20))
def test_any_text_has_an_answer(text: str) -> None:
    assert str(misfit(text)).split()[0] in {"None", "is"}


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30,31 feb *", "0 0 31 4,6-6,sep,11 */2"])
def test_a_day_that_no_month_has_is_refused(text: str) -> None:
    assert misfit(text) == "is never due: no month of it has such a day"


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 2 mon", "0 0 31 1,2 *", "0 0 28-31 2 *"])
def test_a_day_that_some_year_has_is_a_schedule(text: str) -> None:
    assert misfit(text) is None
