"""The story of `doctor`: what the other stories need on this machine."""

from __future__ import annotations

import os
import platform
import shutil
from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import XtaskError
from xtask.process import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.settings import Settings

_MINIMUM_FREE = 1 << 30


class Check(NamedTuple):
    """One thing looked at: what needs it, whether it is there, and what it says of itself."""

    name: str
    needed_for: str
    ok: bool
    says: str


def examine(settings: Settings) -> list[Check]:
    """Return every check, those that each build needs first."""
    checks: tuple[tuple[str, str, Callable[[Settings], str]], ...] = (
        ("python", "build", _python),
        ("uv", "build", _uv),
        ("git", "git sources", _git),
        ("workspace", "build", _workspace),
        ("disk", "build", _disk),
        ("records", "build", _records),
        ("engine", "run, promote", _engine),
    )
    return [_check(name, needed_for, settings, look) for name, needed_for, look in checks]


def _check(
    name: str, needed_for: str, settings: Settings, look: Callable[[Settings], str]
) -> Check:
    try:
        return Check(name, needed_for, ok=True, says=look(settings))
    except XtaskError as error:
        return Check(name, needed_for, ok=False, says=error.message.splitlines()[0])


def _python(_settings: Settings) -> str:
    from xtask.image.base.installation import running_installation  # noqa: PLC0415 - one check

    installation = running_installation()
    return f"{installation.version} on {platform.system().lower()}/{platform.machine()}"


def _uv(_settings: Settings) -> str:
    from xtask.package.requirements import uv  # noqa: PLC0415 - one check

    return run([uv(), "--version"]).strip()


def _git(_settings: Settings) -> str:
    return run(["git", "--version"]).strip()


def _workspace(settings: Settings) -> str:
    workspace = settings.workspace
    if not workspace.manifest.is_file():
        raise XtaskError(f"no modules.toml in {workspace.root}")
    folder = workspace.releases if workspace.releases.exists() else workspace.root
    if not os.access(folder, os.W_OK):
        raise XtaskError(f"cannot write in {folder}")
    return str(workspace.root)


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.workspace.root).free
    if free < _MINIMUM_FREE:
        raise XtaskError(f"{free >> 20} MiB free, a build may need 1 GiB")
    return f"{free >> 30} GiB free"


def _records(settings: Settings) -> str:
    if settings.is_embedded and not settings.workspace.records.exists():
        return "SQLite, made by the first build"
    from xtask.records.store import open_records  # noqa: PLC0415 - one check

    with open_records(settings.database_url, create=False, patience=3) as records:
        return f"{records.engine.dialect.name}, {records.count_builds()} builds"


def _engine(_settings: Settings) -> str:
    from xtask.release.docker.engine import engine  # noqa: PLC0415 - one check

    with engine("asking for its version") as client:
        return f"Docker Engine {client.version()['Version']}"
