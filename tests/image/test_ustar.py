from __future__ import annotations

import io
import tarfile

import pytest

from xtask.errors import XtaskError
from xtask.image import ustar
from xtask.image.ustar import Kind

NAMES = [
    "short",
    "n" * 100,
    "n" * 101,
    "p" * 155 + "/" + "n" * 100,
    "p" * 156 + "/" + "n" * 99,
    "p/" * 70 + "n" * 90,
    "grüße/straße",
    "漢" * 90,
]


def members(data: bytes) -> list[tarfile.TarInfo]:
    return tarfile.open(fileobj=io.BytesIO(data)).getmembers()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY])
def test_tarfile_reads_back_every_name(name: str, kind: Kind) -> None:
    (member,) = members(ustar.header(name, kind, mode=0o755) + ustar.END)
    assert (member.name, member.isdir()) == (name, kind is Kind.DIRECTORY)


@pytest.mark.parametrize("target", ["x", "t" * 100, "t" * 101, "ü"])
def test_tarfile_reads_back_every_link_target(target: str) -> None:
    (member,) = members(ustar.header("a", Kind.SYMLINK, mode=0o777, link=target) + ustar.END)
    assert (member.linkname, member.issym()) == (target, True)


def test_short_ascii_names_need_no_pax_header() -> None:
    assert len(ustar.header("p" * 100 + "/" + "n" * 100, Kind.FILE, mode=0o644)) == ustar.BLOCK


@pytest.mark.parametrize("length", range(80, 120))
def test_a_pax_record_counts_its_own_digits(length: int) -> None:
    record = ustar._record("path", "x" * length)
    assert len(record) == int(record.split(b" ")[0])


def test_says_nothing_of_time_or_owner_names() -> None:
    (member,) = members(ustar.header("a", Kind.FILE, mode=0o600, uid=7, gid=8) + ustar.END)
    said = (member.mtime, member.uname, member.gname, member.uid, member.gid, member.mode)
    assert said == (0, "", "", 7, 8, 0o600)


def test_refuses_a_file_too_large_for_the_format() -> None:
    ustar.header("a", Kind.FILE, mode=0o644, size=ustar.MAX_SIZE)
    with pytest.raises(XtaskError, match="one file in a layer"):
        ustar.header("a", Kind.FILE, mode=0o644, size=ustar.MAX_SIZE + 1)


def test_header_bytes_are_known() -> None:
    """A change of these bytes changes the digest of every image ever built."""
    block = ustar.header("app/x.py", Kind.FILE, mode=0o644, size=5)
    expected = {
        "name": b"app/x.py".ljust(100, b"\x00"),
        "mode, uid, gid": b"0000644\x000000000\x000000000\x00",
        "size, time": b"00000000005\x0000000000000\x00",
        "checksum, type": b"010601\x00 0",
        "magic": b"ustar\x0000",
        "devices": b"0000000\x000000000\x00",
    }
    places = [(0, 100), (100, 124), (124, 148), (148, 157), (257, 265), (329, 345)]
    found = [block[start:end] for start, end in places]
    assert expected == dict(zip(expected, found, strict=True))
