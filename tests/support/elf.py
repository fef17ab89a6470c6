"""The smallest ELF files that a reader of heads looks at."""

from __future__ import annotations

import struct


def elf(*, loader: str | None, ident: bytes = b"\x7fELF\x02\x01", machine: int = 62) -> bytes:
    """Return an ELF header with one program header, of type PT_INTERP or PT_LOAD."""
    text = (loader or "").encode() + b"\0"
    head = (ident.ljust(18, b"\0") + struct.pack("<H", machine)).ljust(32, b"\0")
    head += struct.pack("<QQIHHHHHH", 64, 0, 0, 64, 56, 1, 0, 0, 0)
    program = struct.pack("<IIQQQQQQ", 3 if loader else 1, 4, 120, 0, 0, len(text), len(text), 1)
    return head + program + text
