"""Times in which nothing is promoted to an environment: once, or every week; in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest import grammar

if TYPE_CHECKING:
    from xtask.manifest.table import Table

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60


class Once(NamedTuple):
    """From one moment until another one, which is not part of it."""

    begin: datetime
    end: datetime
    reason: str

    @property
    def text(self) -> str:
        """What it is, in one line."""
        begin, end = (f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" for moment in self[:2])
        return f"{begin} - {end} UTC ({self.reason})"

    def covers(self, moment: datetime) -> bool:
        """Return whether a moment is in it."""
        return self.begin <= moment < self.end


class Weekly(NamedTuple):
    """The same minutes of every week, counted from Monday 00:00 UTC; it may pass a Monday."""

    begin: int
    end: int
    reason: str

    @property
    def text(self) -> str:
        """What it is, in one line."""
        return f"{_clock(self.begin)} - {_clock(self.end)} UTC ({self.reason})"

    def covers(self, moment: datetime) -> bool:
        """Return whether a moment is in it."""
        utc = moment.astimezone(UTC)
        minute = utc.weekday() * _DAY + utc.hour * 60 + utc.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


Freeze = Once | Weekly


def read_freezes(environment: Table) -> tuple[Freeze, ...]:
    """Return `freeze` of an environment; what is wrong with it goes to the table's problems."""
    found = (_read(window) for window in environment.tables("freeze"))
    return tuple(window for window in found if window is not None)


def _read(window: Table) -> Freeze | None:
    reason = window.text("reason")
    if "reason" in window and not reason.strip():
        window.wrong("XT0205", "`reason` is empty", "reason", help="say why nothing is promoted")
    read = _weekly if "weekly" in window else _once
    found = read(window, " ".join(reason.split()))
    window.done()
    return found


def _once(window: Table, reason: str) -> Once | None:
    begin, end = window.moment("from"), window.moment("until")
    if begin is None or end is None:
        return None
    if end <= begin:
        message = "`until` is not after `from`, so nothing is ever frozen"
        window.wrong("XT0204", message, "until", help="exchange them")
        return None
    return Once(begin, end, reason)


def _weekly(window: Table, reason: str) -> Weekly | None:
    text = window.text("weekly", grammar=grammar.WEEKLY)
    found = grammar.WEEKLY.parts(text)
    if found is None:
        return None
    begin, end = (_minute(*found[at : at + 3]) for at in (0, 3))
    if begin == end:
        message = "it ends when it begins: nobody can say whether it is never or always"
        window.wrong("XT0204", message, "weekly", help="write two different times of the week")
        return None
    return Weekly(begin, end, reason)


def _minute(day: str, hour: str, minute: str) -> int:
    return _DAYS.index(day) * _DAY + int(hour) * 60 + int(minute)


def _clock(minute: int) -> str:
    hour = minute % _DAY // 60
    return f"{_DAYS[minute // _DAY]} {hour:02}:{minute % 60:02}"
