"""Draws diagnostics for people in rustc's shape, and for GitHub as annotations.

error[XT0201]: unknown key `nmae`
  --> modules/content/module.toml:2:1
   |
 2 | nmae = "content"
   | ^^^^ not a key of `module`
   = help: did you mean `name`?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.columns import WIDTH, columns, paragraph, visible, wrapped
from xtask.redaction import MASK, redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xtask.diagnostics import Diagnostic, Place, Span

_RED, _YELLOW, _BLUE = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m"
_BOLD, _END = "\x1b[1m", "\x1b[0m"


def render(problems: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """Return all problems as text, one blank line between two."""
    return "\n\n".join("\n".join(_lines(problem, colour=colour)) for problem in problems)


def github(problems: Iterable[Diagnostic]) -> str:
    """Return the problems as GitHub workflow commands, one line each."""
    return "\n".join(_annotation(problem) for problem in problems)


def _lines(problem: Diagnostic, *, colour: bool) -> Iterator[str]:
    spots = [(problem.place, problem.label), *problem.others]
    gutter = max(len(str(place.span().line)) for place, _ in spots) + 1
    paint = _painter(colour=colour)
    head = f"{problem.severity}[{problem.code}]"
    first, *rest = wrapped(problem.message, WIDTH - len(head) - 2)
    strong = _RED if problem.severity == "error" else _YELLOW
    yield paint(strong, head) + paint(_BOLD, f": {first}")
    yield from (" " * (len(head) + 2) + paint(_BOLD, line) for line in rest)
    for index, (place, label) in enumerate(spots):
        yield from _excerpt(place, label, gutter, paint, first=index == 0)
    edge = " " * gutter + paint(_BLUE, " =")
    for note in problem.notes:
        yield from paragraph(f"{edge} note: ", note, gutter + 9)
    if problem.help:
        yield from paragraph(f"{edge} help: ", problem.help, gutter + 9)
    yield f"{edge} more: xtask explain {problem.code}"


def _excerpt(place: Place, label: str, gutter: int, paint: Paint, *, first: bool) -> Iterator[str]:
    span = place.span()
    arrow = "-->" if first else ":::"
    bar = " " * gutter + paint(_BLUE, " |")
    path, label = visible(place.source.path), visible(label)
    yield " " * gutter + paint(_BLUE, arrow) + f" {path}:{span.line}:{span.column}"
    lines = place.source.text.split("\n")
    if span.line > len(lines) or not lines[span.line - 1].strip():
        yield from (f"{bar} {line}" for line in wrapped(label, WIDTH - gutter - 3) if line)
        return
    line = visible(lines[span.line - 1].removesuffix("\r"))
    line, begin, length = _without_secrets(line, span, place)
    shown, start, width = _window(line, begin, length, gutter)
    mark = ("^" if first else "-") * max(1, width)
    beside = WIDTH - gutter - 3 - start - len(mark) - 1
    below = label if columns(label) > beside else ""
    ink = _RED if first else _BLUE
    yield bar
    yield paint(_BLUE, f"{span.line:>{gutter}} |") + f" {shown}"
    yield f"{bar} {' ' * start}" + paint(ink, mark if below else f"{mark} {label}".rstrip())
    yield from (f"{bar} {paint(ink, line)}" for line in wrapped(below, WIDTH - gutter - 3) if line)


def _without_secrets(line: str, span: Span, place: Place) -> tuple[str, int, int]:
    """Return the line with its secrets masked, and where its mark then starts and how long."""
    begin, end = span.column - 1, span.column - 1 + span.length
    if place.secret:
        line = line[:begin] + MASK + line[end:]
        end = begin + len(MASK)
    before, marked = redacted(line[:begin]), redacted(line[:end])
    return redacted(line), len(before), max(1, len(marked) - len(before))


def _window(line: str, start: int, length: int, gutter: int) -> tuple[str, int, int]:
    """Return the part of a line that fits, where its mark starts and how wide the mark is."""
    room = WIDTH - gutter - 4
    skip = 0
    if columns(line) > room:
        skip = max(0, min(start - 8, len(line) - room + 1))
        while columns(line[skip:start]) > room - 8:  # wide characters
            skip += 1
    shown = ("…" if skip else "") + line[skip:]
    while columns(shown) > room:
        shown = shown[:-2] + "…"
    before = ("…" if skip else "") + line[skip:start]
    marked = line[start : start + length]
    return shown, columns(before), min(columns(marked), max(1, room - columns(before)))


def _annotation(problem: Diagnostic) -> str:
    span = problem.place.span()
    text = problem.message + (f"\n{problem.help}" if problem.help else "")
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    path = problem.place.source.path.replace("%", "%25").replace(",", "%2C").replace(":", "%3A")
    where = f"file={path},line={span.line},col={span.column},title={problem.code}"
    return f"::{problem.severity} {where}::{escaped}"


if TYPE_CHECKING:
    from collections.abc import Callable

    Paint = Callable[[str, str], str]


def _painter(*, colour: bool) -> Paint:
    return (lambda code, text: f"{code}{text}{_END}") if colour else (lambda _code, text: text)
