"""What people and programs see: one JSON document or text on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from xtask import __version__
from xtask.columns import WIDTH, columns, paragraph, wrapped
from xtask.errors import InvalidError, StaleError, XtaskError
from xtask.pipeline.progress import Progress, stage_lines
from xtask.redaction import redacted, redacted_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from xtask.diagnostics import Diagnostic
    from xtask.pipeline.progress import Stage

    Warn = Callable[[tuple[Diagnostic, ...]], None]

# On less, text would be a word below the other.
_NARROWEST = 40
# What the first digits of a code stand for, as diagnostics/codes.toml divides them.
_CATEGORIES = {"XT01": "file", "XT02": "manifest", "XT03": "composition", "XT04": "code"}


class Output:
    """The two streams of one run."""

    def __init__(self, *, as_json: bool) -> None:
        """Say things as JSON or as text."""
        self.as_json = as_json
        self._answered = False
        self._colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ

    def result(self, document: Any, text: str) -> None:  # noqa: ANN401 - any JSON value
        """Print what the verb is for: the document for programs, the text for people."""
        if self.as_json:
            shown = json.dumps(redacted_value(document), ensure_ascii=False, indent=2)
        else:
            shown = redacted(text)
        self._answered = True
        if shown:
            sys.stdout.write(shown + "\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Print a remark for people."""
        self._say("\n".join(wrapped(text, _room(sys.stderr))))

    def _say(self, drawn: str) -> None:
        """Print what has its lines and colours already."""
        sys.stderr.write(redacted(drawn) + "\n")

    def progress(self) -> Progress:
        """Return stages that are shown as they go: live on a terminal, plain lines elsewhere."""
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from xtask.cli.live import Live  # noqa: PLC0415 - only a terminal pays for rich

            return Progress(Live(self.warnings))
        return Progress(PlainLines(self.warnings))

    def warnings(self, warnings: tuple[Diagnostic, ...]) -> None:
        """Print what is worth a look and ends nothing."""
        if warnings:
            self._problems(warnings)
            self.note("")

    def error(self, error: XtaskError) -> None:
        """Print an expected error: what is wrong, where, and what to do."""
        if isinstance(error, InvalidError):
            self._problems(error.problems)
            self.note(f"\n{error.message}")
        else:
            if isinstance(error, StaleError) and error.report:
                self._say(error.report)
            self._failure("error", error.message, error.help)
        if self.as_json and not self._answered:
            self.result({"error": describe(error)}, "")

    def _failure(self, what: str, message: str, tip: str | None) -> None:
        """Print an error without a place; what follows its first line is what others said."""
        red, end = ("\x1b[1;31m", "\x1b[0m") if self._colour else ("", "")
        room = _room(sys.stderr)
        first, *said = redacted(message).split("\n")
        self._say("\n".join(paragraph(f"{red}{what}{end}: ", first, len(what) + 2, room)))
        for line in said:
            self.note(line)
        if tip:
            self._say("\n".join(paragraph("  help: ", tip, len("  help: "), room)))

    def _problems(self, problems: tuple[Diagnostic, ...]) -> None:
        from xtask.diagnostics import render  # noqa: PLC0415 - only errors need it

        self._say(render.render(problems, colour=self._colour))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            self._say(render.github(problems))

    def bug(self, error: Exception, workspace: Path) -> None:
        """Print an unexpected error shortly, and keep its traceback in a file."""
        import tempfile  # noqa: PLC0415 - only bugs need it
        import traceback  # noqa: PLC0415

        folder = workspace / "releases"
        place = folder if os.access(folder, os.W_OK) else None
        with tempfile.NamedTemporaryFile(
            "w", dir=place, prefix="bug-", suffix=".log", delete=False
        ) as log:
            log.write(f"xtask {__version__}, Python {sys.version}\n")
            log.write(redacted("".join(traceback.format_exception(error))))
        summary = f"{type(error).__name__}: {error}"
        self._failure("bug in xtask", summary, f"please report it with {log.name}")
        if self.as_json and not self._answered:
            self.result({"error": {"message": summary, "exit_code": 70, "log": log.name}}, "")


class PlainLines:
    """One line for each finished stage."""

    def __init__(self, warn: Warn) -> None:
        """Print on standard error; `warn` prints warnings there."""
        self._warn = warn

    def started(self, stage: str) -> None:
        """Wait for its end."""

    def finished(self, stage: Stage) -> None:
        """Print name, time and detail, and below that why something had to be made."""
        sys.stderr.write("\n".join(stage_lines(stage)) + "\n")

    def failed(self, stage: str) -> None:
        """Print where it ended."""
        sys.stderr.write(f"{stage:<10}  failed\n")

    def waiting(self, reason: str) -> None:
        """Print why nothing goes on."""
        lines = paragraph("waiting: ", reason, len("waiting: "), _room(sys.stderr))
        sys.stderr.write("\n".join(lines) + "\n")

    def advanced(self, done: int, total: int) -> None:
        """Wait for the end of the stage."""

    def warned(self, warnings: tuple[Diagnostic, ...]) -> None:
        """Print what is worth a look."""
        self._warn(warnings)


def describe(error: XtaskError) -> dict[str, Any]:
    """Return an error as a JSON value."""
    found: dict[str, Any] = {
        "message": error.message,
        "exit_code": error.exit_code,
        "help": error.help,
    }
    if isinstance(error, InvalidError):
        found["problems"] = [problem.document() for problem in error.problems]
        found |= {"valid": False, **verdict(error.problems)}
    if isinstance(error, StaleError):
        found["report"] = error.report
    return found


def verdict(problems: Iterable[Diagnostic]) -> dict[str, list[dict[str, Any]]]:
    """Return problems as `errors` and `warnings`, each with category, severity, message, line."""
    found: dict[str, list[dict[str, Any]]] = {"errors": [], "warnings": []}
    for problem in problems:
        span = problem.place.span()
        where = {"file": problem.place.source.path, "line": span.line, "column": span.column}
        category = _CATEGORIES[problem.code[:4]]
        found[f"{problem.severity}s"].append({"category": category, **problem.document(), **where})
    return found


def prose(text: str) -> str:
    """Return a result in sentences, in lines that fit where it is printed."""
    return "\n".join(wrapped(text, _room(sys.stdout)))


def table(rows: list[list[str]], header: list[str]) -> str:
    """Return rows as columns, nothing when there are none; words of the last one are wrapped.

    They take what the terminal is wide. Where a word needs more than is left beside the others, the
    cell stands below them: what people copy is not cut.
    """
    if not rows:
        return ""
    cells = [[redacted(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)][:-1]
    start, room = sum(widths) + 2 * len(widths), _room(sys.stdout)
    lines = []
    for *others, last in cells:
        beside = "".join(
            cell + " " * (width - columns(cell) + 2)
            for cell, width in zip(others, widths, strict=True)
        )
        indent, pieces = start, wrapped(last, room - start)
        if max(map(columns, pieces)) > room - start:
            indent, pieces = 2, ["", *wrapped(last, room - 2)]
        lines.append((beside + pieces[0]).rstrip())
        lines += [" " * indent + piece for piece in pieces[1:]]
    return "\n".join(lines)


def _room(stream: TextIO) -> int:
    """Return how many columns people have there: as COLUMNS says, or the terminal, else 80."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and said.isascii():
        return max(_NARROWEST, int(said))
    try:
        return max(_NARROWEST, os.get_terminal_size(stream.fileno()).columns or WIDTH)
    except (OSError, ValueError):  # a file, a pipe, or no stream of the system at all
        return WIDTH
