"""Cron schedules in UTC, and jobs that cannot stop each other."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from server.app import create_runtime
from server.jobs import (
    ScheduledTask,
    ScheduleError,
    parse_schedule,
    run_due,
    run_forever,
    run_job,
)
from server.registry import Job, Module
from server.session import text

if TYPE_CHECKING:
    from collections.abc import Callable
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


ALWAYS = parse_schedule("* * * * *")


def test_a_job_runs_again_as_often_as_it_may_and_not_after_it_succeeded(tmp_path: Path) -> None:
    attempts: list[datetime] = []

    def succeed_at(number: int) -> Callable[[Context], None]:
        def task(context: Context) -> None:
            attempts.append(context.now)
            if len(attempts) < number:
                raise RuntimeError("not yet")

        return task

    runtime = create_runtime((), {"DATA_DIR": str(tmp_path)})
    assert run_job(ScheduledTask("third", ALWAYS, succeed_at(3), retries=5), runtime)
    assert len(attempts) == 3
    attempts.clear()
    assert not run_job(ScheduledTask("fourth", ALWAYS, succeed_at(4), retries=2), runtime)
    assert len(attempts) == 3


def test_a_failed_attempt_leaves_nothing_in_the_session(tmp_path: Path) -> None:
    runtime = create_runtime((), {"DATA_DIR": str(tmp_path)})
    failures = iter([True, False])

    async def note(context: Context) -> None:
        await context.db.execute(text("CREATE TABLE noted (id INTEGER)"))
        if next(failures):
            raise RuntimeError("after writing")

    assert run_job(ScheduledTask("note", ALWAYS, note, retries=1), runtime)
    with runtime.work() as context:
        assert context.connection.execute("SELECT count(*) FROM noted").fetchone()[0] == 0


def test_a_coroutine_past_its_timeout_is_cancelled(tmp_path: Path) -> None:
    ended: list[str] = []

    async def sleep(_context: Context) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    runtime = create_runtime((), {"DATA_DIR": str(tmp_path)})
    assert not run_job(ScheduledTask("sleep", ALWAYS, sleep, timeout=0.05), runtime)
    assert ended == ["cancelled"]


def test_a_function_past_its_timeout_loses_the_database_and_is_not_started_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs._GRACE_SECONDS", 0.0)
    runtime = create_runtime((), {"DATA_DIR": str(tmp_path)})
    go_on, starts, errors = threading.Event(), [], []

    def hang(context: Context) -> None:
        starts.append(context.now)
        context.connection.execute("BEGIN IMMEDIATE")
        context.connection.execute("CREATE TABLE half (id INTEGER)")
        go_on.wait(10)
        try:
            context.connection.execute("CREATE TABLE late (id INTEGER)")
        except sqlite3.Error as error:
            errors.append(error)

    job = ScheduledTask("hang", ALWAYS, hang, timeout=0.05, retries=3)
    assert not run_job(job, runtime)
    assert "still running after 0.05 seconds" in caplog.text
    with runtime.work() as context, context.transaction():  # the lock is free, nothing is left
        assert context.connection.execute("SELECT * FROM sqlite_schema").fetchall() == []
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "job hang":
            thread.join(10)
    assert (len(starts), len(errors)) == (1, 1)


def test_a_job_without_a_schedule_is_never_due_nor_imported(serve: Callable[..., object]) -> None:
    def load() -> None:
        raise ImportError("was imported")

    serve(Module("asked", "1.0.0", "server", jobs=(Job("asked.now", "", load),)), JOBS="1")


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
