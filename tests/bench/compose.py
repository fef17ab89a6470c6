"""Validate, resolve and generate products of thousands of modules."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.bench.measure import BenchError, Series, copy_xtask, milliseconds, series
from tests.bench.report import header, table, verdict
from tests.bench.workspaces import write_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.measure import Run, Xtask

_MAX_MILLISECONDS_PER_MODULE = 0.5  # 10,000 modules in 5 s
_MAX_KILOBYTES = 600_000
_MAX_GROWTH = 1.2  # ten times the modules in at most twelve times the time


def measure(scratch: Path, counts: Sequence[int], *, seed: int, runs: int) -> str:
    """Return the report on `generate-registry` for products of the given numbers of modules.

    Raises:
        BenchError: a run failed or generated something else than all modules.
    """
    title = header("xtask generate-registry by number of modules", seed=seed, runs=runs)
    xtask = copy_xtask(scratch / "tool")
    found = {count: _measured(xtask, scratch, count, seed, runs) for count in counts}
    head = ["modules", "wall", "cpu", "peak MB", "ms per module", "growth per module"]
    rows = [
        _row(count, times, found[counts[max(0, number - 1)]], counts[max(0, number - 1)])
        for number, (count, times) in enumerate(found.items())
    ]
    return "\n".join([title, "", table(head, rows), "", *_targets(found)])


def _measured(xtask: Xtask, scratch: Path, count: int, seed: int, runs: int) -> Series:
    root = scratch / f"product-{count}"
    names = write_workspace(root, count, seed=seed, small=True)

    def once() -> Run:
        done = xtask.run(root, "generate-registry", "--json")
        registry = (root / "generated" / "registry.py").read_text()
        missing = [name for name in names if name not in registry]
        if missing or "registry.py" not in json.loads(done.output)["changed"]:
            raise BenchError(f"generated/ lacks {missing or 'the registry'}")
        return done

    measured = series(
        once, runs, before=lambda: shutil.rmtree(root / "generated", ignore_errors=True)
    )
    shutil.rmtree(root)
    return measured


def _row(count: int, times: Series, smaller: Series, fewer: int) -> list[str]:
    growth = _growth(count, times, smaller, fewer)
    return [
        f"{count:,}",
        str(times),
        milliseconds(times.cpu),
        f"{times.peak / 1000:.0f}",
        f"{times.wall * 1000 / count:.3f}",
        f"{growth:.2f}" if fewer != count else "",
    ]


def _growth(count: int, times: Series, smaller: Series, fewer: int) -> float:
    """Return how much longer a module takes in the larger product; 1 is linear."""
    return (times.wall / count) / (smaller.wall / fewer)


def _targets(found: dict[int, Series]) -> list[str]:
    """Judge the largest product, and its growth from the smallest."""
    largest, smallest = max(found), min(found)
    times = found[largest]
    speed = times.wall * 1000 / largest / _MAX_MILLISECONDS_PER_MODULE
    growth = _growth(largest, times, found[smallest], smallest)
    return [
        f"- time at {largest:,} against 5 s for 10,000: {verdict(speed, 1)}",
        f"- memory at {largest:,} against 600 MB: {verdict(times.peak / _MAX_KILOBYTES, 1)}",
        f"- time per module at {largest:,} and {smallest:,}: {verdict(growth, _MAX_GROWTH)}",
    ]
