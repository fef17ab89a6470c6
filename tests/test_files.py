"""A folder comes to be whole, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xtask.files import new_folder, write_folder

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
