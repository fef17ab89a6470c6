"""Where two images differ first, in one line: which entry or value, and what it is in each."""

from __future__ import annotations

import hashlib
import tarfile
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.errors import UntrustedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PIECE = 1 << 20
_MAX_TEXT = 1 << 20
_SHOWN = 60
_ABSENT = "nothing"
_MISSING = object()
COMPILED = ".pyc"
"""How compiled modules end."""
# What follows from other entries, and so is never where a difference begins.
_FOLLOWING = (COMPILED, ".dist-info/RECORD")


class Difference(NamedTuple):
    """What differs: an entry of a layer or a place in a document, its field, and both values."""

    name: str
    field: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name}: {self.field}: {self.before} was built, {self.after} is made now"


class _Member(NamedTuple):
    fields: Mapping[str, str]
    digest: str
    size: int


def layer_difference(before: Path, after: Path) -> Difference | None:
    """Return the first entry in which two layers differ; None for none.

    What follows from other entries, compiled modules and a wheel's RECORD, comes last.

    Args:
        before: a layer as a tar, compressed or not.
        after: another one.

    Raises:
        UntrustedError: one is not a tar.
    """
    old, new = _members(before), _members(after)
    for name in sorted(old.keys() | new.keys(), key=lambda each: (each.endswith(_FOLLOWING), each)):
        if old.get(name) == new.get(name):
            continue
        if name not in old or name not in new:
            there = ("an entry" if name in some else _ABSENT for some in (old, new))
            return Difference(name, "existence", *there)
        for field, value in old[name].fields.items():
            if new[name].fields[field] != value:
                return Difference(name, field, value, new[name].fields[field])
        return _content(name, before, after)
    if [*old] != [*new]:
        first = next(i for i, (one, two) in enumerate(zip(old, new, strict=True)) if one != two)
        return Difference(f"entry {first}", "order", [*old][first], [*new][first])
    return None


def _members(path: Path) -> dict[str, _Member]:
    found = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                state = hashlib.sha256()
                if member.isreg() and (stream := archive.extractfile(member)):
                    while piece := stream.read(_PIECE):
                        state.update(piece)
                fields = {
                    "type": member.type.decode("ascii", "replace"),
                    "mode": f"{member.mode:04o}",
                    "owner": f"{member.uid}:{member.gid}",
                    "time": str(member.mtime),
                    "link": member.linkname,
                }
                found[member.name] = _Member(fields, state.hexdigest(), member.size)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UntrustedError(f"{path.name[:16]} is not a layer: {error}") from error
    return found


def _content(name: str, before: Path, after: Path) -> Difference:
    return content_difference(name, _read(before, name), _read(after, name))


def content_difference(name: str, old: bytes, new: bytes) -> Difference:
    """Return the first line, or byte where it is not text, in which two contents differ."""
    if not (b"\0" in old or b"\0" in new):
        lines = zip_longest(old.splitlines(), new.splitlines())
        for number, (one, two) in enumerate(lines, start=1):
            if one != two:
                return Difference(name, f"line {number}", _line(one), _line(two))
    pairs = enumerate(zip(old, new, strict=False))
    place = next((i for i, (one, two) in pairs if one != two), min(len(old), len(new)))
    return Difference(name, f"byte {place}", _bytes(old, place), _bytes(new, place))


def _read(path: Path, name: str) -> bytes:
    with tarfile.open(path) as archive:
        stream = archive.extractfile(name)
        return stream.read(_MAX_TEXT) if stream else b""


def _line(line: bytes | None) -> str:
    return _ABSENT if line is None else repr(line.decode("utf-8", "backslashreplace")[:_SHOWN])


def _bytes(data: bytes, place: int) -> str:
    return data[place : place + 8].hex() or "the end"


def value_difference(before: Any, after: Any, name: str = "") -> Difference | None:  # noqa: ANN401 - any JSON value
    """Return the first place at which two JSON values differ, None for none."""
    if before == after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            here = f"{name}.{key}" if name else key
            found = value_difference(before.get(key, _MISSING), after.get(key, _MISSING), here)
            if found:
                return found
    if isinstance(before, list) and isinstance(after, list):
        for number, (one, two) in enumerate(zip_longest(before, after, fillvalue=_MISSING)):
            if found := value_difference(one, two, f"{name}[{number}]"):
                return found
    return Difference(name, "value", _value(before), _value(after))


def _value(value: object) -> str:
    return _ABSENT if value is _MISSING else repr(value)[:_SHOWN]
