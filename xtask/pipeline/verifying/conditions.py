"""A rebuild at once, where everything is different that must not matter.

The program of the other process is this module too: standard input is what to rebuild, the last
line of standard output what came of it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import xtask
from xtask.errors import UntrustedError
from xtask.pipeline.progress import Progress
from xtask.pipeline.verifying.comparison import Shipped
from xtask.pipeline.verifying.rebuild import IDENTICAL, Rebuilt, read_rebuilt, rebuild, shipped
from xtask.process import run
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.records.values import Build

_UMASK = 0o077
_TIME = 4_070_908_800  # 2099-01-01: every file is from the future
_SECONDS = 3600
# What a locale or a shell could say; the new environment says it its own way.
_LEFT_OUT = ("LANG", "LANGUAGE", "SOURCE_DATE_EPOCH")


def check_reproducible(build: Build, workspace: Workspace, progress: Progress) -> Rebuilt:
    """Build again under other conditions, from what was kept, with empty caches.

    Other are: process, temporary folder, umask, hash seed, time zone, locale, home folder, number
    of processors, and the order in which files were written, and when.

    Args:
        build: what to build again.
        workspace: where it was built.
        progress: who is told.

    Raises:
        UntrustedError: what was kept, or the image, is not what its digests say.
        ProcessError: the other process ended early.
    """
    from xtask.pipeline.verifying.verify import require_intact  # noqa: PLC0415 - start-up

    built = shipped(build, workspace)
    asked = {
        "root": str(workspace.root),
        "manifest_hash": built.manifest_hash,
        "image_digest": built.image_digest,
        "bundle": str(built.bundle),
    }
    with (
        progress.stage("reproduce") as stage,
        tempfile.TemporaryDirectory(prefix="xtask other conditions ") as temporary,
    ):
        argv = [sys.executable, "-m", __name__]
        environ = _environment(os.environ, Path(temporary).resolve())
        said = run(
            argv, cwd=Path(temporary), env=environ, stdin=json.dumps(asked), timeout=_SECONDS
        )
        document = json.loads(said.splitlines()[-1])
        if "untrusted" in document:
            raise UntrustedError(document["untrusted"], help=document["help"])
        found = read_rebuilt(document)
        if found.verdict == IDENTICAL:
            require_intact(workspace, build)
        stage.detail = f"{found.verdict} {found.image_digest}".strip()
    return found


def _environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return an environment that differs from this process's, and in which xtask is found."""
    home = folder / "home"
    home.mkdir()
    seed = "1" if environ.get("PYTHONHASHSEED") != "1" else "2"
    other = {
        "HOME": str(home),
        "LC_ALL": "C" if environ.get("LC_ALL") != "C" else "C.UTF-8",
        "LOGNAME": "somebody",
        "PATH": f"{home}:{environ.get('PATH', os.defpath)}",
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": os.pathsep.join(filter(None, [_here(), environ.get("PYTHONPATH", "")])),
        "TMPDIR": str(folder),
        "TZ": "XTK-13:45",
        "USER": "somebody",
    }
    return {name: value for name, value in environ.items() if name not in _LEFT_OUT} | other


def _here() -> str:
    return str(Path(xtask.__file__).parents[1])


def main() -> None:
    """Rebuild what standard input names, with one processor."""
    os.umask(_UMASK)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    asked = json.load(sys.stdin)
    built = Shipped(asked["manifest_hash"], asked["image_digest"], Path(asked["bundle"]))
    workspace = Workspace(Path(asked["root"]))
    try:
        found = rebuild(workspace, built, Progress(), backwards=True, time=_TIME).document()
    except UntrustedError as error:
        found = {"untrusted": error.message, "help": error.help}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
