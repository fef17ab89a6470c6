"""The program of a hook worker: runs PEP 517 hooks for many modules in one interpreter.

xtask never imports it. It is started with the Python of a build environment, where only that
environment's packages exist. The argument names a module to import before there is anything to do;
one that cannot be imported is the business of the hook that needs it. Each line on standard input
is a request `{"argv": [...], "cwd": "...", "environ": {...}}`, where `argv` is what pyproject-hooks
would start as a process of its own; each line on standard output is the answer
`{"ok": true, "output": "..."}`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable


def serve(requests: Iterable[str], answers: TextIO) -> None:
    """Answer requests until their stream ends."""
    for line in requests:
        request = json.loads(line)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
            ok = perform(request)
            sys.stdout.flush()
            sys.stderr.flush()
            log.seek(0)
            answers.write(json.dumps({"ok": ok, "output": log.read()}) + "\n")
            answers.flush()


def perform(request: dict[str, Any]) -> bool:
    """Run one hook as if this were a new process; return whether it worked."""
    os.chdir(request["cwd"])
    path, environ, sys.argv = list(sys.path), dict(os.environ), request["argv"]
    os.environ.update(request["environ"])
    try:
        runpy.run_path(request["argv"][0], run_name="__main__")
    except BaseException:  # noqa: BLE001 - whatever a back end raises, SystemExit too, is its answer
        traceback.print_exc()
        return False
    finally:
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environ)
    return True


if __name__ == "__main__":
    if sys.argv[1]:
        with contextlib.suppress(Exception):
            importlib.import_module(sys.argv[1])
    serve(sys.stdin, os.fdopen(os.dup(1), "w", encoding="utf-8"))
