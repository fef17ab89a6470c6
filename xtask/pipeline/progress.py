"""How far a story is: stages with their time, told to whoever listens."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from xtask.columns import WIDTH
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.diagnostics import Diagnostic


class Stage(NamedTuple):
    """One finished stage; `cached` means that nothing had to be done.

    `reasons` says why something had to be, by the name of what was made; one without a name is
    that of the stage itself.
    """

    name: str
    seconds: float
    cached: bool
    detail: str
    reasons: Mapping[str, str]


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

    def advanced(self, done: int, total: int) -> None:
        """So many bytes of what the running stage transfers are there; from any thread."""

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

    def advanced(self, done: int, total: int) -> None:
        """Say nothing."""

    def warned(self, warnings: tuple[Diagnostic, ...]) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Outcome:
    """What a stage says of itself while it runs."""

    cached: bool = False
    detail: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def because(self, reason: str) -> None:
        """Say why the stage had something to do."""
        self.reasons = {"": reason} if reason else {}


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
        seconds = perf_counter() - start
        stage = Stage(name, seconds, outcome.cached, outcome.detail, outcome.reasons)
        self.stages.append(stage)
        self.listener.finished(stage)


def stage_lines(stage: Stage) -> list[str]:
    """Return a stage as lines of at most 80 columns: what it did, and why it had to."""
    cached = "cached" if stage.cached else ""
    line = f"{stage.name:<10}{stage.seconds:>8.2f} s  {cached:<8}{stage.detail}"
    lines = [line, *(f"{'':<12}{why}" for why in reason_lines(stage))]
    return [_cut(line) for line in redacted("\n".join(lines)).split("\n")]


def reason_lines(stage: Stage) -> list[str]:
    """Return why something had to be made in a stage, what most have in common first."""
    if not stage.reasons:
        return []
    from xtask.receipts import in_words  # noqa: PLC0415 - start-up

    return in_words(stage.reasons)


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
