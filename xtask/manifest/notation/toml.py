"""Reading TOML with the place of every key and value, and writing its strings.

`tomli` gives the values; tree-sitter gives the places, and is asked only when somebody is
shown one.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import tomli

from xtask.diagnostics import KeyPath, Part, Problems, Source, Span
from xtask.manifest.notation.text import Read, broken, checked, nearest, read_text, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tree_sitter import Node

_MISSPELT = re.compile(r"(?P<message>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)")


def toml_text(value: str) -> str:
    """Return a TOML basic string; JSON's escapes are a subset of TOML's but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_texts(values: Iterable[str]) -> str:
    """Return a TOML array of basic strings on one line."""
    return "[" + ", ".join(map(toml_text, values)) + "]"


def read_toml(path: Path, shown: str, problems: Problems) -> Read | None:
    """Return a TOML file as source and values, or note why it cannot be read.

    Args:
        path: the file.
        shown: its path as the user should see it.
        problems: where XT0101 to XT0104 go.
    """
    text = read_text(path, shown, problems)
    return None if text is None else parse_toml(text, shown, problems)


def parse_toml(text: str, shown: str, problems: Problems) -> Read | None:
    """Return a TOML text as source and values, or note why it is none (XT0104)."""
    try:
        return checked(Source(shown, text, locate), tomli.loads(text), problems)
    except tomli.TOMLDecodeError as error:
        message, span = _syntax_error(str(error), text)
        tip = "the mistake may be a line above: look for a quote or bracket without its pair"
        broken(text, shown, span, f"this is not TOML: {message}", tip, problems)
    except RecursionError:
        unreadable(shown, "is nested too deeply", problems)
    except ValueError:  # an integer of thousands of digits
        unreadable(shown, "has a number with too many digits", problems)
    return None


def _syntax_error(text: str, document: str) -> tuple[str, Span]:
    if found := _MISSPELT.fullmatch(text):
        return found["message"], Span(int(found["line"]), int(found["column"]), 1)
    lines = document.rstrip("\n").split("\n")
    return text.removesuffix(" (at end of document)"), Span(len(lines), len(lines[-1]) or 1, 1)


def locate(text: str, key: KeyPath, part: Part) -> Span:
    """Return where a key path stands in a TOML text; the nearest parent when it is not there."""
    nodes, lines = _places(text)
    node = nearest(nodes, key, part)
    return Span(1, 1, 1) if node is None else _span(node, lines)


def _span(node: Node, lines: list[bytes]) -> Span:
    """Return where a node begins, and how much of it is on that line."""
    row, start = node.start_point
    line = lines[row]
    end = node.end_point[1] if node.end_point[0] == row else len(line.rstrip())
    if not line.isascii():  # the tree counts in bytes, a place in characters
        start, end = (len(line[:place].decode(errors="replace")) for place in (start, end))
    return Span(row + 1, start + 1, max(1, end - start))


@lru_cache(maxsize=32)
def _places(text: str) -> tuple[dict[KeyPath, tuple[Node, Node]], list[bytes]]:
    """Return for each key path of a document the nodes of its key and of its value; its lines."""
    import tree_sitter  # noqa: PLC0415 - most runs show no place
    import tree_sitter_toml  # noqa: PLC0415

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    places: dict[KeyPath, tuple[Node, Node]] = {}
    elements: dict[KeyPath, int] = {}
    for node in parser.parse(text.encode()).root_node.children:
        for path, name, value in _entries(node, (), elements):
            places.setdefault(path, (name, value))
    return places, text.encode().split(b"\n")


def _entries(
    node: Node, base: KeyPath, elements: dict[KeyPath, int]
) -> Iterator[tuple[KeyPath, Node, Node]]:
    """Yield path, key node and value node of everything that one node of the document defines."""
    match node.type:
        case "table" | "table_array_element":
            name = node.named_children[0]
            base = _header(_key(name), elements, array=node.type == "table_array_element")
            for end in range(len(base), 0, -1):
                yield base[:end], name, name
            for pair in node.named_children[1:]:
                yield from _entries(pair, base, elements)
        case "pair":
            name, value = node.named_children[:2]
            path = base + _key(name)
            for end in range(len(base) + 1, len(path)):
                yield path[:end], name, name
            yield path, name, value
            yield from _entries(value, path, elements)
        case "inline_table":
            for pair in node.named_children:
                yield from _entries(pair, base, elements)
        case "array":
            items = [item for item in node.named_children if item.type != "comment"]
            for index, item in enumerate(items):
                yield (*base, index), item, item
                yield from _entries(item, (*base, index), elements)


def _header(key: tuple[str, ...], elements: dict[KeyPath, int], *, array: bool) -> KeyPath:
    """Return the path of a `[table]` or `[[array]]` header; an array's last element is meant."""
    path: KeyPath = ()
    for name in key[:-1]:
        path = _last((*path, name), elements)
    path = (*path, key[-1])
    if array:
        elements[path] = elements.get(path, -1) + 1
    return _last(path, elements)


def _last(path: KeyPath, elements: dict[KeyPath, int]) -> KeyPath:
    return (*path, elements[path]) if path in elements else path


def _key(node: Node) -> tuple[str, ...]:
    """Return the names of a bare, quoted or dotted key."""
    text = (node.text or b"").decode()
    if node.type == "bare_key":
        return (text,)
    if node.type == "quoted_key":
        try:
            return tuple(tomli.loads(f"{text} = 0"))
        except tomli.TOMLDecodeError:
            return (text,)
    return tuple(name for child in node.named_children for name in _key(child))
