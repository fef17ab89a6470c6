"""Reading a manifest's text, and what all notations say of a text that is broken."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.diagnostics import Place, Problems, Source, Span

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 20


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
    """Return the file's start; what is no file is not opened, because a pipe would never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def broken(text: str, shown: str, span: Span, message: str, help: str, problems: Problems) -> None:  # noqa: A002, PLR0913, PLR0917
    """Note a text that its notation does not allow (XT0104), where the reader stopped."""
    source = Source(shown, text, lambda _text, _key, _part: span)
    problems.add("XT0104", message, Place(source), "the reader stopped here", help=help)


def unreadable(shown: str, reason: str, problems: Problems) -> None:
    """Note a text that no reader takes on (XT0104)."""
    message = f"`{shown}` {reason}"
    problems.add("XT0104", message, Place(Source(shown)), help="is this the right file?")
