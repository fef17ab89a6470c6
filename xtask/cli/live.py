"""The live display of stages on a terminal: what runs now, for how long, and what is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from xtask.pipeline.progress import stage_lines
from xtask.redaction import redacted

if TYPE_CHECKING:
    from xtask.cli.output import Warn
    from xtask.diagnostics import Diagnostic
    from xtask.pipeline.progress import Stage

_MEGABYTE = 1_000_000


class Live:
    """A spinner for the stage that runs, a line for each that is done."""

    def __init__(self, warn: Warn) -> None:
        """Draw on standard error; `warn` prints warnings there."""
        self._warn = warn
        self._console = Console(stderr=True)
        self._bar: Bar | None = None
        self._stage = ""

    def started(self, stage: str) -> None:
        """Show the stage with a running clock."""
        self.stop()
        self._stage = stage
        self._bar = Bar(
            SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn(),
            console=self._console, transient=True,
        )  # fmt: skip
        self._bar.add_task(stage, total=None)
        self._bar.start()

    def finished(self, stage: Stage) -> None:
        """Replace the clock by what the stage says of itself."""
        self.stop()
        style = "dim" if stage.cached else ""
        for line in stage_lines(stage):
            self._console.print(line, style=style, highlight=False, markup=False)

    def failed(self, stage: str) -> None:
        """Replace the clock by where it ended."""
        self.stop()
        self._console.print(f"{stage:<10}  failed", style="red", highlight=False, markup=False)

    def waiting(self, reason: str) -> None:
        """Say why nothing goes on."""
        self._console.print(
            f"waiting: {redacted(reason)}", style="yellow", highlight=False, markup=False
        )

    def advanced(self, done: int, total: int) -> None:
        """Show how much of a transfer is done."""
        if self._bar:
            shown = f"{self._stage}  {done / _MEGABYTE:.1f} of {total / _MEGABYTE:.1f} MB"
            self._bar.update(self._bar.task_ids[0], description=shown)

    def warned(self, warnings: tuple[Diagnostic, ...]) -> None:
        """Show what is worth a look."""
        self.stop()
        self._warn(warnings)

    def stop(self) -> None:
        """Take the clock away."""
        if self._bar:
            self._bar.stop()
            self._bar = None
