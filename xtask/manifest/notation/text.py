"""Reading a manifest's text, and what all notations say of a text that is broken."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from xtask.diagnostics import Place, Problems, Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from xtask.diagnostics import KeyPath, Part

T = TypeVar("T")

MAX_BYTES = 1 << 20
MAX_PARTS = 50_000
MAX_DEPTH = 200
MAX_BITS = 64
# An escape that may be half a character, and digits that may be more than 64 bits in any base.
_SUSPICIOUS = re.compile(r"\\[uUNx]|[0-9a-fA-F_]{17}|[eE][0-9+]{3}")
"""Of an integer: TOML has no longer ones, and few readers of JSON do."""


_SURROGATES = re.compile("[\ud800-\udfff]")
_HALF = "this has half a character (a lone surrogate), which no text file can hold"
_TIP = "write it another way, or leave it out"


class Read(NamedTuple):
    """A manifest that was read: where, and its top table."""

    source: Source
    values: dict[str, Any]


def read_text(path: Path, shown: str, problems: Problems) -> str | None:
    """Return a manifest's text, or note why it is none (XT0101 to XT0103)."""
    place = Place(Source(shown))
    try:
        data = _read_bytes(path)
    except OSError as error:
        problems.add(
            "XT0101",
            f"cannot read `{shown}`: {error.strerror}",
            place,
            help="check the path (`--workspace` names the first folder) and that you may read it",
        )
        return None
    if len(data) > MAX_BYTES:
        problems.add(
            "XT0102",
            f"`{shown}` is larger than {MAX_BYTES >> 20} MiB",
            place,
            help="a manifest is a few kilobytes: is this the right file?",
        )
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        problems.add(
            "XT0103",
            f"`{shown}` is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}",
            place,
            help="save it as UTF-8; if it is not a text, is this the right file?",
        )
        return None


def _read_bytes(path: Path) -> bytes:
    """Return the file's start; nothing is waited for, because a pipe would never end."""
    with open(path, "rb", buffering=0, opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        return stream.read(MAX_BYTES + 1)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def broken(text: str, shown: str, span: Span, message: str, help: str, problems: Problems) -> None:  # noqa: A002, PLR0913, PLR0917
    """Note a text that its notation does not allow (XT0104), where the reader stopped."""
    source = Source(shown, text, lambda _text, _key, _part: span)
    problems.add("XT0104", message, Place(source), "the reader stopped here", help=help)


def unreadable(shown: str, reason: str, problems: Problems) -> None:
    """Note a text that no reader takes on (XT0104)."""
    message = f"`{shown}` {reason}"
    problems.add("XT0104", message, Place(Source(shown)), help="is this the right file?")


def checked(source: Source, values: dict[str, Any], problems: Problems) -> Read | None:
    """Return a document whose values every notation can carry, or note why it is none (XT0104)."""
    if _is_harmless(source.text):
        return Read(source, values)
    waiting: list[tuple[KeyPath, object]] = [((), values)]
    parts = 0
    while waiting:
        path, value = waiting.pop()
        inside = list(_inside(value))
        parts += len(inside)
        if len(path) > MAX_DEPTH or parts > MAX_PARTS:
            reason = "is nested too deeply" if len(path) > MAX_DEPTH else "has too many parts"
            unreadable(source.path, reason, problems)
            return None
        if wrong := _refused(value):
            problems.add("XT0104", wrong, Place(source, path), help=_TIP)
            return None
        for key, child in inside:
            if isinstance(key, str) and _SURROGATES.search(key):
                place = Place(source, (*path, key), "key")
                problems.add("XT0104", _HALF, place, help=_TIP)
                return None
            waiting.append(((*path, key), child))
    return Read(source, values)


def _is_harmless(text: str) -> bool:
    """Return whether a text is too short and too plain for anything below to be refused."""
    return (
        len(text) < MAX_PARTS
        and sum(map(text.count, "[{(.")) < MAX_DEPTH
        and not _SUSPICIOUS.search(text)
    )


def _inside(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _refused(value: object) -> str | None:
    """Return what is wrong with a single value."""
    match value:
        case str() if _SURROGATES.search(value):
            return _HALF
        case int() if value.bit_length() > MAX_BITS:
            return f"this number has more than {MAX_BITS} bits"
    return None


def nearest(nodes: Mapping[KeyPath, tuple[T, T]], key: KeyPath, part: Part) -> T | None:
    """Return the node of a key path, else that of the key of its nearest parent."""
    for end in range(len(key), 0, -1):
        if found := nodes.get(key[:end]):
            return found[part == "value" and end == len(key)]
    return None
