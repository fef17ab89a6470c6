from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace

import pytest

from tests.image.registry.conftest import QUICK
from xtask.errors import Interrupted
from xtask.image.registry.errors import RegistryError
from xtask.image.registry.parallel import Meter, in_parallel
from xtask.image.registry.retries import Retries


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0)
        return number * 2

    assert in_parallel(slow_first, range(6), QUICK) == [0, 2, 4, 6, 8, 10]


def test_the_first_failure_ends_waits_and_what_has_not_begun() -> None:
    retries = Retries(first=60, stopped=threading.Event())
    begun: list[int] = []

    def act(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise RegistryError("it is the one")
        retries.pause(1, RegistryError("wait", transient=True))

    with pytest.raises(RegistryError, match="it is the one"):
        in_parallel(act, range(50), retries)
    assert len(begun) <= 5
    assert in_parallel(abs, [-1], retries) == [1]


def test_an_interrupt_waits_for_nobody_who_hears_nothing() -> None:
    retries, answered = replace(QUICK, stopped=threading.Event()), threading.Event()

    def silent(number: int) -> None:
        if number == 1:
            signal.raise_signal(signal.SIGINT)
        answered.wait(30)

    # Whoever was started in the background of a shell ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            in_parallel(silent, range(8), retries)
        assert time.monotonic() - begin < 5
        assert retries.stopped.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
        answered.set()


def test_what_runs_is_told_to_stop() -> None:
    retries = replace(QUICK, stopped=threading.Event())
    retries.stopped.set()
    with pytest.raises(Interrupted):
        retries.check()
    with pytest.raises(Interrupted):
        retries.pause(1, RegistryError("wait", transient=True))


def test_waits_double_and_end() -> None:
    said: list[str] = []
    retries = Retries(attempts=4, first=0.01, listener=said.append)

    def fail() -> None:
        raise RegistryError("no", transient=True)

    with pytest.raises(RegistryError, match="no"):
        retries.run(fail)
    expected = [f"no: trying again in {seconds} s" for seconds in (0.01, 0.02, 0.04)]
    assert expected == said


def test_a_longer_wait_than_allowed_is_not_waited() -> None:
    error = RegistryError("no", transient=True, retry_after=61)
    with pytest.raises(RegistryError, match="no"):
        Retries().pause(1, error)


def test_progress_goes_back_when_a_part_begins_again() -> None:
    told: list[tuple[int, int]] = []
    meter = Meter(10, lambda *it: told.append(it))
    for part, done in [("a", 3), ("b", 4), ("a", 1), ("a", 6)]:
        meter.at(part, done)
    assert told == [(3, 10), (7, 10), (5, 10), (10, 10)]
