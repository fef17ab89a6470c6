"""The grammar of five-field cron schedules (POSIX crontab; steps and names as in Vixie cron)."""

from __future__ import annotations

import re

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[int, int, list[str]], ...] = (
    (0, 59, []),
    (0, 23, []),
    (1, 31, []),
    (1, 12, _MONTHS),
    (0, 7, _DAYS),
)
# Of each month, in a leap year.
_LONGEST = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ITEM = re.compile(r"(?:(\*)|(\w{1,3})(?:-(\w{1,3}))?)(?:/(\d{1,2}))?", re.ASCII)


def misfit(text: str) -> str | None:
    """Return why a text is no schedule that is ever due, as the end of a sentence, or None.

    It is five fields: minute, hour, day of month, month, day of week.
    """
    fields = text.split(" ")
    if len(fields) != len(_FIELDS):
        return "is not a schedule"
    found = [_chosen(field, *limits) for field, limits in zip(fields, _FIELDS, strict=True)]
    if not all(found):
        return "is not a schedule"
    _, _, days, months, _ = found
    # With a weekday too, one of the two is enough (POSIX crontab).
    is_due = not fields[4].startswith("*") or any(min(days) <= _LONGEST[month] for month in months)
    return None if is_due else "is never due: no month of it has such a day"


def _chosen(text: str, low: int, high: int, names: list[str]) -> frozenset[int]:
    """Return the numbers that a field names, none when it is wrong."""
    items = [_items(item, low, high, names) for item in text.split(",")]
    return frozenset().union(*items) if all(items) else frozenset()


def _items(text: str, low: int, high: int, names: list[str]) -> range:
    found = _ITEM.fullmatch(text)
    star, first, last, step = found.groups() if found else (None, None, None, "0")
    every = int(step or 1)
    if every < 1 or (step and not star and last is None):
        return range(0)
    start = low if star else _number(first, low, names)
    end = high if star else start if last is None else _number(last, low, names)
    if start is None or end is None or not low <= start <= end <= high:
        return range(0)
    return range(start, end + 1, every)


def _number(text: str | None, low: int, names: list[str]) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    return names.index(text.lower()) + low if text.lower() in names else None
