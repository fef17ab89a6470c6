"""A layer of a foreign base is read, never trusted."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.support.bases import tar
from xtask.digest import sha256
from xtask.errors import UntrustedError
from xtask.image.base import changeset
from xtask.image.base.changeset import Changeset, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "a-folder-with-a-long-name/" * 12 + "file"
ARABIC_ONE = "\N{ARABIC-INDIC DIGIT ONE}"
FORMS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def read(
    data: bytes, *, compressed: bool = False
) -> tuple[dict[str, tuple[Kind, str, bytes]], str]:
    changes = Changeset(io.BytesIO(data), "layer 0", compressed=compressed)
    found = {
        member.path: (member.kind, member.link, b"".join(changes.content()))
        for member in changes.members()
    }
    return found, changes.diff_id


@pytest.mark.parametrize("form", FORMS)
def test_reads_what_other_writers_write(form: int) -> None:
    data = tar(
        {"./etc/a": b"x" * 1000, "b": b""}, links={"c": "/etc/a"}, hard={"d": "./b"},
        folders=["e/"], others=["dev/null"], form=form,
    )  # fmt: skip
    found, diff_id = read(data)
    assert found == {
        "etc/a": (Kind.FILE, "", b"x" * 1000),
        "b": (Kind.FILE, "", b""),
        "c": (Kind.SYMLINK, "/etc/a", b""),
        "d": (Kind.HARDLINK, "b", b""),
        "e": (Kind.DIRECTORY, "", b""),
        "dev/null": (Kind.OTHER, "", b""),
    }
    assert sha256(data) == diff_id


@pytest.mark.parametrize("form", FORMS[1:])
def test_reads_names_that_are_too_long_for_a_header(form: int) -> None:
    found, _ = read(tar({LONG: b"1", "ü" * 80: b"2"}, links={"link": LONG}, form=form))
    assert {LONG, "ü" * 80, "link"} == set(found)
    assert found["link"][1] == LONG


@pytest.mark.parametrize("packed", [b"", b"\0" * 7000])
def test_the_diff_id_counts_what_follows_the_end_of_the_archive(packed: bytes) -> None:
    data = tar({"a": b"1"}) + packed
    assert read(gzip.compress(data), compressed=True)[1] == sha256(data)


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "a/../../b", "a/.."])
def test_refuses_a_path_that_leads_out(name: str) -> None:
    for data in (
        tar({name: b""}),
        tar(links={name: "x"}),
        tar(hard={"x": name}),
        tar(folders=[name]),
    ):
        with pytest.raises(UntrustedError, match="leads out of it"):
            read(data)


def with_checksum(block: bytes) -> bytes:
    blank = block[:148] + b" " * 8 + block[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def header(change: Callable[[bytearray], None]) -> bytes:
    block = bytearray(tar({"a": b"1"})[:512])
    change(block)
    return with_checksum(bytes(block)) + b"1".ljust(512, b"\0") + bytes(1024)


def kind(flag: bytes) -> Callable[[bytearray], None]:
    return lambda block: block.__setitem__(slice(156, 157), flag)


def size(field: bytes) -> Callable[[bytearray], None]:
    return lambda block: block.__setitem__(slice(124, 136), field)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tar({"a": b"1" * 600})[:700], "ends too early"),
        (tar({"a": b"1"})[:600], "ends too early"),
        (tar({"a": b"1"})[:100], "ends in the middle of a header"),
        (b"no tar at all".ljust(512, b"."), "has a header that is none"),
        (b"1" * 512, "checksum is wrong"),
        (header(kind(b"S")), "has a member of kind b'S'"),
        (header(kind(b"V")), "has a member of kind b'V'"),
        (header(size(b"-0000000001\0")), "has a header that is none"),
        (header(size(b"\x80" + b"\xff" * 11)), "ends too early"),
        (header(kind(b"x")), "pax record"),
        (tar({"/".join("a" * 201): b""}), "path that is too long"),
    ],
)
def test_refuses_what_is_not_a_whole_archive(data: bytes, message: str) -> None:
    with pytest.raises(UntrustedError, match=message) as caught:
        read(data)
    assert caught.value.message.startswith("layer 0 ")
    assert caught.value.help


@pytest.mark.parametrize("end", range(0, 2048, 97))
def test_an_archive_that_was_cut_off_anywhere_raises_nothing_else(end: int) -> None:
    data = tar({"a": b"1", "b" * 120: b"2"})[:end]
    try:
        read(data)
    except UntrustedError as error:
        assert error.message.startswith("layer 0 ")  # noqa: PT017 - either is right


def with_records(records: bytes) -> bytes:
    block = bytearray(tar({"a": b""})[:512])
    block[156:157], block[124:136] = b"x", b"%011o\0" % len(records)
    padded = records.ljust(-(-len(records) // 512) * 512, b"\0")
    return with_checksum(bytes(block)) + padded + tar({"a": b""})


@pytest.mark.parametrize(
    "records",
    [
        b"99 path=x\n",
        b"x path=x\n",
        b"0 path=x\n",
        b"path=x",
        b"1" * 5000 + b" path=x\n",
        f"{ARABIC_ONE} path=x\n".encode(),
        b"\xb9 path=x\n",
        b"10\0 path=x\n",
    ],
)
def test_refuses_records_of_another_length_than_they_say(records: bytes) -> None:
    with pytest.raises(UntrustedError, match="pax record"):
        read(with_records(records))


@pytest.mark.parametrize("said", ["1" * 5000, "1" * 21, ARABIC_ONE, "²", "-1", "1_0", " 1", ""])
def test_refuses_a_size_that_is_no_number(said: str) -> None:
    record = f" size={said}\n".encode()
    length = next(n for n in range(10_000) if n == len(str(n)) + len(record))
    with pytest.raises(UntrustedError, match="has a size that is no number"):
        read(with_records(str(length).encode() + record))


def test_refuses_a_size_that_no_archive_has() -> None:
    with pytest.raises(UntrustedError, match="ends too early"):
        read(with_records(b"29 size=" + b"9" * 20 + b"\n"))


def test_refuses_records_that_would_fill_the_memory() -> None:
    block = bytearray(tar({"a": b""})[:512])
    block[156:157], block[124:136] = b"x", b"%011o\0" % (1 << 30)
    with pytest.raises(UntrustedError, match="has records of 1073741824 bytes"):
        read(with_checksum(bytes(block)))


def test_refuses_a_layer_that_unpacks_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changeset, "MAX_UNPACKED", 1 << 20)
    with pytest.raises(UntrustedError, match="unpacks to more than"):
        read(gzip.compress(tar({"zeros": bytes(2 << 20)})), compressed=True)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1f\x8b", gzip.compress(tar())[:-9], gzip.compress(tar()) + b"more", tar()],
    ids=["nothing", "magic", "cut", "more", "tar"],
)
def test_refuses_what_is_not_gzip(data: bytes) -> None:
    if not data:
        assert read(data, compressed=True) == ({}, sha256(b""))
        return
    with pytest.raises(UntrustedError, match="cannot be unpacked"):
        read(data, compressed=True)
