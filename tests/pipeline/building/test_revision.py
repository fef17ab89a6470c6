"""The commit that is queued, and the same files in another folder: with a real git."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import write
from xtask.errors import UsageError, XtaskError
from xtask.pipeline.building.revision import checked_out, clean_revision
from xtask.settings import Workspace

if TYPE_CHECKING:
    from pathlib import Path

AUTHOR = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")


def git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *AUTHOR, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(root: Path, **files: str) -> str:
    """Commit everything in a folder with one file for each name; return the commit."""
    write(root, files)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "change")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "origin"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


def test_what_a_build_makes_is_no_change(repository: Path) -> None:
    revision = commit(repository, a="1")
    write(repository, {"releases/oci/index.json": "{}"})
    assert clean_revision(Workspace(repository)) == revision


@pytest.mark.parametrize(
    "change",
    [{"a": "2"}, {"new": "1"}, {"other/releases/x": "1"}, {"line\nbreak": "1"}],
    ids=["changed", "untracked", "elsewhere", "odd name"],
)
def test_refuses_what_is_in_no_commit(repository: Path, change: dict[str, str]) -> None:
    commit(repository, a="1")
    write(repository, change)
    with pytest.raises(UsageError, match="not committed: ") as refused:
        clean_revision(Workspace(repository))
    assert next(iter(change)) in refused.value.message


def test_refuses_a_deleted_file_and_one_outside_of_the_workspace(repository: Path) -> None:
    write(repository, {"shop/modules.toml": ""})
    commit(repository, a="1")
    (repository / "a").unlink()
    with pytest.raises(UsageError, match="not committed: a"):
        clean_revision(Workspace(repository / "shop"))


def test_refuses_a_repository_without_a_commit(repository: Path) -> None:
    with pytest.raises(UsageError, match="has no commit yet"):
        clean_revision(Workspace(repository))


def test_refuses_a_folder_in_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is in no git repository"):
        clean_revision(Workspace(tmp_path))


def test_a_checkout_has_the_files_of_its_commit_and_the_releases_of_the_clone(
    repository: Path,
) -> None:
    write(repository, {"shop/modules.toml": "old"})
    old = commit(repository, a="1")
    write(repository, {"shop/modules.toml": "new"})
    commit(repository, a="2")
    clone = Workspace(repository / "shop")
    with checked_out(clone, old) as workspace:
        assert workspace.manifest.read_text() == "old"
        assert workspace.releases == clone.releases
        assert workspace.root != clone.root
    assert not workspace.root.exists()
    assert clone.manifest.read_text() == "new"
    assert git(repository, "worktree", "list").count("\n") == 0


def test_a_checkout_that_a_killed_process_left_is_replaced(repository: Path) -> None:
    revision, clone = commit(repository, a="1"), Workspace(repository)
    git(repository, "worktree", "add", "--detach", str(clone.cache / "checkout"), revision)
    write(clone.cache / "checkout", {"a": "edited", "extra": "1"})
    with checked_out(clone, revision) as workspace:
        assert (workspace.root / "a").read_text() == "1"
        assert not (workspace.root / "extra").exists()


def test_a_commit_that_is_not_here_is_fetched_from_where_it_was_cloned_from(
    repository: Path, tmp_path: Path
) -> None:
    commit(repository, a="1")
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    revision = commit(repository, a="2")
    with checked_out(Workspace(tmp_path / "clone"), revision) as workspace:
        assert (workspace.root / "a").read_text() == "2"


def test_no_hook_of_the_clone_runs(repository: Path) -> None:
    revision = commit(repository, a="1")
    hook = repository / ".git/hooks/post-checkout"
    write(repository, {".git/hooks/post-checkout": f"#!/bin/sh\ntouch {repository}/ran\n"})
    hook.chmod(0o755)
    with checked_out(Workspace(repository), revision):
        assert not (repository / "ran").exists()


@pytest.mark.parametrize(
    ("revision", "says"),
    [
        ("f" * 40, "commit ffffffffffff is not in this clone"),
        (None, "names no commit"),
        ("HEAD", "names no commit"),
        ("--upload-pack=touch ran", "names no commit"),
        ("F" * 40, "names no commit"),
    ],
)
def test_refuses_what_is_no_commit_that_can_be_had(
    repository: Path, revision: str | None, says: str
) -> None:
    commit(repository, a="1")
    with (
        pytest.raises(XtaskError, match=says),
        checked_out(Workspace(repository), revision),
    ):
        pytest.fail("there is nothing to check out")
    assert not os.path.lexists(repository / "ran")


def test_refuses_a_commit_without_the_folder_of_the_workspace(repository: Path) -> None:
    early = commit(repository, a="1")
    write(repository, {"shop/modules.toml": ""})
    commit(repository, a="2")
    with (
        pytest.raises(XtaskError, match=f"commit {early[:12]} has no folder shop/"),
        checked_out(Workspace(repository / "shop"), early),
    ):
        pytest.fail("there is nothing to build")
