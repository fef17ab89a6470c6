from __future__ import annotations

from io import BytesIO

import pytest

from tests.support.elf import elf
from xtask.errors import XtaskError
from xtask.image.base.elf import Program, program_of


def read(data: bytes) -> Program:
    return program_of(BytesIO(data), "it")


def test_reads_the_loader_of_a_program() -> None:
    data = elf(loader="/lib64/ld-linux-x86-64.so.2")
    assert read(data) == ("amd64", "/lib64/ld-linux-x86-64.so.2")


def test_refuses_a_static_program() -> None:
    data = elf(loader=None)
    with pytest.raises(XtaskError, match="statically linked"):
        read(data)


@pytest.mark.parametrize("ident", [b"\x7fELF\x01\x01", b"\x7fELF\x02\x02", b"#!/bin/sh", b""])
def test_refuses_what_is_no_program_of_a_known_kind(ident: bytes) -> None:
    data = elf(loader="/lib/ld.so", ident=ident)
    with pytest.raises(XtaskError, match="not a 64-bit little-endian ELF program"):
        read(data)


def test_reads_the_architecture_of_a_program() -> None:
    data = elf(loader="/lib/ld-linux-aarch64.so.1", machine=183)
    assert read(data) == ("arm64", "/lib/ld-linux-aarch64.so.1")


@pytest.mark.parametrize("end", [0, 20, 63, 64, 100, 119, 125])
def test_a_program_that_was_cut_off_is_refused_or_read_as_far_as_it_goes(end: int) -> None:
    data = elf(loader="/lib/ld.so")[:end]
    if end > 120:
        assert "/lib/ld.so".startswith(read(data).loader)
    else:
        with pytest.raises(XtaskError, match=r"^it is "):
            read(data)
