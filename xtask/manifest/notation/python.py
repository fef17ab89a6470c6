"""Parsing Python source to a syntax tree with places; nothing of it is ever executed."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from xtask.diagnostics import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class NotPythonError(ValueError):
    """A text is no Python source; `span` is where the parser stopped, None for the whole file."""

    def __init__(self, message: str, span: Span | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


def normalised(text: str) -> str:
    """Return a source as Python reads it: without byte order mark, lines as on Unix."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str) -> ast.Module:
    """Return the syntax tree of a normalised source.

    Raises:
        NotPythonError: the text is no Python source of this interpreter's version.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `"\d"` is as old as the file
            return ast.parse(text)
    except SyntaxError as error:
        raise NotPythonError(f"this is not Python: {error.msg}", _stopped(error, text)) from error
    except (RecursionError, MemoryError) as error:
        raise NotPythonError("is nested too deeply") from error
    except ValueError as error:  # a null byte, or an integer of thousands of digits
        raise NotPythonError("has something that no Python source may have") from error


def _stopped(error: SyntaxError, text: str) -> Span:
    """Return a parser's place; at the end of a text it may be one line too far."""
    lines = text.split("\n")
    line = min(max(error.lineno or 1, 1), len(lines))
    return Span(line, min(max(error.offset or 1, 1), len(lines[line - 1]) + 1), 1)


def span(node: ast.AST, lines: list[str]) -> Span:
    """Return where a node begins, and how much of it is on that line.

    Args:
        node: a node of a parsed source.
        lines: the lines of that source; the tree counts in bytes of UTF-8, a place in characters.
    """
    line = getattr(node, "lineno", 1)
    start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 1)
    written = lines[line - 1]
    if getattr(node, "end_lineno", line) != line:
        end = len(written.rstrip().encode())
    if not written.isascii():
        coded = written.encode()
        start, end = (len(coded[:place].decode(errors="replace")) for place in (start, end))
    return Span(line, start + 1, max(1, end - start))


def walk(
    tree: ast.AST, inside: Callable[[ast.AST], Iterable[ast.AST]] = ast.iter_child_nodes
) -> Iterator[ast.AST]:
    """Yield everything in a tree in the order of the source; `inside` says what a node shows."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(inside(node))))


def dotted(node: ast.expr) -> str:
    """Return a name or `a.b.c` as it is written; nothing for any other expression."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(names))) if isinstance(node, ast.Name) else ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return what a call gives for a keyword."""
    return next((item.value for item in call.keywords if item.arg == name), None)


def string(node: ast.expr | None) -> str | None:
    """Return the value of a literal string."""
    match node:
        case ast.Constant(value=str() as text):
            return text
    return None
