"""One attack for each way in which an archive can be something else than it seems."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.archives.attacks import ATTACKS, CONTENTS, MIB, WIDEST, named
from tests.archives.builder import DEFLATED, FOLDER, Part, archive
from xtask.archives import (
    LIMITS,
    REASONS,
    ArchiveError,
    open_archive,
    read_archive,
    single_top,
    top_of,
)
from xtask.archives.refusals import shown
from xtask.errors import UntrustedError

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = {"large-archive", "truncated", "no-files", "no-single-top"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vendor.zip"


@pytest.mark.parametrize(("reason", "data"), ATTACKS.values(), ids=list(ATTACKS))
def test_refuses(path: Path, reason: str, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(ArchiveError) as caught:
        read_archive(path)
    assert reason == caught.value.reason


@pytest.mark.parametrize(("reason", "part"), CONTENTS.values(), ids=list(CONTENTS))
def test_refuses_content_that_is(path: Path, reason: str, part: Part) -> None:
    path.write_bytes(archive(part))
    with open_archive(path) as opened, pytest.raises(ArchiveError) as caught:
        opened.read(opened.listing.entries[0])
    assert reason == caught.value.reason


def test_every_reason_has_an_attack() -> None:
    attacked = {reason for reason, _ in (*ATTACKS.values(), *CONTENTS.values())}
    assert set(REASONS) == attacked | ELSEWHERE


def test_what_the_attacks_are_made_of_is_accepted(path: Path) -> None:
    parts = [
        Part(name=b"top/", mode=FOLDER, data=b""),
        Part(name=b"top/empty/", mode=FOLDER, data=b"", method=DEFLATED),
        Part(name=b"top/a", both={"flags": 0x802}),
        Part(name=b"top/b", method=DEFLATED, data=bytes(MIB // 2)),
    ]
    path.write_bytes(archive(*parts, comment=b"0" * 40))
    assert [entry.path for entry in read_archive(path).entries] == ["top/a", "top/b"]


def test_what_is_just_within_the_limits_is_accepted(path: Path) -> None:
    names = [f"{n}/" + "x/" * 18 + "x" for n in range(999)] + ["é" * 120]
    path.write_bytes(named(*names))
    assert sorted(names) == [entry.path for entry in read_archive(path).entries]


def test_sizes_that_are_just_within_the_limits_are_accepted(path: Path) -> None:
    part = Part(method=DEFLATED, data=bytes(5000), both={"version": 63, "extra": WIDEST})
    path.write_bytes(archive(part))
    size = path.stat().st_size
    limits = LIMITS._replace(archive=size, entries=1, content=5000, ratio=1, ratio_from=5000)
    assert len(read_archive(path, limits=limits).entries) == 1
    for lower in ({"archive": size - 1}, {"content": 4999}, {"ratio_from": 4999}, {"entries": 0}):
        with pytest.raises(ArchiveError, match=r"of at most|from"):
            read_archive(path, limits=limits._replace(**lower))


def test_limits_are_those_that_the_caller_gives(path: Path) -> None:
    path.write_bytes(named("top/a", "top/b"))
    limits = LIMITS._replace(entries=1)
    with pytest.raises(ArchiveError, match="2 of at most 1"):
        read_archive(path, limits=limits)


def test_refuses_an_archive_that_is_too_large_without_reading_it(path: Path) -> None:
    path.touch()
    os.truncate(path, LIMITS.archive + 1)
    with pytest.raises(ArchiveError) as caught:
        read_archive(path)
    assert caught.value.reason == "large-archive"


def test_refuses_an_archive_that_shrinks_while_it_is_read(path: Path) -> None:
    path.write_bytes(archive(Part(data=bytes(MIB))))
    with open_archive(path) as opened:
        path.write_bytes(b"")
        with pytest.raises(ArchiveError) as caught:
            opened.read(opened.listing.entries[0])
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize(
    "names", [("x",), ("top/x", "y"), ("a/x", "b/x"), ("top/x", "top.x")], ids=str
)
def test_v14_refuses_to_guess_which_folder_is_the_one_at_the_top(
    path: Path, names: tuple[str, ...]
) -> None:
    path.write_bytes(named(*names))
    with pytest.raises(ArchiveError) as caught:
        single_top(read_archive(path))
    assert caught.value.reason == "no-single-top"


@pytest.mark.parametrize("names", [(), ("__MACOSX/x", ".DS_Store")], ids=str)
def test_refuses_an_archive_of_nothing_where_a_folder_is_wanted(
    path: Path, names: tuple[str, ...]
) -> None:
    path.write_bytes(named(*names))
    with pytest.raises(ArchiveError, match=r"^the archive has no files$"):
        single_top(read_archive(path))


def test_v14_two_folders_at_the_top_are_both_named(path: Path) -> None:
    path.write_bytes(named("a/x", "b/x"))
    with pytest.raises(ArchiveError, match=r"^'b/x' does not lie .* \(there is 'a' too\)$"):
        single_top(read_archive(path))


@pytest.mark.parametrize("name", ["__MACOSX/../x", "top//.DS_Store"])
def test_what_macos_adds_has_to_be_plain_too(path: Path, name: str) -> None:
    path.write_bytes(named("top/x", name))
    with pytest.raises(ArchiveError):
        read_archive(path)


def test_a_refusal_names_archive_and_entry_and_says_what_to_do(path: Path) -> None:
    path.write_bytes(named("../x"))
    with pytest.raises(UntrustedError) as caught:
        read_archive(path)
    assert caught.value.exit_code == 5
    assert caught.value.message == "vendor.zip: '../x' leads out of its folder with `..`"
    assert caught.value.help == "rename it and pack the archive again"


def test_a_refusal_of_the_top_names_the_archive_too(path: Path) -> None:
    path.write_bytes(named())
    with pytest.raises(ArchiveError, match=r"^vendor\.zip: the archive has no files$"):
        top_of(path)
    path.write_bytes(named("top/x"))
    assert top_of(path) == "top"


def test_a_refusal_names_both_entries_that_collide(path: Path) -> None:
    path.write_bytes(named("top/a", "top/A"))
    with pytest.raises(ArchiveError, match=r"'top/A' differs .* \(the other is 'top/a'\)"):
        read_archive(path)


@pytest.mark.parametrize("name", ["\u202e\x1b[31m", b"\xff\n", "x" * 100_000, "\u2066" * 999])
def test_a_name_in_a_refusal_is_short_and_shows_every_character(name: str | bytes) -> None:
    assert shown(name).isprintable()
    assert len(shown(name)) < 400


def test_content_is_never_longer_than_declared(path: Path) -> None:
    path.write_bytes(archive(Part(method=DEFLATED, data=bytes(MIB), both={"size": 70_000})))
    got: list[bytes] = []
    with open_archive(path) as opened, pytest.raises(ArchiveError):
        got.extend(opened.pieces(opened.listing.entries[0]))
    assert 0 < len(b"".join(got)) <= 70_000
