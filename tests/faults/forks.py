"""Command lines in processes that are forked from one that has imported everything already.

Starting Python and importing costs more than a promotion does, and a campaign runs thousands. The
process that is forked is a whole one: its own memory, streams and exit code. `strace` attaches to
it before it begins; a process that `strace` has not started cannot have `--seccomp-bpf`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]

_PATIENCE = 240
"""Seconds; whoever is not done by then hangs, and the alarm ends it."""

# What xtask imports only where it is used.
_LATE = ("alembic.command", "securesystemslib.signer", "sqlalchemy.dialects.sqlite")
_PROGRAMS = ("__main__", "env", "hook_worker", "import_probe")


class Ended(NamedTuple):
    """How a command line ended: its exit code (or minus the signal), what it said, the trace."""

    code: int
    out: str
    err: str
    trace: str = ""


class Forks:
    """The process that is forked, and its client: a context manager that ends it."""

    def __init__(self, folder: Path) -> None:
        """Start it, with streams and traces in a folder."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forks"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: Sequence[str], workspace: Path, *, strace: Sequence[str] = ()) -> Ended:
        """Run one command line in a workspace, under strace with these options if any."""
        out, err, log = (self._folder / name for name in ("out", "err", "trace"))
        pid = int(
            self._ask({"words": words, "at": str(workspace), "out": str(out), "err": str(err)})
        )
        tracer = _attached(pid, [*strace, "-o", str(log)]) if strace else None
        code = os.waitstatus_to_exitcode(int(self._ask({})))
        if tracer:
            # It ends with the last of the processes that it follows: nobody stays behind.
            tracer.communicate(timeout=_PATIENCE)
        said = (path.read_text(errors="replace") for path in (out, err))
        return Ended(code, *said, log.read_text(errors="replace") if tracer else "")

    def _ask(self, request: object) -> str:
        server = self._server
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        return server.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=_PATIENCE)


def _attached(pid: int, options: Sequence[str]) -> subprocess.Popen[str]:
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    if "attached" not in (said := tracer.stderr.readline()):
        raise RuntimeError(f"strace does not attach: {said}{tracer.stderr.read()}")
    return tracer


def _import_everything() -> None:
    import xtask

    for module in pkgutil.walk_packages(xtask.__path__, "xtask."):
        name = module.name.rpartition(".")[2]
        if name not in _PROGRAMS and not name.startswith("revision_"):
            with contextlib.suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)


def _become(request: dict[str, object], go: int) -> None:
    """Be the command line, once `go` says so."""
    from xtask.cli import main

    for stream, path in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        flags = os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(str(path), flags), stream)
    os.chdir(str(request["at"]))
    signal.alarm(_PATIENCE)
    os.read(go, 1)
    os.close(go)
    sys.exit(main([str(word) for word in request["words"]]))  # type: ignore[attr-defined]


def serve() -> None:
    """Fork for each request, let it go with the next line, say how it ended."""
    _import_everything()
    for line in sys.stdin:
        go, start = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(start)
            _become(json.loads(line), go)
        os.close(go)
        print(pid, flush=True)
        sys.stdin.readline()
        os.write(start, b"!")
        os.close(start)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    serve()
