"""What the head of a program says of it: machine and loader.

System V ABI, "Object Files" and "Program Loading and Dynamic Linking".
"""

from __future__ import annotations

import struct
from typing import IO, NamedTuple

from xtask.errors import XtaskError

_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PT_INTERP = 3
_MACHINES = {62: "amd64", 183: "arm64"}
_MAX_LOADER = 4096
_HEAD, _SEGMENT = 64, 56


class Program(NamedTuple):
    """The architecture that a program is for, as OCI names it, and the loader that it asks for."""

    architecture: str
    loader: str


def program_of(stream: IO[bytes], name: str) -> Program:
    """Return what a program says of itself; messages call it `name`.

    Raises:
        XtaskError: it is no 64-bit little-endian ELF program, or statically linked.
    """
    head = stream.read(_HEAD)
    if not head.startswith(_ELF64_LITTLE_ENDIAN) or len(head) < _HEAD:
        raise XtaskError(f"{name} is not a 64-bit little-endian ELF program")
    (machine,) = struct.unpack_from("<H", head, 18)
    (start,), (size, count) = (
        struct.unpack_from("<Q", head, 32),
        struct.unpack_from("<HH", head, 54),
    )
    for number in range(count):
        segment = _at(stream, start + number * size, _SEGMENT)
        if len(segment) < _SEGMENT:
            break
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", segment)
        if kind == _PT_INTERP:
            loader = (
                _at(stream, offset, min(length, _MAX_LOADER))
                .rstrip(b"\0")
                .decode("utf-8", "replace")
            )
            return Program(_MACHINES.get(machine, f"machine {machine}"), loader)
    raise XtaskError(
        f"{name} is statically linked and cannot load modules",
        help="use a dynamically linked Python",
    )


def _at(stream: IO[bytes], offset: int, size: int) -> bytes:
    try:
        stream.seek(offset)
    except (OSError, OverflowError, ValueError):
        return b""
    return stream.read(size)
