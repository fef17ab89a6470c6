"""What a builder says, written down beside the record of its build, for whoever follows it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from xtask.errors import InvalidError, StaleError, XtaskError, summary
from xtask.pipeline.progress import Progress, stage_lines
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xtask.diagnostics import Diagnostic
    from xtask.pipeline.progress import Listener, Stage
    from xtask.records.attempts import Attempts
    from xtask.records.values import Build


class Journal:
    """Listens for another listener too, and writes lines at the end of each stage."""

    def __init__(self, listener: Listener, write: Callable[[Sequence[str]], None]) -> None:
        """Tell `listener` everything; `write` keeps lines for good."""
        self._listener = listener
        self._write = write
        self._said: list[str] = []

    def started(self, stage: str) -> None:
        """Pass it on: how far a build is stands in its record."""
        self._listener.started(stage)

    def finished(self, stage: Stage) -> None:
        """Write what the stage says of itself, and what was said meanwhile."""
        self._listener.finished(stage)
        self.say(stage_lines(stage))
        self.keep()

    def failed(self, stage: str) -> None:
        """Say where it ended; the error says why."""
        self._listener.failed(stage)
        self.say([f"{stage:<10}  failed"])

    def waiting(self, reason: str) -> None:
        """Say why nothing goes on."""
        self._listener.waiting(reason)
        self.say([f"waiting: {redacted(reason)}"])

    def advanced(self, done: int, total: int) -> None:
        """Pass it on: it is over when somebody could read it."""
        self._listener.advanced(done, total)

    def warned(self, warnings: tuple[Diagnostic, ...]) -> None:
        """Say what is worth a look."""
        self._listener.warned(warnings)
        if warnings:
            self.say(_drawn(warnings))

    def say(self, lines: Sequence[str]) -> None:
        """Keep lines until the next time that something is written."""
        self._said += lines

    def keep(self) -> None:
        """Write what was said since the last time."""
        said, self._said = self._said, []
        if said:
            self._write([_visible(line) for line in said])


@contextlib.contextmanager
def keeping(progress: Progress, records: Attempts, build: Build) -> Iterator[Progress]:
    """Yield the same progress, whose lines are kept with the build, those before it too.

    An error that ends the block is their end.
    """
    journal = Journal(progress.listener, lambda lines: records.write_lines(build, lines))
    journal.say([line for stage in progress.stages for line in stage_lines(stage)])
    try:
        yield Progress(journal, progress.stages)
        journal.keep()
    except BaseException as error:
        journal.say(_error_lines(error))
        # Whoever has the build by now says what becomes of it.
        with contextlib.suppress(XtaskError):
            journal.keep()
        raise


def _error_lines(error: BaseException) -> list[str]:
    """Return an error as the command line shows it."""
    lines = _drawn(error.problems) if isinstance(error, InvalidError) else []
    if isinstance(error, StaleError) and error.report:
        lines += error.report.splitlines()
    lines += f"error: {summary(error)}".splitlines()
    if isinstance(error, XtaskError) and error.help:
        lines += f"  help: {error.help}".splitlines()
    return redacted("\n".join(lines)).split("\n")


def _drawn(problems: tuple[Diagnostic, ...]) -> list[str]:
    from xtask.diagnostics.render import render  # noqa: PLC0415 - most builds have none

    return render(problems).splitlines()


def _visible(line: str) -> str:
    """Return foreign text without what a terminal obeys, or a database does not take."""
    if line.isprintable():
        return line
    from xtask.columns import visible  # noqa: PLC0415 - most lines are plain

    return visible(line)
