"""How far a story is: stages with their time, told to whoever listens."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.diagnostics import Diagnostic


class Stage(NamedTuple):
    """One finished stage; `cached` means that nothing had to be done."""

    name: str
    seconds: float
    cached: bool
    detail: str


class Listener(Protocol):
    """Who is told; every method may do nothing."""

    def started(self, stage: str) -> None:
        """A stage begins."""

    def finished(self, stage: Stage) -> None:
        """A stage has ended well."""

    def failed(self, stage: str) -> None:
        """A stage was ended by an error."""

    def waiting(self, reason: str) -> None:
        """Nothing goes on until somebody else is done."""

    def warned(self, warnings: tuple[Diagnostic, ...]) -> None:
        """Something is worth a look, and ends nothing."""


class Silent:
    """Nobody listens."""

    def started(self, stage: str) -> None:
        """Say nothing."""

    def finished(self, stage: Stage) -> None:
        """Say nothing."""

    def failed(self, stage: str) -> None:
        """Say nothing."""

    def waiting(self, reason: str) -> None:
        """Say nothing."""

    def warned(self, warnings: tuple[Diagnostic, ...]) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Outcome:
    """What a stage says of itself while it runs."""

    cached: bool = False
    detail: str = ""


@dataclass(slots=True)
class Progress:
    """The stages of one run, in order."""

    listener: Listener = field(default_factory=Silent)
    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Outcome]:
        """Time a stage; one that raises is not finished."""
        outcome = Outcome()
        start = perf_counter()
        self.listener.started(name)
        try:
            yield outcome
        except BaseException:
            self.listener.failed(name)
            raise
        stage = Stage(name, perf_counter() - start, outcome.cached, outcome.detail)
        self.stages.append(stage)
        self.listener.finished(stage)
