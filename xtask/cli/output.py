"""What people and programs see: one JSON document or text on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from xtask import __version__
from xtask.errors import InvalidError, StaleError, XtaskError
from xtask.pipeline.progress import Progress, Stage

if TYPE_CHECKING:
    from pathlib import Path


_COLUMNS = 80


class Output:
    """The two streams of one run."""

    def __init__(self, *, as_json: bool) -> None:
        """Say things as JSON or as text."""
        self.as_json = as_json
        self._answered = False
        self._colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ

    def result(self, document: Any, text: str) -> None:  # noqa: ANN401 - any JSON value
        """Print what the verb is for: the document for programs, the text for people."""
        shown = json.dumps(document, ensure_ascii=False, indent=2) if self.as_json else text
        self._answered = True
        if shown:
            sys.stdout.write(shown + "\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Print a remark for people."""
        sys.stderr.write(text + "\n")

    def progress(self) -> Progress:
        """Return stages that are shown as they go: live on a terminal, plain lines elsewhere."""
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from xtask.cli.live import Live  # noqa: PLC0415 - only a terminal pays for rich

            return Progress(Live())
        return Progress(PlainLines())

    def error(self, error: XtaskError) -> None:
        """Print an expected error: what is wrong, where, and what to do."""
        if isinstance(error, InvalidError):
            self._problems(error)
        else:
            red, end = ("\x1b[1;31m", "\x1b[0m") if self._colour else ("", "")
            if isinstance(error, StaleError) and error.report:
                self.note(error.report)
            self.note(f"{red}error{end}: {error.message}")
            if error.help:
                self.note(f"  help: {error.help}")
        if self.as_json and not self._answered:
            self.result({"error": describe(error)}, "")

    def _problems(self, error: InvalidError) -> None:
        from xtask.diagnostics import render  # noqa: PLC0415 - only errors need it

        self.note(render.render(error.problems, colour=self._colour))
        self.note(f"\n{error.message}")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            self.note(render.github(error.problems))

    def bug(self, error: Exception, workspace: Path) -> None:
        """Print an unexpected error shortly, and keep its traceback in a file."""
        import tempfile  # noqa: PLC0415 - only bugs need it

        folder = workspace / "releases"
        place = folder if os.access(folder, os.W_OK) else None
        with tempfile.NamedTemporaryFile(
            "w", dir=place, prefix="bug-", suffix=".log", delete=False
        ) as log:
            log.write(f"xtask {__version__}, Python {sys.version}\n")
            log.writelines(traceback.format_exception(error))
        summary = f"{type(error).__name__}: {error}"
        self.note(f"bug in xtask: {summary}\n  help: please report it with {log.name}")
        if self.as_json and not self._answered:
            self.result({"error": {"message": summary, "exit_code": 70, "log": log.name}}, "")


class PlainLines:
    """One line for each finished stage."""

    def started(self, stage: str) -> None:
        """Wait for its end."""

    def finished(self, stage: Stage) -> None:
        """Print name, time and detail."""
        sys.stderr.write(stage_line(stage) + "\n")

    def failed(self, stage: str) -> None:
        """Print where it ended."""
        sys.stderr.write(f"{stage:<10}  failed\n")

    def waiting(self, reason: str) -> None:
        """Print why nothing goes on."""
        sys.stderr.write(f"waiting: {reason}\n")


def stage_line(stage: Stage) -> str:
    """Return a stage as one line of at most 80 columns."""
    cached = "cached" if stage.cached else ""
    line = f"{stage.name:<10}{stage.seconds:>8.2f} s  {cached:<8}{stage.detail}".rstrip()
    return line if len(line) <= _COLUMNS else line[: _COLUMNS - 1] + "…"


def describe(error: XtaskError) -> dict[str, Any]:
    """Return an error as a JSON value."""
    found: dict[str, Any] = {
        "message": error.message,
        "exit_code": error.exit_code,
        "help": error.help,
    }
    if isinstance(error, InvalidError):
        found["problems"] = [problem.document() for problem in error.problems]
    if isinstance(error, StaleError):
        found["report"] = error.report
    return found


def table(rows: list[list[str]], header: list[str]) -> str:
    """Return rows as columns; nothing when there are none."""
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )
