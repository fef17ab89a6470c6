"""ZIP files with any field that an attacker likes; without overrides they are ordinary."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

STORED, DEFLATED = 0, 8
REGULAR, FOLDER = 0o100644, 0o040755
UNIX = 3 << 8


def deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def extra(tag: int, data: bytes) -> bytes:
    return struct.pack("<2H", tag, len(data)) + data


@dataclass(frozen=True, kw_only=True)
class Part:
    """One entry; `local` and `central` override single fields of its two headers."""

    name: bytes = b"top/file"
    data: bytes = b"content"
    mode: int = REGULAR
    method: int = STORED
    packed: bytes | None = None
    both: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)
    central: Mapping[str, Any] = field(default_factory=dict)
    before: bytes = b""
    is_listed: bool = True
    is_stored: bool = True

    def fields(self, offset: int) -> dict[str, Any]:
        return {
            "made_by": UNIX,
            "version": 20,
            "flags": 0,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(self.content()),
            "size": len(self.data),
            "name": self.name,
            "extra": b"",
            "comment": b"",
            "disk": 0,
            "attributes": self.mode << 16,
            "offset": offset,
            **self.both,
        }

    def content(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return self.data if self.method == STORED else deflated(self.data)

    def local_record(self) -> bytes:
        if not self.is_stored:
            return self.before
        said = self.fields(0) | dict(self.local)
        numbers = [said[key] for key in ("version", "flags", "method")]
        sizes = [said[key] for key in ("crc", "packed", "size")]
        lengths = [len(said["name"]), len(said["extra"])]
        head = struct.pack("<4s5H3I2H", b"PK\3\4", *numbers, 0, 33, *sizes, *lengths)
        return b"".join((self.before, head, said["name"], said["extra"], self.content()))

    def central_record(self, offset: int) -> bytes:
        if not self.is_listed:
            return b""
        said = self.fields(offset) | dict(self.central)
        numbers = [said[key] for key in ("made_by", "version", "flags", "method")]
        sizes = [said[key] for key in ("crc", "packed", "size")]
        lengths = [len(said[key]) for key in ("name", "extra", "comment")]
        place = [said["disk"], 0, said["attributes"], said["offset"]]
        head = struct.pack("<4s6H3I5H2I", b"PK\1\2", *numbers, 0, 33, *sizes, *lengths, *place)
        return b"".join((head, said["name"], said["extra"], said["comment"]))


def end(**overrides: Any) -> bytes:
    """Return an end record; `entries`, `length` and `start` describe the directory."""
    said: dict[str, Any] = dict.fromkeys(("disk", "start_disk", "entries", "length", "start"), 0)
    said |= {"comment": b""} | overrides
    numbers = [said["disk"], said["start_disk"], said.get("here", said["entries"])]
    place = [said["entries"], said["length"], said["start"], len(said["comment"])]
    return b"".join((struct.pack("<4s4H2IH", b"PK\5\6", *numbers, *place), said["comment"]))


def archive(*parts: Part, gap: bytes = b"", middle: bytes = b"", **overrides: Any) -> bytes:
    """Return a ZIP file.

    Args:
        parts: its entries.
        gap: bytes between the last content and the directory.
        middle: bytes between the directory and the end record.
        overrides: fields of the end record.
    """
    body, directory, offset = b"", b"", 0
    for part in parts:
        directory += part.central_record(offset + len(part.before))
        body += part.local_record()
        offset = len(body)
    body += gap
    said = {
        "entries": sum(part.is_listed for part in parts),
        "length": len(directory),
        "start": len(body),
    }
    return body + directory + middle + end(**said | overrides)
