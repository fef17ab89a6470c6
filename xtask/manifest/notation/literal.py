"""Reading one Python literal with the place of every key and value; nothing is ever executed.

The grammar is that of `ast.literal_eval` without complex numbers: strings, numbers, booleans,
None, and lists, tuples, sets and dicts of them. Tuples are read as arrays.
"""

from __future__ import annotations

import ast
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import KeyPath, Part, Problems, Source, Span
from xtask.manifest.notation.python import NotPythonError, normalised, parse, span
from xtask.manifest.notation.text import (
    Read,
    broken,
    checked,
    nearest,
    read_text,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LITERAL_BYTES = 100_000
_MAX_DEPTH = 50
_TIP = "a manifest is one literal dict: no names, calls, f-strings or comprehensions"
_KEEP_ONE = "keep one of them"


class _RefusedError(Exception):
    """A node that no manifest may have."""

    def __init__(self, node: ast.AST, message: str, tip: str = _TIP) -> None:
        super().__init__(message)
        self.node = node
        self.tip = tip


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
    """Return a text that is one literal dict, or note why it is none (XT0104)."""
    if len(text.encode()) > MAX_LITERAL_BYTES:
        unreadable(shown, f"has more than {MAX_LITERAL_BYTES:,} bytes", problems)
        return None
    text = normalised(text)
    try:
        node = _dict(text)
        if node is None:
            broken(text, shown, _stray(text), "this is not one literal dict", _TIP, problems)
            return None
        return checked(Source(shown, text, locate, '"{}": …'), _table(node, 0), problems)
    except NotPythonError as error:
        if error.span is None:
            unreadable(shown, error.message, problems)
        else:
            broken(text, shown, error.span, error.message, _TIP, problems)
    except _RefusedError as error:
        broken(text, shown, span(error.node, text.split("\n")), str(error), error.tip, problems)
    return None


def _dict(text: str) -> ast.Dict | None:
    """Return the one expression of a source, if it is a dict."""
    statements = _statements(text)
    return _as_dict(statements[0]) if len(statements) == 1 else None


def _as_dict(statement: ast.stmt) -> ast.Dict | None:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value if isinstance(value, ast.Dict) else None


def _statements(text: str) -> list[ast.stmt]:
    """Return the statements of a source, without texts that stand alone.

    Blanks may come first, as they may for `ast.literal_eval`: a form feed is one that indents
    nothing (Python's reference, section 2.1.8).
    """
    blanks = len(text) - len(text.lstrip(" \t"))
    tree = parse("\f" * blanks + text[blanks:])
    return [node for node in tree.body if not _is_docstring(node)]


def _stray(text: str) -> Span:
    """Return where a source has something else than one dict: a statement, or a second dict."""
    statements = _statements(text)
    strays = [node for node in statements if _as_dict(node) is None] or statements[1:]
    return span(strays[0], text.split("\n")) if strays else Span(1, 1, 1)


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _table(node: ast.Dict, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        if not isinstance(name, str):
            raise _RefusedError(key or value, "a key must be a string")
        if name in found:
            message = f"one table has the key `{name[:60]}` twice"
            raise _RefusedError(key or value, message, _KEEP_ONE)
        found[name] = _value(value, depth + 1)
    return found


def _value(node: ast.expr, depth: int) -> Any:  # noqa: ANN401 - any literal
    if depth > _MAX_DEPTH:
        raise _RefusedError(node, "this is nested too deeply")
    match node:
        case ast.Constant():
            return _constant(node)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant() as operand):
            value = _constant(operand)
            if type(value) in {int, float}:
                return -value if isinstance(sign, ast.USub) else value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_value(item, depth + 1) for item in items]
        case ast.Dict():
            return _table(node, depth)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            both = _value(left, depth + 1), _value(right, depth + 1)
            if isinstance(both[0], str) and isinstance(both[1], str):
                return both[0] + both[1]
    raise _RefusedError(node, "this is not a literal, so it would have to be executed")


def _constant(node: ast.Constant) -> Any:  # noqa: ANN401 - any literal
    match node.value:
        case float() as number if math.isinf(number):
            raise _RefusedError(node, "this number is too large")
        case str() | int() | float() | None as value:
            return value
    raise _RefusedError(node, "a manifest has no bytes, complex numbers or `...`")


def locate(text: str, key: KeyPath, part: Part) -> Span:
    """Return where a key path stands in a literal; the nearest parent when it is not there."""
    nodes, lines = _places(text)
    node = nearest(nodes, key, part)
    return Span(1, 1, 1) if node is None else span(node, lines)


@lru_cache(maxsize=32)
def _places(text: str) -> tuple[dict[KeyPath, tuple[ast.expr, ast.expr]], list[str]]:
    """Return for each key path of a literal the nodes of its key and of its value; its lines."""
    node = _dict(text)
    entries = _entries(node, ()) if node else ()
    return {path: (name, value) for path, name, value in entries}, text.split("\n")


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
