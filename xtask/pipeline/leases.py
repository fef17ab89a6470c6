"""Signs of life while something long is done under a lease."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from typing import TYPE_CHECKING

from xtask.errors import RefusedError, XtaskError
from xtask.records.values import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from xtask.records.attempts import Attempts
    from xtask.records.values import Build
    from xtask.settings import Settings

_BEATS = 4
"""Signs of life in the time of one lease."""


def claim(settings: Settings) -> Claim:
    """Return the claim of this process."""
    return Claim(settings.holder, settings.lease_seconds)


@contextmanager
def renewing(
    renew: Callable[[], object],
    seconds: float,
    ended: Callable[[RefusedError], None] = lambda _: None,
) -> Iterator[None]:
    """Renew a lease from another thread until the end of the block.

    A refusal ends it: somebody else holds the lease then, and refuses what this process writes
    next. A database that does not answer is asked again.

    Args:
        renew: gives a sign of life.
        seconds: how long the lease lasts without one.
        ended: told of the refusal, in the other thread.
    """
    done = Event()

    def beat() -> None:
        while not done.wait(seconds / _BEATS):
            try:
                renew()
            except RefusedError as error:
                return ended(error)
            except XtaskError:
                continue
        return None

    thread = Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def building(settings: Settings, records: Attempts, build: Build) -> Iterator[None]:
    """Keep a build while the block runs, which is interrupted when it is not to go on.

    Outside the main thread nothing can be interrupted: what the block writes next is refused.

    Raises:
        RefusedError: somebody cancelled it, or another builder took it over.
    """
    refusals: list[RefusedError] = []

    def renew() -> None:
        now = records.renew_build(build, settings.lease_seconds)
        if now.cancelled_by:
            raise RefusedError(f"build {now.id} was cancelled by {now.cancelled_by}")

    with _interruptible() as interrupt:

        def ended(refusal: RefusedError) -> None:
            refusals.append(refusal)
            interrupt()

        try:
            with renewing(renew, settings.lease_seconds, ended):
                yield
        except KeyboardInterrupt:
            if refusals:
                raise refusals[0] from None
            raise


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Yield what interrupts the block from another thread, also while it waits for a child.

    SIGINT may be ignored by a process that was started in the background.
    """
    if current_thread() is not main_thread():
        yield lambda: None
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    target = main_thread().ident or 0
    try:
        yield lambda: signal.pthread_kill(target, signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
