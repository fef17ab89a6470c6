"""Freeze windows: which moments they cover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.freezes import Freeze, Once, read_freezes
from xtask.manifest.table import Table

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


def weekly(text: str) -> Freeze:
    problems = Problems()
    table = Table(
        {"freeze": [{"weekly": text, "reason": "rest"}]}, Place(Source("x")), problems, "x"
    )
    (found,) = read_freezes(table)
    assert problems.found == []
    return found


@pytest.mark.parametrize(
    ("text", "day", "clock", "expected"),
    [
        ("fri 16:00 - mon 08:00", 4, "15:59", False),
        ("fri 16:00 - mon 08:00", 4, "16:00", True),
        ("fri 16:00 - mon 08:00", 6, "23:59", True),
        ("fri 16:00 - mon 08:00", 0, "07:59", True),
        ("fri 16:00 - mon 08:00", 0, "08:00", False),
        ("tue 09:00 - tue 10:00", 1, "09:30", True),
        ("tue 09:00 - tue 10:00", 2, "09:30", False),
        ("tue 10:00 - tue 09:00", 1, "09:30", False),
        ("tue 10:00 - tue 09:00", 3, "09:30", True),
    ],
)
def test_a_week_has_its_frozen_minutes(text: str, day: int, clock: str, *, expected: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    moment = MONDAY + timedelta(days=day, hours=hour, minutes=minute)
    assert expected is weekly(text).covers(moment)
    assert expected is weekly(text).covers(moment + timedelta(weeks=52))
    elsewhere = timezone(timedelta(hours=9))
    assert expected is weekly(text).covers(moment.astimezone(elsewhere))


def test_a_freeze_ends_with_the_moment_that_it_names() -> None:
    freeze = Once(MONDAY, MONDAY + timedelta(days=1), "audit")
    moments = [MONDAY - timedelta(seconds=1), MONDAY, MONDAY + timedelta(days=1)]
    assert [freeze.covers(moment) for moment in moments] == [False, True, False]
    assert freeze.text == "2026-11-30 00:00 - 2026-12-01 00:00 UTC (audit)"
    assert weekly("fri 16:00 - mon 08:00").text == "fri 16:00 - mon 08:00 UTC (rest)"
