from __future__ import annotations

import struct
from pathlib import Path

import pytest

from xtask.errors import XtaskError
from xtask.image.installation import running_installation
from xtask.image.libraries import program_interpreter, shared_libraries


def elf(*, loader: str | None, ident: bytes = b"\x7fELF\x02\x01") -> bytes:
    """Return an ELF header with one program header, of type PT_INTERP or PT_LOAD."""
    text = (loader or "").encode() + b"\0"
    head = ident.ljust(32, b"\0") + struct.pack("<QQIHHHHHH", 64, 0, 0, 64, 56, 1, 0, 0, 0)
    program = struct.pack("<IIQQQQQQ", 3 if loader else 1, 4, 120, 0, 0, len(text), len(text), 1)
    return head + program + text


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "python3.11"


def test_reads_the_loader_of_a_program(program: Path) -> None:
    program.write_bytes(elf(loader="/lib64/ld-linux-x86-64.so.2"))
    assert program_interpreter(program) == "/lib64/ld-linux-x86-64.so.2"


def test_refuses_a_static_program(program: Path) -> None:
    program.write_bytes(elf(loader=None))
    with pytest.raises(XtaskError, match="statically linked"):
        program_interpreter(program)


@pytest.mark.parametrize("ident", [b"\x7fELF\x01\x01", b"\x7fELF\x02\x02", b"#!/bin/sh", b""])
def test_refuses_what_is_no_program_of_a_known_kind(program: Path, ident: bytes) -> None:
    program.write_bytes(elf(loader="/lib/ld.so", ident=ident))
    with pytest.raises(XtaskError, match="not a 64-bit little-endian ELF program"):
        program_interpreter(program)


def test_refuses_musl(program: Path) -> None:
    program.write_bytes(elf(loader="/lib/ld-musl-x86_64.so.1"))
    with pytest.raises(XtaskError, match="linked with musl") as caught:
        shared_libraries(program, [])
    assert "base image" in str(caught.value.help)


def test_libraries_lie_together_by_soname_and_the_loader_where_programs_ask_for_it() -> None:
    executable = running_installation().executable
    placed = shared_libraries(executable, [])
    loader = program_interpreter(executable).lstrip("/")
    (libc,) = (path for path in placed if path.endswith("/libc.so.6"))
    assert loader in placed
    assert {str(Path(libc).parent)} == {str(Path(path).parent) for path in placed if path != loader}
    assert all(file.is_file() for file in placed.values())
