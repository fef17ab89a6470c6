"""Whatever the bytes are: an answer, soon, in little memory, and the one that others give."""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess
import time
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.archives.builder import DEFLATED, FOLDER, STORED, Part, archive, deflated, extra
from tests.support.budgets import budget
from xtask.archives import ArchiveError, open_archive

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
Files = list[tuple[str, int, int]]
"""Path, size and CRC-32 of each file, sorted."""


def by_zipfile() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("top/", b"")
        target.writestr("top/a.py", b"x = 1\n" * 20)
        target.writestr("top/é", b"y")
    return made.getvalue()


SEEDS = [
    by_zipfile(),
    archive(Part(name=b"top/x"), Part(name=b"top/X.y", method=DEFLATED), comment=b"0" * 40),
    archive(
        Part(name=b"d/", mode=FOLDER, data=b""),
        Part(name=b"d/e/f", data=archive(Part(name=b"inner"))),
        Part(name="d/ü".encode(), both={"extra": extra(0x5455, b"\1" + bytes(4))}),
    ),
]
WORDS = [b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\7", b"\xff\xff\xff\xff", b"\0\0", b"/", b"../"]
EXTRAS = [
    extra(0x5455, b"\1" + bytes(4)),
    extra(0x7875, b"\1\4\0\0\0\0\4\0\0\0\0"),
    extra(0x000A, bytes(32)),
    extra(0x0009, bytes(4)),
    extra(0x2605, b"ZPIT\1x"),
    extra(0x6375, bytes(6)),
    extra(0x7075, bytes(5) + b"a"),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid archive, changed in up to three places; one change in eight changes its length."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        copied = draw(st.integers(0, len(data) - 1))
        copies = st.just(data[copied : copied + 60])
        pasted = draw(st.binary(min_size=1, max_size=3) | st.sampled_from(WORDS) | copies)
        cut = draw(st.sampled_from([len(pasted)] * 7 + [0]))
        data = data[:at] + pasted + data[at + cut :]
    return data


@st.composite
def unusual(draw: st.DrawFn) -> bytes:
    """An archive whose structure is in order, of entries that may be anything."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.text("aAé/.;:*?[%$~ \u0301\u200d😀", min_size=1, max_size=6))
        both = {
            "made_by": draw(st.sampled_from([0, 2, 3, 7, 10, 11, 19])) << 8 | 20,
            "version": draw(st.sampled_from([0, 10, 20, 45, 63])),
            "flags": draw(st.sampled_from([0, 2, 0x800, 0x806, 8, 0x10])),
            "attributes": draw(st.sampled_from([0, 0x20, 0o100644 << 16, 0o100777 << 16])),
            "extra": draw(st.sampled_from([b"", *EXTRAS])),
        }
        method = draw(st.sampled_from([STORED, DEFLATED]))
        data = b"" if name.endswith("/") else draw(st.binary(max_size=9))
        parts.append(Part(name=name.encode(), data=data, method=method, both=both))
    return archive(*parts, comment=draw(st.sampled_from([b"", b"a" * 40])))


def listed_by_zipfile(path: Path) -> Files:
    with zipfile.ZipFile(path) as opened:
        return sorted(
            (_utf8(info), info.file_size, info.CRC)
            for info in opened.infolist()
            if not info.is_dir()
        )


def _utf8(info: zipfile.ZipInfo) -> str:
    """Undo that zipfile takes names of Unix programs that do not say UTF-8 for those of MS-DOS."""
    marked = info.flag_bits & 0x800
    return info.orig_filename if marked else info.orig_filename.encode("cp437").decode()


def listed_from_the_front(path: Path) -> Files:
    """Read local headers one after the other, as a program does that reads from a pipe."""
    data, at, found = path.read_bytes(), 0, []
    while data.startswith(b"PK\3\4", at):
        *_, crc, packed, size, name, extras = struct.unpack_from("<4s5H3I2H", data, at)
        text = data[at + 30 : at + 30 + name].decode()
        at += 30 + name + extras + packed
        if not text.endswith("/"):
            found.append((text, size, crc))
    assert data[at : at + 4] in {b"PK\1\2", b"PK\5\6"}
    return sorted(found)


def listed_by_unzip(path: Path) -> Files:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["unzip", "-v", path], capture_output=True, text=True, env=environment, check=False
    )
    row = re.compile(r" *(\d+) +\S+ +\d+ +-?\d+% \S+ \S+ ([0-9a-f]{8})  (.*)")
    rows = [match.groups() for line in done.stdout.splitlines() if (match := row.fullmatch(line))]
    return sorted((name, int(size), int(crc, 16)) for size, crc, name in rows if name[-1] != "/")


def answer(path: Path) -> tuple[Files, dict[str, bytes] | None] | None:
    """Return what our reader says of an archive and its contents, None for a refusal."""
    try:
        with open_archive(path) as opened:
            files = [(entry.path, entry.size, entry.crc) for entry in opened.listing.entries]
            try:
                return files, {entry.path: opened.read(entry) for entry in opened.listing.entries}
            except ArchiveError:
                return files, None
    except ArchiveError:
        return None


def check(path: Path) -> bool:
    """Compare with all other readers when the archive is accepted; return whether it is."""
    answered = answer(path)
    if answered is None:
        return False
    files, contents = answered
    assert files == listed_by_zipfile(path)
    assert files == listed_from_the_front(path)
    with zipfile.ZipFile(path) as opened:
        infos = [info for info in opened.infolist() if not info.is_dir()]
        if contents is not None:
            assert contents == {_utf8(info): opened.read(info) for info in infos}
    # unzip 6.0 shows names of MS-DOS programs in their code page, even when they say UTF-8.
    if shutil.which("unzip") and all(_utf8(i).isascii() or i.create_system for i in infos):
        assert files == listed_by_unzip(path)
    return True


@budget(200)
@given(data=damaged() | unusual())
def test_all_readers_agree_on_what_is_accepted(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    check(path)


@budget(200)
@given(data=st.binary(max_size=200) | damaged().map(lambda data: data[len(data) // 2 :]))
def test_no_bytes_are_too_strange_for_an_answer(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    answer(path)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_all_readers_agree_after_every_change_of_one_byte(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "x.zip"
    data = SEEDS[seed]
    path.write_bytes(data)
    assert check(path)
    accepted = 0
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        accepted += check(path)
    # Times and contents may change; what says how to read them may not.
    assert 0.1 < accepted / len(data) < 0.6


SLOW = {
    "marks of an end": lambda: b"PK\5\6" * (10 * MIB),
    "extra fields": lambda: archive(
        *(Part(name=b"%d" % n, both={"extra": extra(1000, b"") * 1023}) for n in range(1000))
    ),
    "long names": lambda: archive(*(Part(name=b"%d" % n + b"x" * 40_000) for n in range(100))),
    "accents": lambda: archive(
        *(Part(name=b"%d/" % n + b"/".join(["\u0390\u0345".encode() * 3] * 19)) for n in range(999))
    ),
}
BOMBS = {
    "honest": Part(method=DEFLATED, data=bytes(64 * MIB)),
    "dishonest": Part(method=DEFLATED, data=bytes(64 * MIB), both={"size": 1000}),
    "endless empty blocks": Part(
        method=DEFLATED, data=b"", packed=b"\0\0\0\xff\xff" * MIB + deflated(b"")
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_an_answer_takes_no_longer_than_a_few_seconds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(SLOW[name]())
    start = time.process_time()
    answer(path)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(archive(BOMBS[name]))
    tracemalloc.start()
    try:
        answer(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB
