"""What the identity of a module's files is made of, and what it is not."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tests.support import workspace
from xtask.errors import XtaskError
from xtask.manifest.entries import GitSource
from xtask.package.sources import (
    checkout,
    published_digest,
    published_manifest,
    source_digest,
    source_files,
)
from xtask.process import run
from xtask.resolve.lock import Package

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"b/two.py": "2\n", "a.py": "1\n", "b/__init__.py": "", "z.sh": "#!/bin/sh\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace.write(tmp_path / "module", FILES)


def digest(root: Path) -> str:
    return source_digest(source_files(root))


def test_files_are_sorted_by_path(root: Path) -> None:
    assert [file.path for file in source_files(root)] == sorted(FILES)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_umask_times_and_order_of_writing_do_not_matter(
    root: Path, tmp_path: Path, mask: int
) -> None:
    before = os.umask(mask)
    try:
        other = workspace.write(tmp_path / "other", dict(reversed(FILES.items())))
    finally:
        os.umask(before)
    os.utime(other / "a.py", (1, 1))
    assert digest(root) == digest(other)


def test_content_name_and_executable_bit_matter(root: Path) -> None:
    seen = {digest(root)}
    (root / "a.py").write_text("2\n")
    seen.add(digest(root))
    (root / "a.py").rename(root / "c.py")
    seen.add(digest(root))
    (root / "z.sh").chmod(0o755)
    seen.add(digest(root))
    (root / "b/two.py").unlink()
    seen.add(digest(root))
    assert len(seen) == 5


def test_moving_bytes_between_name_and_content_is_seen(tmp_path: Path) -> None:
    one = workspace.write(tmp_path / "one", {"ab": "c"})
    other = workspace.write(tmp_path / "other", {"a": "bc"})
    assert digest(one) != digest(other)


def test_group_and_other_modes_do_not_matter(root: Path) -> None:
    before = digest(root)
    (root / "a.py").chmod(0o600)
    assert before == digest(root)
    (root / "a.py").chmod(0o666)
    assert before == digest(root)


@pytest.mark.parametrize(
    "name",
    ["__pycache__/a.pyc", "b/__pycache__/x", ".git/HEAD", "node_modules/x/i.js", "dist/x.whl",
     "build/lib/a.py", "a.pyc", "x.egg-info/PKG-INFO", "a.py~", ".a.py.swp", ".DS_Store",
     "b/.mypy_cache/x", ".venv/bin/python"],
)  # fmt: skip
def test_what_tools_leave_behind_is_ignored(root: Path, name: str) -> None:
    before = digest(root)
    workspace.write(root, {name: "left behind"})
    assert before == digest(root)


@pytest.mark.parametrize(
    "name", ["src/b/static/dist/app.js", "src/b/build/x.py", "b/builds", "distx/a"]
)
def test_folder_inside_of_a_package_is_part_of_it_whatever_its_name(root: Path, name: str) -> None:
    workspace.write(root, {name: ""})
    assert name in {file.path for file in source_files(root)}


@pytest.mark.parametrize("target", ["a.py", "/etc/passwd", "nowhere", "."])
def test_refuses_a_symbolic_link(root: Path, target: str) -> None:
    (root / "b/link").symlink_to(target)
    with pytest.raises(XtaskError, match="b/link is a symbolic link"):
        source_files(root)


def test_refuses_what_is_no_regular_file(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(XtaskError, match="pipe is not a regular file"):
        source_files(root)


def test_refuses_a_name_that_is_not_utf8(root: Path) -> None:
    with open(os.fsencode(root) + b"/\xff", "w"):  # noqa: PTH123 - a name of bytes
        pass
    with pytest.raises(XtaskError, match="has a name that is not UTF-8"):
        source_files(root)


def test_published_module_is_its_locked_hashes() -> None:
    one = Package("x", "1.0", ("sha256:1",), "", ("a",))
    assert published_digest(one) == published_digest(one._replace(required_by=("b",)))
    assert published_digest(one) != published_digest(one._replace(hashes=("sha256:2",)))
    assert published_digest(one) != published_digest(one._replace(version="1.1"))


def wheel(path: Path, names: list[str]) -> Path:
    with ZipFile(path / "x-1.0-py3-none-any.whl", "w") as archive:
        for name in names:
            archive.writestr(name, '[module]\nname = "x"\n')
    return path / "x-1.0-py3-none-any.whl"


def test_finds_the_manifest_that_a_wheel_carries(tmp_path: Path) -> None:
    found = published_manifest(wheel(tmp_path, ["x/__init__.py", "x/module.toml"]), tmp_path)
    assert found.read_text() == '[module]\nname = "x"\n'
    assert found.is_relative_to(tmp_path / "manifests")


@pytest.mark.parametrize(
    "names", [[], ["module.toml"], ["x/y/module.toml"], ["x/module.toml", "y/module.toml"]]
)
def test_refuses_a_wheel_without_one_manifest(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(XtaskError, match="does not hold one"):
        published_manifest(wheel(tmp_path, names), tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> GitSource:
    root = workspace.write(tmp_path / "repository", {"module/module.toml": "x = 1\n"})
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    run([*git, "init", "--quiet"])
    run([*git, "add", "."])
    run([*git, "commit", "--quiet", "-m", "one"])
    return GitSource(str(root), run([*git, "rev-parse", "HEAD"]).strip(), "module")


def test_commit_is_fetched_once_and_kept(tmp_path: Path, repository: GitSource) -> None:
    folder = checkout(repository, tmp_path / "cache")
    assert (folder / "module.toml").read_text() == "x = 1\n"
    shutil.rmtree(repository.url)
    assert checkout(repository, tmp_path / "cache") == folder


def test_commit_that_is_not_there_is_named(tmp_path: Path, repository: GitSource) -> None:
    with pytest.raises(XtaskError, match="cannot fetch commit 000000000000 of ") as caught:
        checkout(replace(repository, rev="0" * 40), tmp_path / "cache")
    assert caught.value.help
    assert [path.name for path in (tmp_path / "cache/git").iterdir()] == []
