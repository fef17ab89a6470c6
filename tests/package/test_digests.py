"""Digests that are kept: never those of a file that changed, and never those of a young one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from xtask.digest import sha256
from xtask.package.digests import FileDigests
from xtask.package.sources import source_files

OLD = 1_600_000_000_123_456_789


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "module"
    root.mkdir()
    for name in ("a.py", "b.py"):
        (root / name).write_text(name)
    time.sleep(0.05)  # longer than a tick of the clock that file times have
    return root


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read, in order."""
    from xtask.package import digests

    found: list[str] = []
    read = digests.read_digest

    def noted(path: str, status: os.stat_result) -> str:
        found.append(Path(path).name)
        return read(path, status)

    monkeypatch.setattr(digests, "read_digest", noted)
    return found


def look(root: Path) -> dict[str, str]:
    digests = FileDigests(root.parent / "digests.json")
    found = {file.path: file.digest for file in source_files(root, digest=digests.of)}
    digests.keep()
    return found


def test_an_unchanged_file_is_read_once(root: Path, reads: list[str]) -> None:
    assert look(root) == look(root) == {name: sha256(name.encode()) for name in ("a.py", "b.py")}
    assert sorted(reads) == ["a.py", "b.py"]


def test_only_the_file_that_changed_is_read_again(root: Path, reads: list[str]) -> None:
    look(root)
    reads.clear()
    (root / "b.py").write_text("B.py")
    assert look(root)["b.py"] == sha256(b"B.py")
    assert reads == ["b.py"]


def test_a_file_of_the_same_size_and_restored_time_is_read_again(
    root: Path, reads: list[str]
) -> None:
    before = (root / "a.py").stat()
    look(root)
    reads.clear()
    (root / "a.py").write_text("A.py")
    os.utime(root / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert look(root)["a.py"] == sha256(b"A.py")
    assert reads == ["a.py"]


def test_a_file_that_takes_the_place_of_another_is_read_again(root: Path, reads: list[str]) -> None:
    look(root)
    reads.clear()
    (root / "new").write_text("A.py")
    (root / "new").rename(root / "a.py")
    assert look(root)["a.py"] == sha256(b"A.py")
    assert reads == ["a.py"]


def test_every_edit_in_the_same_moment_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "module"
    root.mkdir()
    for number in range(200):  # of one size, faster than the clock of file times ticks
        (root / "a.py").write_text(f"{number:03}")
        assert look(root) == {"a.py": sha256(f"{number:03}".encode())}


def test_an_executable_bit_is_never_kept(root: Path) -> None:
    digests = FileDigests(root.parent / "digests.json")
    source_files(root, digest=digests.of)
    digests.keep()
    (root / "a.py").chmod(0o755)
    again = FileDigests(root.parent / "digests.json")
    assert [file.executable for file in source_files(root, digest=again.of)] == [True, False]


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"a": 1}', "3"])
def test_a_damaged_file_is_no_knowledge(root: Path, damage: str) -> None:
    (root.parent / "digests.json").write_text(damage)
    assert look(root) == {name: sha256(name.encode()) for name in ("a.py", "b.py")}
