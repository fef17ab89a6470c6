"""How often and how long to try again what may pass by itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from xtask.errors import Interrupted
from xtask.image.registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


def _nobody(_reason: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Retries:
    """Tries again after `first` s, then after twice as long, `attempts` times in all.

    A registry that says how long to wait is believed up to `longest` s. `stopped` ends every wait
    of every thread, because one of them has failed or somebody has interrupted us.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 60
    listener: Callable[[str], None] = _nobody
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, action: Callable[[], _Result]) -> _Result:
        """Return what the action returns, once it does.

        Raises:
            RegistryError: the last one, or the first one that is not transient.
            Interrupted: `stopped` is set.
        """
        failures = 0
        while True:
            try:
                return action()
            except RegistryError as error:
                failures += 1
                self.pause(failures, error)

    def pause(self, failures: int, error: RegistryError) -> None:
        """Wait after the given number of failures in a row, or raise `error`: it was the last.

        Raises:
            RegistryError: `error` itself.
            Interrupted: `stopped` is set.
        """
        self.check()
        asked = error.retry_after
        if not error.transient or failures >= self.attempts:
            raise error
        if asked is not None and asked > self.longest:
            raise error
        seconds = self.first * 2 ** (failures - 1) if asked is None else asked
        self.listener(f"{error.message}: trying again in {seconds:g} s")
        self.stopped.wait(seconds)
        self.check()

    def check(self) -> None:
        """Do nothing, unless it is over.

        Raises:
            Interrupted: `stopped` is set.
        """
        if self.stopped.is_set():
            raise Interrupted
