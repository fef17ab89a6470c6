"""Reading one Python literal with the place of every key and value; nothing is ever executed.

The grammar is that of `ast.literal_eval` without complex numbers: strings, numbers, booleans,
None, and lists, tuples, sets and dicts of them. Tuples are read as arrays.
"""

from __future__ import annotations

import ast
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import KeyPath, Part, Problems, Source, Span
from xtask.manifest.notation.text import Read, broken, read_text, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LITERAL_BYTES = 100_000
_MAX_NODES = 20_000
_MAX_DEPTH = 50
_TIP = "a manifest is one literal dict: no names, calls, f-strings or comprehensions"


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """A node that no manifest may have."""

    def __init__(self, node: ast.AST, message: str) -> None:
        super().__init__(message)
        self.node = node


def read_literal(path: Path, shown: str, problems: Problems) -> Read | None:
    """Return a file that holds one literal dict, or note why it cannot be read.

    Args:
        path: the file.
        shown: its path as the user should see it.
        problems: where XT0101 to XT0104 go.
    """
    text = read_text(path, shown, problems)
    return None if text is None else parse_literal(text, shown, problems)


def parse_literal(text: str, shown: str, problems: Problems) -> Read | None:
    """Return a text that is one literal dict, or note why it is none (XT0102, XT0104)."""
    if len(text.encode()) > MAX_LITERAL_BYTES:
        unreadable(shown, f"has more than {MAX_LITERAL_BYTES:,} bytes", problems)
        return None
    try:
        node = _parse(text)
        if node is None:
            broken(text, shown, Span(1, 1, 1), "this is not one literal dict", _TIP, problems)
            return None
        return Read(Source(shown, text, locate, '"{}": …'), _table(node, 0))
    except SyntaxError as error:
        span = Span(error.lineno or 1, max(1, error.offset or 1), 1)
        broken(text, shown, span, f"this is not Python: {error.msg}", _TIP, problems)
    except _Refused as error:
        broken(text, shown, _span(error.node, text), str(error), _TIP, problems)
    except (RecursionError, MemoryError):
        unreadable(shown, "is nested too deeply", problems)
    except ValueError:  # a null byte, or an integer of thousands of digits
        unreadable(shown, "has something that no Python source may have", problems)
    return None


def _parse(text: str) -> ast.Dict | None:
    """Return the one expression of a source, if it is a dict."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `"\d"` is as old as the file
        tree = ast.parse(text.removeprefix("\ufeff"))
    if sum(1 for _ in ast.walk(tree)) > _MAX_NODES:
        raise _Refused(tree, f"this has more than {_MAX_NODES:,} parts")
    statements = [node for node in tree.body if not _is_docstring(node)]
    match statements:
        case [ast.Expr(value=ast.Dict() as found)]:
            return found
    return None


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _table(node: ast.Dict, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise _Refused(key or value, "a key must be a string")
        if key.value in found:
            raise _Refused(key, f"one table has the key `{key.value}` twice")
        found[key.value] = _value(value, depth + 1)
    return found


def _value(node: ast.expr, depth: int) -> Any:  # noqa: ANN401 - any literal
    if depth > _MAX_DEPTH:
        raise _Refused(node, "this is nested too deeply")
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_value(item, depth + 1) for item in items]
        case ast.Dict():
            return _table(node, depth)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            both = _value(left, depth + 1), _value(right, depth + 1)
            if isinstance(both[0], str) and isinstance(both[1], str):
                return both[0] + both[1]
    raise _Refused(node, "this is not a literal, so it would have to be executed")


def locate(text: str, key: KeyPath, part: Part) -> Span:
    """Return where a key path stands in a literal; the nearest parent when it is not there."""
    places = _places(text)
    for end in range(len(key), 0, -1):
        if found := places.get(key[:end]):
            return found[part == "value" and end == len(key)]
    return Span(1, 1, 1)


@lru_cache(maxsize=32)
def _places(text: str) -> dict[KeyPath, tuple[Span, Span]]:
    """Return for each key path of a literal the spans of its key and of its value."""
    node = _parse(text)
    return {
        path: (_span(name, text), _span(value, text))
        for path, name, value in (_entries(node, ()) if node else ())
    }


def _entries(node: ast.expr, base: KeyPath) -> Iterator[tuple[KeyPath, ast.expr, ast.expr]]:
    match node:
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    path = (*base, key.value)
                    yield path, key, value
                    yield from _entries(value, path)
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            for index, item in enumerate(items):
                yield (*base, index), item, item
                yield from _entries(item, (*base, index))


def _span(node: ast.AST, text: str) -> Span:
    line = getattr(node, "lineno", 1)
    start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 1)
    lines = text.split("\n")
    written = (lines[line - 1] if line <= len(lines) else "").encode()
    if getattr(node, "end_lineno", line) != line:
        end = len(written.rstrip())
    before = len(written[:start].decode(errors="replace"))
    return Span(line, before + 1, max(1, len(written[start:end].decode(errors="replace"))))
