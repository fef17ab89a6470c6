"""Jobs: five-field cron schedules and the loop that runs what is due.

Every process with `JOBS=1` runs them, so exactly one process of an environment has it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from threading import enumerate as living_threads
from typing import TYPE_CHECKING

from server.calls import complete

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from server.context import Runtime, Task, WorkContext

_LOG = logging.getLogger(__name__)
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MINUTE = timedelta(minutes=1)
_GRACE_SECONDS = 1.0  # for a coroutine that is cancelled to end


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
    """A job that has been imported and whose schedule has been read.

    `timeout` is in seconds; `retries` says how often it runs again, at once, when it fails.
    """

    name: str
    schedule: Schedule
    task: Task
    timeout: float | None = None
    retries: int = 0


def run_due(jobs: Sequence[ScheduledTask], runtime: Runtime, moment: datetime) -> tuple[str, ...]:
    """Run the jobs that are due at `moment`, and return the names of those that succeeded.

    A job that fails is logged with its traceback; the others run, and it runs again when due.
    """
    due = [job for job in jobs if job.schedule.matches(moment)]
    return tuple(job.name for job in due if run_job(job, runtime))


def run_job(job: ScheduledTask, runtime: Runtime) -> bool:
    """Run a job until it succeeds or has no retries left, and say whether it succeeded.

    Each attempt is a unit of work of its own. A function cannot be stopped from outside: one that
    is past its timeout loses its database connection, and the job is left alone until it ends.
    """
    for attempt in range(1, job.retries + 2):
        if any(thread.name == _thread_name(job) for thread in living_threads()):
            _LOG.error("job %s is still running after its timeout", job.name)
            return False
        try:
            with runtime.work() as context:
                _run_within(job, context)
        except Exception:  # noqa: BLE001 - one job must not stop the others
            _LOG.exception("job %s failed (attempt %d of %d)", job.name, attempt, job.retries + 1)
        else:
            return True
    return False


def _run_within(job: ScheduledTask, context: WorkContext) -> None:
    if job.timeout is None:
        complete(job.task(context))
        return
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            complete(job.task(context), job.timeout)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    thread = Thread(target=run, name=_thread_name(job), daemon=True)
    thread.start()
    thread.join(job.timeout + _GRACE_SECONDS)
    if thread.is_alive():
        _take_away(context.connection)
        raise TimeoutError(f"still running after {job.timeout:g} seconds")
    outcome.result()


def _take_away(connection: sqlite3.Connection) -> None:
    """Undo what a connection has under way, and let no statement begin on it any more."""
    connection.interrupt()
    connection.set_authorizer(_allow_ending)
    connection.rollback()


def _allow_ending(action: int, *_about: str | None) -> int:
    is_ending = action == sqlite3.SQLITE_TRANSACTION
    return sqlite3.SQLITE_OK if is_ending else sqlite3.SQLITE_DENY


def _thread_name(job: ScheduledTask) -> str:
    return f"job {job.name}"


async def run_forever(jobs: Sequence[ScheduledTask], runtime: Runtime) -> None:
    """Run due jobs once a minute, until cancelled."""
    last = runtime.clock().replace(second=0, microsecond=0)
    while True:
        upcoming = last + _MINUTE
        await asyncio.sleep(max(0.0, (upcoming - runtime.clock()).total_seconds()))
        # After a suspension the missed minutes are skipped, not made up for in a burst.
        last = max(upcoming, runtime.clock().replace(second=0, microsecond=0))
        await asyncio.to_thread(run_due, jobs, runtime, last)
