"""Calling git: in the repository that is named, whoever called us, and asking nobody anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xtask.process import run

if TYPE_CHECKING:
    from pathlib import Path

# What makes git work in another repository than the one in its folder, such as the repository
# whose hook called us (`git rev-parse --local-env-vars`).
_LOCAL = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"}
    | {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_IMPLICIT_WORK_TREE"}
    | {"GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_GRAFT_FILE"}
    | {"GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS", "GIT_SHALLOW_FILE"}
)
# The bytes of a commit are the same on every machine, and nothing runs because it was checked out.
_ALWAYS = ("core.autocrlf=false", "advice.detachedHead=false", "core.hooksPath=/dev/null")


def git(folder: Path, *words: str) -> str:
    """Return what git says in a folder.

    Raises:
        ProcessError: it fails, or is not installed.
    """
    options = [word for setting in _ALWAYS for word in ("-c", setting)]
    kept = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    environment = {**kept, "GIT_TERMINAL_PROMPT": "0"}
    return run(["git", "-C", str(folder), *options, *words], env=environment)
