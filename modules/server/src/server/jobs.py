"""Jobs: five-field cron schedules and the loop that runs what is due.

Every process with `JOBS=1` runs them, so exactly one process of an environment has it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from server.context import Runtime, Task

_LOG = logging.getLogger(__name__)
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """The text is not a five-field cron schedule."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes at which a job is due, in UTC."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def matches(self, moment: datetime) -> bool:
        """Say whether the job is due in the minute of `moment`.

        When both the day and the weekday are restricted, either is enough (POSIX crontab).
        """
        day = moment.day in self.days
        weekday = moment.isoweekday() % 7 in self.weekdays
        return (
            moment.minute in self.minutes
            and moment.hour in self.hours
            and moment.month in self.months
            and (day or weekday if self.either_day else day and weekday)
        )


def parse_schedule(text: str) -> Schedule:
    """Read `minute hour day month weekday`, each `*`, numbers, ranges, steps or lists of them.

    Raises:
        ScheduleError: with the field that is wrong.
    """
    fields = text.split()
    if len(fields) != len(_RANGES):
        raise ScheduleError(f"{text!r} has {len(fields)} fields; cron has {len(_RANGES)}")
    minutes, hours, days, months, weekdays = (
        _numbers(field, *bounds) for field, bounds in zip(fields, _RANGES, strict=True)
    )
    restricted = not fields[2].startswith("*") and not fields[4].startswith("*")
    sunday_first = frozenset(number % 7 for number in weekdays)
    return Schedule(minutes, hours, days, months, sunday_first, restricted)


def _numbers(field: str, low: int, high: int) -> frozenset[int]:
    numbers: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        try:
            start = int(first)
            stop = int(last) if dash else high if slash else start
            chosen = range(start, stop + 1, int(step) if slash else 1)
        except ValueError as error:
            raise ScheduleError(f"{part!r} is not a cron field") from error
        if not low <= start <= stop <= high or chosen.step < 1:
            raise ScheduleError(f"{part!r} is not within {low} to {high}")
        numbers.update(chosen)
    return frozenset(numbers)


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A job that has been imported and whose schedule has been read."""

    name: str
    schedule: Schedule
    task: Task


def run_due(jobs: Sequence[ScheduledTask], runtime: Runtime, moment: datetime) -> tuple[str, ...]:
    """Run the jobs that are due at `moment`, and return the names of those that succeeded.

    A job that fails is logged with its traceback; the others run, and it runs again when due.
    """
    done: list[str] = []
    for job in jobs:
        if not job.schedule.matches(moment):
            continue
        try:
            with runtime.work() as context:
                job.task(context)
        except Exception:  # noqa: BLE001 - one job must not stop the others
            _LOG.exception("job %s failed", job.name)
        else:
            done.append(job.name)
    return tuple(done)


async def run_forever(jobs: Sequence[ScheduledTask], runtime: Runtime) -> None:
    """Run due jobs once a minute, until cancelled."""
    last = runtime.clock().replace(second=0, microsecond=0)
    while True:
        upcoming = last + _MINUTE
        await asyncio.sleep(max(0.0, (upcoming - runtime.clock()).total_seconds()))
        # After a suspension the missed minutes are skipped, not made up for in a burst.
        last = max(upcoming, runtime.clock().replace(second=0, microsecond=0))
        await asyncio.to_thread(run_due, jobs, runtime, last)
