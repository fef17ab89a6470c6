"""The commit that a build is made from: which one a workspace is at, and its files elsewhere."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from xtask.errors import UsageError, XtaskError
from xtask.package.git import git
from xtask.process import ProcessError
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAMED = 3
"""So many changed files are named to people."""


def clean_revision(workspace: Workspace) -> str:
    """Return the commit whose files the workspace has, and no others.

    Raises:
        UsageError: it is no git repository, has no commit yet, or has something that is in none.
    """
    root = workspace.root
    prefix = require_repository(workspace)
    try:
        revision = git(root, "rev-parse", "--quiet", "--verify", "HEAD^{commit}").strip()
    except ProcessError as error:
        raise UsageError(
            f"{root} has no commit yet, and a worker builds commits",
            help="commit the product, push it, then queue it",
        ) from error
    said = git(root, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z")
    entries = said.split("\0")
    # What a build makes need not be ignored to be no part of the product.
    made = f"{prefix}{workspace.releases.name}/"
    if changed := [entry[3:] for entry in entries if entry and not entry[3:].startswith(made)]:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        raise UsageError(
            f"not committed: {', '.join(changed[:_NAMED])}{more}",
            help="commit or remove it: a worker builds a commit, and nothing else",
        )
    return revision


def require_repository(workspace: Workspace) -> str:
    """Return where in its repository the workspace is: nothing, or a path that ends with `/`.

    Raises:
        UsageError: it is in none, or git is not installed.
    """
    try:
        return git(workspace.root, "rev-parse", "--show-prefix").rstrip("\n")
    except ProcessError as error:
        plain = "not a git repository" in error.output
        raise UsageError(
            f"{workspace.root} is in no git repository" if plain else error.message,
            help="a build is queued as a commit, and a worker builds it in a clone",
        ) from error


@contextmanager
def checked_out(workspace: Workspace, revision: str | None) -> Iterator[Workspace]:
    """Yield a workspace with the files of a commit, whose `releases/` is that of the clone.

    It lies in the cache under one name, so the next one removes what a killed process has left:
    the caller holds the lock under which builds of the workspace run.

    Raises:
        XtaskError: nobody here has that commit, or it has no such folder.
    """
    if revision is None or not _COMMIT.fullmatch(revision):
        raise XtaskError(
            "the build names no commit that could be checked out",
            help="it was begun in a folder: `xtask build` there, or commit and queue it",
        )
    prefix = require_repository(workspace)
    folder = workspace.cache / "checkout"
    if folder.exists():
        shutil.rmtree(folder)
    _obtain(workspace, revision)
    # The name is still taken in the clone when a process was killed while it had it.
    add = ["worktree", "add", "--force", "--detach", "--quiet", str(folder), revision]
    try:
        git(workspace.root, *add)
        if not (folder / prefix).is_dir():
            raise XtaskError(f"commit {revision[:12]} has no folder {prefix}")
        yield Workspace(folder / prefix, home=workspace.root)
    finally:
        with suppress(ProcessError):  # the next one removes what is left
            git(workspace.root, "worktree", "remove", "--force", str(folder))


def _obtain(workspace: Workspace, revision: str) -> None:
    """Let the commit be in the clone, asking where it was cloned from when it is not."""
    try:
        git(workspace.root, "cat-file", "-e", f"{revision}^{{commit}}")
    except ProcessError:
        try:
            git(workspace.root, "fetch", "--quiet", "origin", revision)
        except ProcessError as error:
            raise XtaskError(
                f"commit {revision[:12]} is not in this clone: {error.message}",
                help="push it to where workers have cloned from, then queue it again",
            ) from error
