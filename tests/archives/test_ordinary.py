"""What ordinary programs write is accepted, and unpacked as it was packed."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.archives.builder import DEFLATED, Part, archive, extra
from xtask.archives import (
    ArchiveError,
    DroppedMode,
    open_archive,
    read_archive,
    single_top,
    unpack,
)
from xtask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENTS = {
    "shop/api.py": b"routes = []\n" * 500,
    "shop/data/noise.bin": bytes(zlib.crc32(bytes([n % 256])) % 256 for n in range(200_000)),
    "shop/empty": b"",
    "shop/run.sh": b"#!/bin/sh\n",
    "shop/straße.txt": "grüße\n".encode(),
}
EXECUTABLE = {"shop/run.sh"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name, data in CONTENTS.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(0o755 if name in EXECUTABLE else 0o644)
    (root / "shop" / "no files here").mkdir()
    return root


def by_zip(source: Path, target: Path) -> None:
    subprocess.run(["zip", "-qr", target, "shop"], cwd=source, check=True)


def by_zip_into_standard_output(source: Path, target: Path) -> None:
    with target.open("wb") as file:
        subprocess.run(["zip", "-qr", "-", "shop"], cwd=source, stdout=file, check=True)


def by_git(source: Path, target: Path) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (
        ["init", "-q"],
        ["add", "."],
        [*who, "commit", "-qm", "x"],
        ["archive", "-o", str(target), "HEAD"],
    ):
        subprocess.run(["git", *words], cwd=source, check=True)


def by_make_archive(source: Path, target: Path) -> None:
    shutil.make_archive(str(target.with_suffix("")), "zip", source, "shop")


def by_zipfile(source: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for file in sorted(source.rglob("*")):
            made.write(file, file.relative_to(source))


def by_zipfile_from_memory(source: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("shop/", b"")
        for name, data in CONTENTS.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (source / name).stat().st_mode << 16
            made.writestr(info, data)


def by_zipfile_stored(source: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as made:
        for name in reversed(CONTENTS):
            made.write(source / name, name)


MAKERS = [
    by_git,
    by_make_archive,
    by_zip,
    by_zip_into_standard_output,
    by_zipfile,
    by_zipfile_from_memory,
    by_zipfile_stored,
]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def packed(request: pytest.FixtureRequest, source: Path, tmp_path: Path) -> Path:
    maker: Callable[[Path, Path], None] = request.param
    program = maker.__name__.split("_")[1]
    if program in {"git", "zip"} and not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    target = tmp_path / "shop.zip"
    maker(source, target)
    return target


def test_lists_the_files_sorted(packed: Path) -> None:
    expected = [
        (name, name in EXECUTABLE, len(data), zlib.crc32(data))
        for name, data in sorted(CONTENTS.items())
    ]
    listed = read_archive(packed)
    assert expected == [(e.path, e.executable, e.size, e.crc) for e in listed.entries]
    assert listed.dropped_modes == ()
    assert single_top(listed) == "shop"


def test_reads_the_contents_in_any_order(packed: Path) -> None:
    with open_archive(packed) as opened:
        found = {entry.path: opened.read(entry) for entry in reversed(opened.listing.entries)}
    assert found == CONTENTS


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (
            stat.S_IMODE(path.lstat().st_mode),
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (root, *root.rglob("*"))
    }


def test_unpacks_files_with_modes_of_their_own(packed: Path, tmp_path: Path) -> None:
    target = tmp_path / "unpacked"
    before = os.umask(0o077)
    try:
        unpack(packed, target)
    finally:
        os.umask(before)
    files = {
        name: (0o755 if name in EXECUTABLE else 0o644, data) for name, data in CONTENTS.items()
    }
    folders = dict.fromkeys((".", "shop", "shop/data"), (0o755, b""))
    assert files | folders == tree(target)


def test_unpacks_without_the_folder_at_the_top(packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "whole")
    unpack(packed, tmp_path / "stripped", strip_top=True)
    assert tree(tmp_path / "whole" / "shop") == tree(tmp_path / "stripped")


def test_extra_fields_that_change_nothing_are_accepted(tmp_path: Path) -> None:
    name = "top/é".encode()
    unix = extra(0x5455, b"\3" + bytes(8)) + extra(0x7875, b"\1\4\0\0\0\0\4\0\0\0\0")
    windows = extra(0x000A, bytes(32)) + extra(0x000D, bytes(12)) + extra(0xCAFE, b"")
    same = extra(0x7075, b"\1" + zlib.crc32(name).to_bytes(4, "little") + name)
    path = tmp_path / "x.zip"
    path.write_bytes(archive(Part(name=name, both={"extra": unix + windows + same})))
    assert [entry.path for entry in read_archive(path).entries] == ["top/é"]


@pytest.mark.parametrize("digits", [40, 64])
def test_a_commit_id_as_comment_is_accepted(tmp_path: Path, digits: int) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(archive(Part(), comment=b"0123456789abcdef"[-8:] * (digits // 8)))
    assert len(read_archive(path).entries) == 1


def test_an_archive_of_nothing_is_unpacked_to_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(archive())
    unpack(tmp_path / "x.zip", tmp_path / "x")
    assert tree(tmp_path / "x") == {".": (0o755, b"")}


def test_what_macos_adds_is_listed_and_never_unpacked(tmp_path: Path) -> None:
    added = ("__MACOSX/._shop", "__MACOSX/shop/._api.py", "shop/.DS_Store", "shop/x/.DS_Store")
    kept = ("shop/._kept", "shop/__MACOSX/kept", "shop/api.py", "shop/my.DS_Store")
    path = tmp_path / "x.zip"
    path.write_bytes(archive(*(Part(name=name.encode()) for name in (*added, *kept))))
    listed = unpack(path, tmp_path / "x", strip_top=True)
    assert added == listed.left_out
    assert kept == tuple(entry.path for entry in listed.contents)
    assert {"."} | {"._kept", "__MACOSX", "__MACOSX/kept", "api.py", "my.DS_Store"} == set(
        tree(tmp_path / "x")
    )


def test_an_archive_in_an_archive_is_content(tmp_path: Path) -> None:
    inner = archive(Part(name=b"top/inner"))
    (tmp_path / "x.zip").write_bytes(archive(Part(name=b"top/x.zip", data=inner)))
    assert [entry.path for entry in read_archive(tmp_path / "x.zip").entries] == ["top/x.zip"]


def test_permissions_that_nobody_gets_are_dropped_and_listed(tmp_path: Path) -> None:
    modes = {b"top/both": 0o106755, b"top/public": 0o100666, b"top/x": 0o100775}
    parts = [Part(name=name, mode=mode) for name, mode in modes.items()]
    public = Part(name=b"top/", mode=0o041777, data=b"")
    (tmp_path / "x.zip").write_bytes(archive(*parts, public))
    listed = unpack(tmp_path / "x.zip", tmp_path / "x")
    assert listed.dropped_modes == (
        DroppedMode("top", 0o1002),
        DroppedMode("top/both", 0o6000),
        DroppedMode("top/public", 0o002),
    )
    found = {name: mode for name, (mode, _) in tree(tmp_path / "x" / "top").items()}
    assert found == {".": 0o755, "both": 0o755, "public": 0o644, "x": 0o755}


def test_nothing_is_left_behind_when_the_last_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(archive(Part(name=b"a"), Part(name=b"b", both={"crc": 1})))
    with pytest.raises(ArchiveError, match=r"^x\.zip: 'b' is not what its check sum says$"):
        unpack(path, tmp_path / "x")
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_made_when_there_is_no_one_folder_to_strip(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(archive(Part(name=b"a/x"), Part(name=b"b/x")))
    with pytest.raises(ArchiveError, match=r"^x\.zip: 'b/x' does not lie in one folder"):
        unpack(path, tmp_path / "x", strip_top=True)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_at_the_target_is_not_touched(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "x"
    if kind == "file":
        target.write_bytes(b"kept")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "x.zip").write_bytes(archive(Part()))
    before = target.lstat()
    with pytest.raises(UsageError, match="exists already"):
        unpack(tmp_path / "x.zip", target)
    assert before == target.lstat()
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_not_a_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="is not a file"):
            read_archive(path)


def test_content_comes_in_pieces(tmp_path: Path) -> None:
    parts = [Part(name=b"a", data=bytes(1 << 20)), Part(name=b"b", data=b"ab" * 200_000)]
    path = tmp_path / "x.zip"
    path.write_bytes(archive(parts[0], Part(name=b"b", data=parts[1].data, method=DEFLATED)))
    with open_archive(path) as opened:
        for entry, part in zip(opened.listing.entries, parts, strict=True):
            pieces = list(opened.pieces(entry))
            assert b"".join(pieces) == part.data
            assert max(map(len, pieces)) <= 1 << 16
