"""The program of a hook worker: runs PEP 517 hooks for many modules in one interpreter.

xtask never imports it. It is started with the Python of a build environment, where only that
environment's packages exist. The arguments name modules to import before there is anything to do;
one that cannot be imported is the business of the hook that needs it.

Each line on standard input is a request, each line on standard output the answer
`{"ok": true, "output": "...", "said": ...}`. A request `{"argv": [...], "cwd": "...",
"environ": {...}}` runs what pyproject-hooks would start as a process of its own. A request
`{"back_end": "...", "cwd": "...", "folder": "...", "requires": [...]}` makes a wheel; it says the
wheel's name, or which requirements of the back end are not among the given ones.
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
            ok, said = perform(request)
            sys.stdout.flush()
            sys.stderr.flush()
            log.seek(0)
            answer = {"ok": ok, "output": log.read(), "said": said}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def perform(request: dict[str, Any]) -> tuple[bool, Any]:
    """Run one request as if this were a new process; return whether it worked, and its answer."""
    os.chdir(request["cwd"])
    path, environ, argv = list(sys.path), dict(os.environ), list(sys.argv)
    try:
        if "back_end" in request:
            return True, wheel(request)
        os.environ.update(request["environ"])
        sys.argv = request["argv"]
        runpy.run_path(request["argv"][0], run_name="__main__")
    except BaseException:  # noqa: BLE001 - whatever a back end raises, SystemExit too, is its answer
        traceback.print_exc()
        return False, None
    finally:
        sys.path[:] = path
        sys.argv = argv
        os.environ.clear()
        os.environ.update(environ)
    return True, None


def wheel(request: dict[str, Any]) -> dict[str, Any]:
    """Call the hooks that make a wheel, in the order of PEP 517."""
    back_end = importlib.import_module(request["back_end"])
    wanted: set[str] = set(getattr(back_end, "get_requires_for_build_wheel", list)())
    if missing := sorted(wanted - set(request["requires"])):
        return {"missing": missing}
    os.makedirs(request["folder"], exist_ok=True)  # noqa: PTH103 - pathlib takes long to import
    return {"wheel": back_end.build_wheel(request["folder"])}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    serve(sys.stdin, os.fdopen(os.dup(1), "w", encoding="utf-8"))
