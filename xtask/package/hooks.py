"""Child processes that run build hooks (PEP 517) and stay alive from module to module."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PROGRAM = Path(__file__).with_name("hook_worker.py")
_LIMIT_SECONDS = 600.0
# ZIP cannot hold times before 1980 (APPNOTE.TXT 4.4.6).
_SOURCE_DATE_EPOCH = "315532800"


class HookWorker:
    """One child process; callable as the runner that PyPA `build` asks for."""

    def __init__(self, python: Path, preload: str = "") -> None:
        """Start it with the Python of a build environment; it imports `preload` without asking."""
        self.output = ""
        self._process = subprocess.Popen(  # not process.run: this child outlives one call
            [python, "-I", _PROGRAM, preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                "PATH": f"{python.parent}:{os.defpath}",
                "SOURCE_DATE_EPOCH": _SOURCE_DATE_EPOCH,
                "PYTHONHASHSEED": "0",
                "LC_ALL": "C.UTF-8",
            },
        )

    def __call__(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run one hook; `output` is then what it printed.

        Raises:
            CalledProcessError: the hook failed or the process died.
        """
        request = {"argv": list(cmd[1:]), "cwd": cwd, "environ": dict(extra_environ or {})}
        answer = self._ask(json.dumps(request))
        self.output = answer["output"]
        if not answer["ok"]:
            raise subprocess.CalledProcessError(1, list(cmd))

    def _ask(self, request: str) -> dict[str, str]:
        died = {"ok": "", "output": "the build back end ended its process, or took too long"}
        if self._process.stdin is None or self._process.stdout is None:
            return died
        limit = threading.Timer(_LIMIT_SECONDS, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            return died
        finally:
            limit.cancel()
        return json.loads(line) if line else died

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class HookWorkers:
    """At most `width` live workers of one build environment."""

    def __init__(self, python: Path, width: int, preload: str = "") -> None:
        """Start one worker now if there is something to preload, others when they are borrowed."""
        self.python = python
        self._idle: queue.SimpleQueue[HookWorker | None] = queue.SimpleQueue()
        for number in range(width):
            self._idle.put(HookWorker(python, preload) if preload and not number else None)
        self._width = width

    @contextmanager
    def borrow(self, *, reusable: bool) -> Iterator[HookWorker]:
        """Yield a worker; a back end that is not reusable gets a new one and leaves none."""
        kept = self._idle.get()
        if kept and not reusable:
            kept.close()
            kept = None
        worker = kept or HookWorker(self.python)
        try:
            yield worker
        except BaseException:
            worker.close()
            self._idle.put(None)
            raise
        if not reusable:
            worker.close()
        self._idle.put(worker if reusable else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _number in range(self._width):
            if worker := self._idle.get():
                worker.close()
