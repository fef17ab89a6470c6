"""Several transfers at once, and how far they are together."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from xtask.errors import Interrupted
from xtask.image.registry.transport import WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xtask.image.registry.retries import Retries

    Listener = Callable[[int, int], None]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_parallel(
    action: Callable[[_Item], _Result], items: Iterable[_Item], retries: Retries
) -> list[_Result]:
    """Return what the action returns for each item, in their order.

    After the first failure nothing new is begun, what runs is stopped, and the failure is raised.
    """
    pool = ThreadPoolExecutor(WORKERS)
    try:
        futures = [pool.submit(action, item) for item in items]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        failed = any(future.exception() for future in done)
    except BaseException:
        # A registry that says nothing may go on so for a minute, which an interrupt has not.
        retries.stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    if failed:
        retries.stopped.set()
    pool.shutdown(cancel_futures=failed)
    retries.stopped.clear()
    errors = [
        error for future in futures if not future.cancelled() if (error := future.exception())
    ]
    for error in sorted(errors, key=lambda one: isinstance(one, Interrupted)):
        raise error
    return [future.result() for future in futures]


class Meter:
    """Bytes done out of a total, told to a listener from whatever thread does them."""

    def __init__(self, total: int, listener: Listener | None) -> None:
        """Begin with nothing done."""
        self._total, self._listener = total, listener
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()

    def at(self, part: str, done: int) -> None:
        """Say how many bytes of a part are done; fewer than before after a part failed."""
        if self._listener is None:
            return
        with self._lock:
            self._done[part] = done
            self._listener(sum(self._done.values()), self._total)
