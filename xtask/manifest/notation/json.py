"""Reading JSON (RFC 8259) with the place of every key and value.

The standard library gives the values; the places are looked up only when somebody is shown one.
A table with one key twice is refused: readers disagree about which counts.
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import KeyPath, Part, Problems, Source, Span
from xtask.manifest.notation.text import Read, broken, checked, nearest, read_text, unreadable

if TYPE_CHECKING:
    from pathlib import Path

_TIP = "JSON has no comments and no comma after the last entry; keys and strings are in quotes"


_STRING = r'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(
    rf"(?P<key>{_STRING})\s*+:|(?P<open>[{{\[])|(?P<close>[}}\]])|(?P<comma>,)"
    rf"|{_STRING}|[^\s{{}}\[\],:\"]++"
)

Extent = tuple[int, int]
"""Where something begins in a text, and where it ends."""


class _RepeatedKeyError(ValueError):
    """One table has one key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_json(path: Path, shown: str, problems: Problems) -> Read | None:
    """Return a JSON file whose top is a table, or note why it cannot be read.

    Args:
        path: the file.
        shown: its path as the user should see it.
        problems: where XT0101 to XT0104 go.
    """
    text = read_text(path, shown, problems)
    return None if text is None else parse_json(text, shown, problems)


def parse_json(text: str, shown: str, problems: Problems) -> Read | None:
    """Return a JSON text whose top is a table, or note why it is none (XT0104)."""
    text = text.removeprefix("\ufeff")
    try:
        values = json.loads(
            text, object_pairs_hook=_table, parse_constant=_refuse, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        stop = Span(error.lineno, error.colno, 1)
        broken(text, shown, stop, f"this is not JSON: {error.msg}", _TIP, problems)
    except _RepeatedKeyError as error:
        message = f"one table has the key `{error.key[:60]}` twice"
        broken(text, shown, _repeated(text, error.key), message, "keep one of them", problems)
    except RecursionError:
        unreadable(shown, "is nested too deeply", problems)
    except ValueError:  # Infinity, NaN, 1e999, or an integer of thousands of digits
        unreadable(shown, "has a number that JSON does not have", problems)
    else:
        if isinstance(values, dict):
            return checked(Source(shown, text, locate, '"{}": …'), values, problems)
        tip = 'a manifest begins with `{`: `{ "name": "…" }`'
        broken(text, shown, Span(1, 1, 1), "this JSON is not a table", tip, problems)
    return None


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedKeyError(key)
        found[key] = value
    return found


def _refuse(word: str) -> None:
    raise ValueError(word)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _repeated(text: str, key: str) -> Span:
    """Return where a table has a key for the second time."""
    times = [0]
    for token in _TOKEN.finditer(text):
        if token["open"]:
            times.append(0)
        elif token["close"]:
            times.pop()
        elif token["key"] and json.loads(token["key"]) == key:
            times[-1] += 1
            if times[-1] > 1:
                return _span(text, token.span("key"))
    return Span(1, 1, 1)


def locate(text: str, key: KeyPath, part: Part) -> Span:
    """Return where a key path stands in a JSON text; the nearest parent when it is not there."""
    return _span(text, nearest(_places(text), key, part) or (0, 1))


def _span(text: str, extent: Extent) -> Span:
    start, end = extent
    stop = text.find("\n", start, end)
    length = len(text[start : end if stop < 0 else stop].rstrip())
    return Span(text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start), length or 1)


@lru_cache(maxsize=32)
def _places(text: str) -> dict[KeyPath, tuple[Extent, Extent]]:
    """Return for each key path of a valid JSON text where its key and its value are."""
    found: dict[KeyPath, tuple[Extent, Extent]] = {}
    path: list[str | int] = []  # in each open table its key, in each open array its index
    keys: list[Extent] = []
    opened: list[int] = []
    for token in _TOKEN.finditer(text):
        start, end = token.span()
        if token["key"]:
            path[-1], keys[-1] = json.loads(token["key"]), token.span("key")
        elif token["open"]:
            opened.append(start)
            path.append(0 if token["open"] == "[" else "")
            keys.append((start, end))
        elif token["comma"]:
            step = path[-1]
            path[-1] = step + 1 if isinstance(step, int) else step
        else:
            if token["close"]:
                del path[-1], keys[-1]
                start = opened.pop()
            if path:
                name = keys[-1] if isinstance(path[-1], str) else (start, end)
                found[tuple(path)] = name, (start, end)
    return found
