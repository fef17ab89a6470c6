"""Reading JSON (RFC 8259) with the place of every key and value.

The standard library gives the values; tree-sitter gives the places, and is asked only when
somebody is shown one. A table with one key twice is refused: readers disagree about which counts.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import KeyPath, Part, Problems, Source, Span
from xtask.manifest.notation.text import Read, broken, read_text, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tree_sitter import Node

_TIP = "JSON has no comments and no comma after the last entry; keys and strings are in quotes"


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
    try:
        values = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=_table, parse_constant=_refuse
        )
    except json.JSONDecodeError as error:
        span = Span(error.lineno, error.colno, 1)
        broken(text, shown, span, f"this is not JSON: {error.msg}", _TIP, problems)
    except _RepeatedKeyError as error:
        message = f"one table has the key `{error.key}` twice"
        broken(text, shown, _last(text, error.key), message, "keep one of them", problems)
    except RecursionError:
        unreadable(shown, "is nested too deeply", problems)
    except ValueError:  # Infinity, NaN, or an integer of thousands of digits
        unreadable(shown, "has a number that JSON does not have", problems)
    else:
        if isinstance(values, dict):
            return Read(Source(shown, text, locate, '"{}": …'), values)
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


def _last(text: str, key: str) -> Span:
    """Return where a key stands for the last time; the start when it is written with escapes."""
    wanted = json.dumps(key, ensure_ascii=False)
    start = text.rfind(wanted)
    before = text[: max(start, 0)]
    return Span(before.count("\n") + 1, start - before.rfind("\n"), len(wanted))


def locate(text: str, key: KeyPath, part: Part) -> Span:
    """Return where a key path stands in a JSON text; the nearest parent when it is not there."""
    places = _places(text)
    for end in range(len(key), 0, -1):
        if found := places.get(key[:end]):
            return found[part == "value" and end == len(key)]
    return Span(1, 1, 1)


@lru_cache(maxsize=32)
def _places(text: str) -> dict[KeyPath, tuple[Span, Span]]:
    """Return for each key path of a document the spans of its key and of its value."""
    import tree_sitter  # noqa: PLC0415 - most runs show no place
    import tree_sitter_json  # noqa: PLC0415

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_json.language()))
    lines = text.encode().split(b"\n")

    def span(node: Node) -> Span:
        row, start = node.start_point
        end = node.end_point[1] if node.end_point[0] == row else len(lines[row].rstrip())
        before = len(lines[row][:start].decode(errors="replace"))
        length = len(lines[row][start:end].decode(errors="replace"))
        return Span(row + 1, before + 1, max(1, length))

    places: dict[KeyPath, tuple[Span, Span]] = {}
    for path, name, value in _entries(parser.parse(text.encode()).root_node):
        places.setdefault(path, (span(name), span(value)))
    return places


def _entries(root: Node) -> Iterator[tuple[KeyPath, Node, Node]]:
    """Yield path, key node and value node of everything in the document, without recursion."""
    waiting: list[tuple[KeyPath, Node]] = [((), node) for node in root.named_children]
    while waiting:
        base, node = waiting.pop()
        if node.type == "object":
            for pair in node.named_children:
                name, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
                if name is not None and value is not None:
                    path = (*base, _text(name))
                    yield path, name, value
                    waiting.append((path, value))
        elif node.type == "array":
            items = [item for item in node.named_children if item.type != "comment"]
            for index, item in enumerate(items):
                yield (*base, index), item, item
                waiting.append(((*base, index), item))


def _text(node: Node) -> str:
    written = (node.text or b"").decode()
    try:
        return str(json.loads(written))
    except ValueError:
        return written.strip('"')
