"""Threads that end soon when somebody interrupts."""

from __future__ import annotations

import threading
import time

import pytest

from xtask.errors import Interrupted
from xtask.image.workers import require_going, workers


def test_an_interrupt_waits_for_nobody_and_stops_what_runs() -> None:
    begun, ended, late = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        try:
            while True:
                time.sleep(0.001)
                require_going()
        except Interrupted:
            ended.set()

    def interrupted() -> None:
        with workers(1) as threads:
            threads.submit(work)
            threads.submit(late.set)
            assert begun.wait(5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ended.wait(5)
    assert not late.is_set()


def test_after_an_error_nobody_works_any_more() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        time.sleep(0.05)
        ended.set()

    def failing() -> None:
        with workers(1) as threads:
            threads.submit(work)
            assert begun.wait(5)
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        failing()
    assert ended.is_set()


def test_outside_of_such_a_thread_work_goes_on() -> None:
    with workers(1) as threads:
        assert threads.submit(require_going).result() is None
    require_going()
