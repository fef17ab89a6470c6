"""A folder comes to be whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from xtask.files import (
    is_settled,
    locked,
    new_folder,
    remove_abandoned,
    temporary_folder,
    write_cache,
    write_folder,
)

if TYPE_CHECKING:
    from pathlib import Path


def written(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_a_folder_that_is_written_holds_exactly_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "x/y", {"a": b"1", "b/c": b"2"})
    write_folder(tmp_path / "x/y", {"b/d": b"3"})
    assert written(tmp_path) == {"x/y/b/d": b"3"}


def test_a_new_folder_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "x") as folder:
        (folder / "a").write_bytes(b"1")
        assert not (tmp_path / "x").exists()
    assert written(tmp_path) == {"x/a": b"1"}


@pytest.mark.parametrize("replaces", [True, False])
def test_an_error_leaves_what_was_there(tmp_path: Path, *, replaces: bool) -> None:
    write_folder(tmp_path / "x", {"a": b"1"})

    def fail() -> None:
        with new_folder(tmp_path / "x", replaces=replaces) as folder:
            (folder / "b").write_bytes(b"2")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert written(tmp_path) == {"x/a": b"1"}


def test_a_new_folder_replaces_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    write_folder(tmp_path / "x", {"a": b"1"})
    with pytest.raises(OSError, match="not empty"), new_folder(tmp_path / "x"):
        pass
    assert written(tmp_path) == {"x/a": b"1"}


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("modified", "changed", "settled"),
    [
        (5 * SECOND - 30_000_001, 1, True),
        (5 * SECOND - 10_000_001, 1, False),
        (1, 5 * SECOND - 10_000_001, False),
        (6 * SECOND + 1, 1, False),
        (4 * SECOND, 4 * SECOND, False),
        (3 * SECOND, 1 * SECOND, False),
        (2 * SECOND, 2 * SECOND, True),
        (4 * SECOND, 4 * SECOND + 1, True),
    ],
)
def test_a_file_is_settled_once_the_clock_has_ticked(
    modified: int, changed: int, *, settled: bool
) -> None:
    assert is_settled((1, modified, changed, 1), 5 * SECOND) == settled


def test_a_cache_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_cache(path, b"first")
    write_cache(path, b"second")
    assert path.read_bytes() == b"second"
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def dead() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    gone, here = dead(), os.getpid()
    for name in (f".a.{gone}.tmp", f"x/.{gone}.0f.tmp", f".a.{here}.tmp", ".a.tmp", f"{gone}.tmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / f"x/.new.{gone}.r_2.tmp/in").mkdir(parents=True)
    with temporary_folder(tmp_path, "n") as temporary:
        (temporary / "in").write_bytes(b"")
        remove_abandoned(tmp_path)
        assert (temporary / "in").is_file()
    assert {*written(tmp_path)} == {f".a.{here}.tmp", ".a.tmp", f"{gone}.tmp"}
    assert list((tmp_path / "x").iterdir()) == []


def test_only_the_next_one_after_a_failure_looks_for_what_was_left(tmp_path: Path) -> None:
    found: list[str] = []

    def held(name: str, *, fails: bool = False) -> None:
        with (
            contextlib.suppress(OSError),
            locked(tmp_path / "lock", abandoned=lambda: found.append(name)),
        ):
            if fails:
                raise OSError(5, "Input/output error")

    held("a")
    held("b", fails=True)
    held("c")
    held("d")
    assert found == ["c"]
