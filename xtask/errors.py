"""Every error that xtask raises on purpose, and the exit code that each one means.

    XtaskError            1   the work failed
    ├─ UsageError         2   the command line or the environment asks for something impossible
    ├─ InvalidError       3   manifests or composition, with every problem found
    ├─ StaleError         4   generated files or lock do not match what they are made from
    ├─ UntrustedError     5   bytes are not what their digest says
    ├─ RefusedError       6   the records forbid it
    ├─ TargetError        7   what should run the release did not
    └─ Interrupted      130   somebody stopped it

70 is a bug in xtask and has no class here.
"""

from __future__ import annotations

from typing import Any


class XtaskError(Exception):
    """The work failed; `help` says what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 - the word users read
        super().__init__(message)
        self.message = message
        self.help = help


def summary(error: BaseException) -> str:
    """Return what a record says of an error that ended something."""
    return error.message if isinstance(error, XtaskError) else f"ended by {type(error).__name__}"


class UsageError(XtaskError):
    """The command line or the environment asks for something impossible."""

    exit_code = 2


class Interrupted(XtaskError):  # noqa: N818 - no error of anybody
    """Somebody stopped it."""

    exit_code = 130

    def __init__(self, message: str = "interrupted") -> None:
        super().__init__(message)


class InvalidError(XtaskError):
    """Manifests or composition are wrong; `problems` holds a Diagnostic for each."""

    exit_code = 3

    def __init__(self, problems: tuple[Any, ...]) -> None:
        warnings = sum(problem.severity == "warning" for problem in problems)
        found = _counted(len(problems) - warnings, "problem")
        found += f" and {_counted(warnings, 'warning')}" if warnings else ""
        super().__init__(f"{found} found")
        self.problems = problems


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


class StaleError(XtaskError):
    """A generated file or the lock does not match its input; `report` shows the difference."""

    exit_code = 4

    def __init__(self, message: str, *, report: str = "", help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.report = report


class UntrustedError(XtaskError):
    """Bytes are not what their digest says."""

    exit_code = 5


class RefusedError(XtaskError):
    """The records forbid it: wrong state, or somebody else was faster."""

    exit_code = 6


class TargetError(XtaskError):
    """What should run the release did not; the records say what is serving."""

    exit_code = 7
