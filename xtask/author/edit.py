"""Editing `modules.toml` as its author would: order, comments and blank lines stay.

Whole lines are put in and taken out as text; what is left is tomlkit's, which keeps the rest as it
is. The result is read again and has to say exactly what was wanted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli

from xtask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Arrays in which a module can be named.
_ARRAYS = (("settings", "default_enabled"), ("search", "allow_shadowed"))
_HEADER = re.compile(r"\s*\[")
_MODULES = re.compile(r"\s*\[\s*modules\s*\]\s*(#.*)?")
_REMARK = re.compile(r"\s*(#.*)?")


def with_entry(text: str, name: str, entry: Mapping[str, Any]) -> str:
    """Return a composition with one more module; where only some are enabled, it is one of them.

    Args:
        text: the composition.
        name: a module that is not in it.
        entry: what its line says.

    Raises:
        UsageError: the text cannot be edited.
    """
    wanted = tomli.loads(text)
    wanted.setdefault("modules", {})[name] = dict(entry)
    enabled = wanted.get("settings", {}).get("default_enabled")
    enable = isinstance(enabled, list) and name not in enabled and not entry.get("required")
    if enable:
        enabled.append(name)
    line = f"{name} = {_inline(entry)}"

    def edited(text: str, *, by_line: bool) -> str:
        import tomlkit  # noqa: PLC0415 - start-up

        document = tomlkit.parse(_with_line(text, line) if by_line else text)
        if not by_line:
            item = tomlkit.parse(line)[name]
            document.setdefault("modules", tomlkit.table())[name] = item
        if enable:
            document["settings"]["default_enabled"].append(name)
        return document.as_string()

    return _proved(text, edited, wanted, f"add `{line}` to `[modules]`")


def without_entry(text: str, name: str) -> str:
    """Return a composition without a module, its settings, and other mentions of its name.

    Raises:
        UsageError: the text cannot be edited.
    """
    wanted = tomli.loads(text)
    _remove(wanted, name)

    def edited(text: str, *, by_line: bool) -> str:
        import tomlkit  # noqa: PLC0415 - start-up

        document = tomlkit.parse(_without_tables(text, name) if by_line else text)
        _remove(document, name)
        return document.as_string()

    by_hand = f"remove `{name}` from `[modules]` and from `[settings]`"
    return _proved(text, edited, wanted, by_hand)


def _inline(entry: Mapping[str, Any]) -> str:
    import tomlkit  # noqa: PLC0415 - start-up

    pairs = (f"{key} = {tomlkit.item(value).as_string()}" for key, value in entry.items())
    return f"{{ {', '.join(pairs)} }}"


def _with_line(text: str, line: str) -> str:
    """Return the text with a line after the last one of `[modules]`, before what follows it."""
    lines = text.split("\n")
    found = [number for number, written in enumerate(lines) if _MODULES.fullmatch(written)]
    if not found:
        return text
    start, end = found[0] + 1, found[0] + 1
    for number in range(start, _end(lines, start)):
        if not _REMARK.fullmatch(lines[number]):
            end = number + 1
    return "\n".join([*lines[:end], line, *lines[end:]])


def _without_tables(text: str, name: str) -> str:
    """Return the text without the tables of a module; remarks that follow them stay."""
    own = re.compile(rf"\s*\[\s*(settings\s*\.\s*)?modules\s*\.\s*[\"']?{name}[\"']?\s*[.\]].*")
    lines = text.split("\n")
    while found := [number for number, line in enumerate(lines) if own.fullmatch(line)]:
        start = end = found[0]
        after = _end(lines, start + 1)
        for number in range(start, after):
            if not _REMARK.fullmatch(lines[number]):
                end = number + 1
        while end < after and not lines[end].strip() and start and not lines[start - 1].strip():
            end += 1
        lines[start:end] = []
    return "\n".join(lines)


def _end(lines: list[str], start: int) -> int:
    """Return the number of the line that begins the next table."""
    return next(
        (number for number in range(start, len(lines)) if _HEADER.match(lines[number])), len(lines)
    )


def _remove(tables: Any, name: str) -> None:  # noqa: ANN401 - plain, or of tomlkit
    """Take a module out of a composition, whether its tables are plain or tomlkit's."""
    tables.get("modules", {}).pop(name, None)
    settings = tables.get("settings", {})
    settings.get("modules", {}).pop(name, None)
    for table, key in _ARRAYS:
        names = tables.get(table, {}).get(key, [])
        while name in names:
            names.remove(name)


def _proved(text: str, edited: Callable[..., str], wanted: Mapping[str, Any], by_hand: str) -> str:
    """Return the edited text that says what was wanted and nothing else, lines ended as before."""
    windows = 0 < text.count("\n") == text.count("\r\n")
    for by_line in (True, False):
        new = edited(text.replace("\r\n", "\n") if windows else text, by_line=by_line)
        try:
            if _said(tomli.loads(new)) == _said(wanted):
                return new.replace("\n", "\r\n") if windows else new
        except tomli.TOMLDecodeError:
            continue
    raise UsageError("`modules.toml` is written in a way that cannot be edited", help=by_hand)


def _said(value: Any) -> Any:  # noqa: ANN401 - any TOML value
    """Return a value without the tables in it that say nothing."""
    if not isinstance(value, dict):
        return value
    said = {key: _said(item) for key, item in value.items()}
    return {key: item for key, item in said.items() if item != {}}
