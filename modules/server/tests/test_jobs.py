"""Cron schedules in UTC, and jobs that cannot stop each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from server.app import create_runtime
from server.jobs import ScheduledTask, ScheduleError, parse_schedule, run_due, run_forever

if TYPE_CHECKING:
    from pathlib import Path

    from server.sdk import Context

SUNDAY = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("* * * * *", True),
        ("30 12 1 3 *", True),
        ("31 12 * * *", False),
        ("*/5 * * * *", True),
        ("*/7 * * * *", False),
        ("10/20 * * * *", True),
        ("0-40/10 11-13 * * *", True),
        ("1,30 * * * *", True),
        ("* * * * 0", True),
        ("* * * * 7", True),
        ("* * * * 1-5", False),
        ("* * 2 * 0", True),
        ("* * 2 * 1", False),
        ("* * */2 * 1", False),
    ],
)
def test_a_schedule_matches_as_in_cron(schedule: str, due: bool) -> None:  # noqa: FBT001
    assert parse_schedule(schedule).matches(SUNDAY) is due


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "-1 * * * *",
    ],
)
def test_refuses_what_is_not_a_schedule(schedule: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(schedule)


def test_a_failing_job_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_context: Context) -> None:
        raise RuntimeError("out of paper")

    def note(context: Context) -> None:
        context.connection.execute("CREATE TABLE noted (id INTEGER)")

    always, never = parse_schedule("* * * * *"), parse_schedule("0 0 1 1 *")
    jobs = [
        ScheduledTask("bad", always, fail),
        ScheduledTask("good", always, note),
        ScheduledTask("later", never, fail),
    ]
    runtime = create_runtime((), {"DATA_DIR": str(tmp_path)})
    assert run_due(jobs, runtime, SUNDAY) == ("good",)
    assert "out of paper" in caplog.text


def test_the_loop_never_runs_a_minute_twice_and_stops_when_cancelled(tmp_path: Path) -> None:
    # Every look at this clock is a minute after the one before, so the loop never sleeps.
    ticks = (SUNDAY + timedelta(minutes=number) for number in range(10_000))
    runtime = create_runtime((), {"DATA_DIR": str(tmp_path)})
    runs: list[datetime] = []

    async def run_three_times() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def note(context: Context) -> None:
            runs.append(context.now)
            if len(runs) == 3:
                loop.call_soon_threadsafe(done.set)

        job = ScheduledTask("note", parse_schedule("* * * * *"), note)
        running = replace(runtime, clock=lambda: next(ticks))
        task = asyncio.create_task(run_forever([job], running))
        await asyncio.wait_for(done.wait(), timeout=10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(run_three_times())
    assert runs == sorted(set(runs))
