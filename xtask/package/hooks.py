"""Child processes that run build hooks (PEP 517) and stay alive from module to module."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from xtask.files import write_if_changed
from xtask.process import ended_by_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PROGRAM = Path(__file__).with_name("hook_worker.py")
_LIMIT_SECONDS = 600.0
# ZIP cannot hold times before 1980 (APPNOTE.TXT 4.4.6).
_SOURCE_DATE_EPOCH = "315532800"


class Made(NamedTuple):
    """The file name of a wheel; or what its back end asks for that is not there."""

    wheel: str
    missing: tuple[str, ...] = ()


class HookWorker:
    """One child process; callable as the runner that PyPA `build` asks for."""

    def __init__(self, python: Path, preload: tuple[str, ...] = ()) -> None:
        """Start it with the Python of a build environment; it imports `preload` without asking."""
        self.output = ""
        self.started_with = (python, preload)
        self._process = ended_by_interrupts(
            subprocess.Popen(  # not process.run: this child outlives one call
                [python, "-I", _PROGRAM, *preload],
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
        )

    def __call__(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run one hook as PyPA `build` asks for it; `output` is then what it printed.

        Raises:
            CalledProcessError: the hook failed or the process died.
        """
        argv, environ = list(cmd[1:]), dict(extra_environ or {})
        self._run({"argv": argv, "cwd": cwd, "environ": environ}, list(cmd))

    def wheel(
        self,
        source: Path,
        folder: Path,
        back_end: str,
        requires: Sequence[str],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Made:
        """Let a back end that is a module of the environment make a wheel; `output` as above.

        Args:
            source: the project.
            folder: where the wheel goes.
            back_end: its name in `pyproject.toml`.
            requires: what it may ask for.
            meanwhile: what else there is to do.

        Raises:
            CalledProcessError: a hook failed or the process died.
        """
        said = self._run(
            {
                "back_end": back_end,
                "cwd": str(source),
                "folder": str(folder),
                "requires": list(requires),
            },
            [back_end],
            meanwhile,
        )
        return Made(Path(str(said.get("wheel", ""))).name, tuple(said.get("missing", ())))

    def _run(
        self,
        request: Mapping[str, Any],
        shown: list[str],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> dict[str, Any]:
        answer = self._ask(json.dumps(request), meanwhile)
        self.output = answer["output"]
        if not answer["ok"]:
            raise subprocess.CalledProcessError(1, shown)
        said: dict[str, Any] = answer["said"] or {}
        return said

    def _ask(self, request: str, meanwhile: Callable[[], object]) -> dict[str, Any]:
        died = {"ok": False, "output": "the build back end ended its process, or took too long"}
        if self._process.stdin is None or self._process.stdout is None:
            return died
        limit = threading.Timer(_LIMIT_SECONDS, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
            meanwhile()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            return died
        finally:
            limit.cancel()
        found: dict[str, Any] = json.loads(line) if line else died
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class HookWorkers:
    """At most `width` live workers of one build environment."""

    def __init__(
        self,
        python: Path,
        width: int,
        preload: tuple[str, ...] = (),
        early: HookWorker | None = None,
    ) -> None:
        """Start one worker now if there is something to preload, others when they are borrowed.

        Args:
            python: the environment's.
            width: how many at most.
            preload: what the first one imports without asking.
            early: the first one, when it was started before.
        """
        self.python = python
        self._idle: queue.SimpleQueue[HookWorker | None] = queue.SimpleQueue()
        first = early or (HookWorker(python, preload) if preload else None)
        for number in range(width):
            self._idle.put(None if number else first)
        self._width = width

    @contextmanager
    def borrow(self, *, reusable: bool) -> Iterator[HookWorker]:
        """Yield a worker; a back end that is not reusable gets a new one and leaves none."""
        worker = self._idle.get()
        try:
            if worker and not reusable:
                worker.close()
            if worker is None or not reusable:
                worker = HookWorker(self.python)
            yield worker
        except BaseException:
            if worker:
                worker.close()
            # Whoever waits for a place gets it, and whoever ends all of them finds it.
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


class EarlyWorker:
    """The worker that the last wheel here was made with, started before it is known to be needed.

    Loading a back end takes longer than making a wheel, so the next build that finds something
    changed starts it at once and reads manifests meanwhile. One that fits nothing is ended.
    """

    def __init__(self, cache: Path) -> None:
        """Start nothing yet; environments are folders of `cache / "build"`."""
        self._record = cache / "build" / "last.json"
        self._worker: HookWorker | None = None

    def start(self) -> None:
        """Start what was remembered, if it is still there."""
        try:
            known = json.loads(self._record.read_bytes())
            environment, preload = Path(known["environment"]).name, tuple(known["preload"])
            python = self._record.parent / environment / "bin" / "python"
            if python.is_file():
                self._worker = HookWorker(python, preload)
        except (OSError, ValueError, KeyError, TypeError):
            return

    def take(self, python: Path, preload: tuple[str, ...]) -> HookWorker | None:
        """Return the worker if it was started so, for the caller to close; remember what fits."""
        worker, self._worker = self._worker, None
        if worker and worker.started_with == (python, preload):
            return worker
        if worker:
            worker.close()
        if preload:
            environment = python.parent.parent.name
            known = json.dumps({"environment": environment, "preload": preload})
            write_if_changed(self._record, known.encode())
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker:
            self._worker.close()
