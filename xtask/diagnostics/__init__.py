"""What is wrong, where exactly, and what to do: values only, drawn by `diagnostics.render`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from xtask.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KeyPath = tuple[str | int, ...]
Part = Literal["key", "value"]
Severity = Literal["error", "warning"]
"""An error ends the run; a warning is shown and the run goes on."""


class Span(NamedTuple):
    """A piece of one line: line and column count from 1, length in characters."""

    line: int
    column: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text that was read: its path as the user knows it, and how to find a key path in it.

    Places are looked up only when somebody is shown one, because most runs show none.
    """

    path: str
    text: str = ""
    locate: Callable[[str, KeyPath, Part], Span] = lambda _text, _key, _part: Span(1, 1, 1)
    pair: str = "{} = …"
    """How a key with a value is written in it, for help lines."""


class Place(NamedTuple):
    """One key or value in a source; the empty key path is the file itself.

    What stands at a `secret` one is not shown.
    """

    source: Source
    key: KeyPath = ()
    part: Part = "value"
    secret: bool = False

    def span(self) -> Span:
        """Return where it stands."""
        return self.source.locate(self.source.text, self.key, self.part)

    def at(self, *key: str | int, part: Part = "value") -> Place:
        """Return the place of something inside this one."""
        return Place(self.source, (*self.key, *key), part)

    def __str__(self) -> str:
        return f"{self.source.path}:{self.span().line}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: a stable code, a sentence, its place, other places involved, a way out."""

    code: str
    message: str
    place: Place
    label: str = ""
    others: tuple[tuple[Place, str], ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: Severity = "error"

    def document(self) -> dict[str, object]:
        """Return the diagnostic as a JSON value."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "place": _placed(self.place, self.label),
            "others": [_placed(place, label) for place, label in self.others],
            "notes": list(self.notes),
            "help": self.help,
        }


@dataclass(slots=True)
class Problems:
    """Collects every problem of a run, so that one run shows them all."""

    found: list[Diagnostic] = field(default_factory=list)

    def add(  # noqa: PLR0913 - the fields of a diagnostic
        self,
        code: str,
        message: str,
        place: Place,
        label: str = "",
        *,
        others: Iterable[tuple[Place, str]] = (),
        notes: Iterable[str] = (),
        help: str | None = None,  # noqa: A002
        severity: Severity = "error",
    ) -> None:
        """Note one problem."""
        self.found.append(
            Diagnostic(code, message, place, label, tuple(others), tuple(notes), help, severity)
        )

    def warn(self, code: str, message: str, place: Place, *, help: str | None = None) -> None:  # noqa: A002
        """Note something that is worth a look and ends nothing."""
        self.add(code, message, place, help=help, severity="warning")

    @property
    def errors(self) -> list[Diagnostic]:
        """What ends the run."""
        return [problem for problem in self.found if problem.severity == "error"]

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What does not, sorted by file and line."""
        return tuple(sorted(set(self.found) - set(self.errors), key=_order))

    def raise_if_any(self) -> None:
        """Raise every problem noted so far, sorted by file and line, if one of them is an error.

        Raises:
            InvalidError: there is at least one error; it carries warnings too.
        """
        if self.errors:
            raise InvalidError(tuple(sorted(set(self.found), key=_order)))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return a help line that names the closest known word, if one is close."""
    import difflib  # noqa: PLC0415 - only errors need it

    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def listed(words: Iterable[str]) -> str:
    """Return the words as people list them: "`a`, `b` and `c`"."""
    quoted = [f"`{word}`" for word in words]
    if len(quoted) < 2:  # noqa: PLR2004
        return "".join(quoted)
    return ", ".join(quoted[:-1]) + f" and {quoted[-1]}"


def _order(problem: Diagnostic) -> tuple[str, Span, str, str]:
    return problem.place.source.path, problem.place.span(), problem.code, problem.message


def _placed(place: Place, label: str) -> dict[str, object]:
    span = place.span()
    return {
        "file": place.source.path,
        "line": span.line,
        "column": span.column,
        "length": span.length,
        "label": label,
    }
