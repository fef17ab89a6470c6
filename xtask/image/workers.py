"""Several things at once in threads that end soon when somebody interrupts."""

from __future__ import annotations

from _thread import get_ident
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xtask.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

# What stops each thread, by the thread; `threading` is imported only by who starts one.
_stops: dict[int, Event] = {}


@contextmanager
def workers(number: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads; when the block fails, nothing new begins and what runs is told to stop.

    After an error nobody in the pool works any more. An interrupt does not wait for them.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up
    from threading import Event  # noqa: PLC0415

    stopped = Event()
    pool = ThreadPoolExecutor(number, initializer=_belong_to, initargs=(stopped,))
    try:
        yield pool
    except BaseException as error:
        stopped.set()
        pool.shutdown(wait=isinstance(error, Exception), cancel_futures=True)
        raise
    pool.shutdown()


def require_going() -> None:
    """Let long work in such a thread end here when it was told to stop; elsewhere do nothing.

    Raises:
        Interrupted: it was.
    """
    if _stops and (stopped := _stops.get(get_ident())) and stopped.is_set():
        raise Interrupted


def _belong_to(stopped: Event) -> None:
    _stops[get_ident()] = stopped
