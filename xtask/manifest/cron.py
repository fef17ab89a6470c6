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
_ITEM = re.compile(r"(?:(\*)|(\w{1,3})(?:-(\w{1,3}))?)(?:/(\d{1,2}))?", re.ASCII)


def is_schedule(text: str) -> bool:
    """Return whether the text is five fields: minute, hour, day of month, month, day of week."""
    fields = text.split(" ")
    return len(fields) == len(_FIELDS) and all(
        _is_field(field, low, high, names)
        for field, (low, high, names) in zip(fields, _FIELDS, strict=True)
    )


def _is_field(text: str, low: int, high: int, names: list[str]) -> bool:
    return all(_is_item(item, low, high, names) for item in text.split(","))


def _is_item(text: str, low: int, high: int, names: list[str]) -> bool:
    found = _ITEM.fullmatch(text)
    if not found:
        return False
    star, first, last, step = found.groups()
    if step is not None and (int(step) < 1 or (not star and last is None)):
        return False
    if star:
        return True
    start = _number(first, low, names)
    end = start if last is None else _number(last, low, names)
    return start is not None and end is not None and low <= start <= end <= high


def _number(text: str, low: int, names: list[str]) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text)
    return names.index(text.lower()) + low if text.lower() in names else None
