"""Text in the columns of a terminal: how many it takes, what is shown of it, where lines break."""

from __future__ import annotations

from xtask.redaction import redacted

WIDTH = 80


def columns(text: str) -> int:
    """Return how many columns a text takes (Unicode UAX 11: wide characters take two)."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(char: str) -> int:
    import unicodedata  # noqa: PLC0415 - most that is said is ASCII

    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def visible(text: str) -> str:
    """Return foreign text without what a terminal obeys: escapes, bidirectional controls, tabs."""
    return "".join(
        char if char.isprintable() else " " if char == "\t" else "\ufffd" for char in text
    )


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """Return the text in lines of at most `width` columns; names and paths are not cut.

    What follows from an indented line is indented as that is. Secrets are masked before anything is
    cut: half of one is one too, and is not known as one.
    """
    return [piece for line in redacted(text).split("\n") for piece in _broken(visible(line), width)]


def paragraph(head: str, text: str, indent: int, width: int = WIDTH) -> list[str]:
    """Return the text behind `head`, which takes `indent` columns, and what is left below it."""
    first, *rest = wrapped(text, width - indent)
    return [head + first, *(" " * indent + line for line in rest)]


def _broken(line: str, width: int) -> list[str]:
    line = line.rstrip()
    if columns(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    lines, taken = [], width + 1
    for word in line.split():
        wide = columns(word)
        if taken + 1 + wide > width:
            lines.append(indent + word)
            taken = columns(indent) + wide
        else:
            lines[-1] += f" {word}"
            taken += 1 + wide
    return lines
