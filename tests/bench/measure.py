"""Whole child processes: wall time, processor time and memory, as the kernel counts them."""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REPOSITORY = Path(__file__).parents[2]
_KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "UV_", "PIP_", "HTTP", "NO_PROXY", "http", "no_p")


class Run(NamedTuple):
    """One process from start to end: seconds, peak resident kB, standard output and error.

    `cpu` is user and system time of the process and of the children that it waited for.
    """

    wall: float
    cpu: float
    peak: int
    output: bytes
    errors: bytes


class BenchError(Exception):
    """A measured process failed, so its time means nothing."""


def environment(**extra: str) -> dict[str, str]:
    """Return what measured processes see: this process's paths and indexes, no Python switches."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return kept | {"LC_ALL": "C.UTF-8"} | extra


def run(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> Run:
    """Run one process to its end.

    Raises:
        BenchError: it exited with another code than 0.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.perf_counter()
        child = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:  # an interrupt: nothing of ours may go on
            child.kill()
            child.wait()
            raise
        wall = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        output, errors = out.read(), err.read()
    if child.returncode:
        tail = errors.decode(errors="replace")[-2000:]
        raise BenchError(f"{' '.join(map(str, argv))} exited with {child.returncode}\n{tail}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, output, errors)


class Series(NamedTuple):
    """The runs of one measurement."""

    runs: tuple[Run, ...]

    @property
    def wall(self) -> float:
        """The median of the wall time in seconds."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """The median of the processor time in seconds."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak(self) -> int:
        """The highest resident size in kB."""
        return max(run.peak for run in self.runs)

    def __str__(self) -> str:
        low, high = min(run.wall for run in self.runs), max(run.wall for run in self.runs)
        return f"{milliseconds(self.wall)} ({milliseconds(low)}-{milliseconds(high)})"


def series(once: Callable[[], Run], count: int, *, before: Callable[[], object]) -> Series:
    """Run a measurement `count` times, each after an unmeasured preparation."""
    return rounds({"": once}, count, before=before)[""]


def rounds(
    each: Mapping[str, Callable[[], Run]], count: int, *, before: Callable[[], object]
) -> dict[str, Series]:
    """Run several measurements by turns, so that a noisy minute is everybody's.

    Args:
        each: what is measured, by name.
        count: how often.
        before: an unmeasured preparation of each round.
    """
    runs: dict[str, list[Run]] = {name: [] for name in each}
    for _ in range(count):
        before()
        for name, once in each.items():
            runs[name].append(once())
    return {name: Series(tuple(done)) for name, done in runs.items()}


def nothing() -> None:
    """Prepare nothing."""


def milliseconds(seconds: float) -> str:
    """Return seconds as a number of milliseconds: three digits or more, no decimals above 10."""
    return f"{seconds * 1000:.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


class Xtask(NamedTuple):
    """A compiled copy of xtask, so that no edit and no switch of this process reaches a run."""

    folder: Path

    def run(self, workspace: Path, *words: str, interpreter: Sequence[str] = ()) -> Run:
        """Run `python -m xtask` in a workspace."""
        argv = [sys.executable, *interpreter, "-m", "xtask", *words]
        env = environment(PYTHONPATH=str(self.folder), XTASK_ACTOR="bench")
        return run(argv, cwd=workspace, env=env)


def copy_xtask(folder: Path) -> Xtask:
    """Copy this repository's xtask into a new folder and compile it, as an installer does."""
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "xtask", folder / "xtask", ignore=skipped)
    compileall.compile_dir(folder, quiet=2)
    return Xtask(folder)
