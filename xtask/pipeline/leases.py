"""Signs of life while something long is done under a lease."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from xtask.errors import RefusedError, XtaskError
from xtask.records.attempts import LEASE_SECONDS
from xtask.records.values import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xtask.settings import Settings

_EVERY = LEASE_SECONDS / 4


def claim(settings: Settings) -> Claim:
    """Return the claim of this process."""
    return Claim(settings.holder, LEASE_SECONDS)


@contextmanager
def renewing(renew: Callable[[], object]) -> Iterator[None]:
    """Renew a lease from another thread until the end of the block.

    A refusal ends it: somebody else holds the lease then, and refuses what this process writes
    next. A database that does not answer is asked again.
    """
    done = Event()

    def beat() -> None:
        while not done.wait(_EVERY):
            try:
                renew()
            except RefusedError:
                return
            except XtaskError:
                continue

    thread = Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
