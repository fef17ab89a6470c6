"""A JSON value as a generated file that people can compare: a line for each thing in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.generate.file import File
from xtask.generate.names import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import KeyPath

    _Line = tuple[str, KeyPath]


def json_file(
    name: str,
    value: Any,  # noqa: ANN401 - any JSON value
    *,
    depth: int,
    origins: Mapping[KeyPath, KeyPath] | None = None,
) -> File:
    """Write a document whose first `depth` levels have a line for each entry.

    Args:
        name: what the file is called.
        value: the document.
        depth: deeper levels stand in one line, but for a table with `children`, which begins anew.
        origins: the facts that parts of it were made from; what is not there is a fact itself.
            None when nobody asks for causes.
    """
    lines: list[_Line] = []
    _write(value, (), depth, "\n", "", lines)
    text = "".join(text for text, _ in lines)
    if origins is None:
        return File(name, f"{text}\n".encode())
    return File(name, f"{text}\n".encode(), tuple(_origin(path, origins) for _, path in lines))


def _origin(path: KeyPath, origins: Mapping[KeyPath, KeyPath]) -> KeyPath:
    for end in range(len(path), 0, -1):
        if found := origins.get(path[:end]):
            return found + path[end:]
    return path


def _write(  # noqa: PLR0913, PLR0917 - what one level hands to the next
    value: Any,  # noqa: ANN401 - any JSON value
    path: KeyPath,
    depth: int,
    margin: str,
    label: str,
    lines: list[_Line],
) -> None:
    """Add the lines of a value, each with the path of what it shows.

    Args:
        value: a JSON value.
        path: where it stands in the document.
        depth: how many levels of it have lines of their own.
        margin: a line break, and the space before what ends the value.
        label: what stands before the value in its first line, with the line break before that.
        lines: where they go.
    """
    is_table = isinstance(value, dict)
    if depth == 0 and is_table and value.get("children"):
        depth = 2  # its own keys, and each of the children
    if depth == 0 or not value or not isinstance(value, dict | list):
        lines.append((label + json_text(value), path))
        return
    inner = between = f"{margin}  "
    lines.append((label + ("{" if is_table else "["), path))
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        head = f"{between}{json_text(key)}: " if is_table else between
        _write(item, (*path, key), depth - 1, inner, head, lines)
        between = f",{inner}"
    lines.append((margin + ("}" if is_table else "]"), path))
