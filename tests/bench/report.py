"""What a benchmark prints: a header that says on what, and Markdown tables."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from typing import TYPE_CHECKING

from tests.bench.measure import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 100


def header(title: str, *, seed: int, runs: int) -> str:
    """Return title, seed, number of runs, commit, date and machine."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    lines = (
        f"# {title}",
        "",
        f"- seed {seed}, {runs} runs each; times are ms, median (min-max); cpu is user + system",
        f"- commit {commit()}, {today}",
        f"- {_processor()}, {os.cpu_count()} cores, {_memory()} GB",
        f"- {platform.system()} {platform.release()}, Python {platform.python_version()}",
        f"- load average at the start: {os.getloadavg()[0]:.2f}",
    )
    return "\n".join(line[:WIDTH] for line in lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns, the first to the left, others to the right."""
    cells = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(cells[0], widths), f"| {' | '.join(rule)} |"]
    return "\n".join([*lines, *(_line(row, widths) for row in cells[1:])])


def verdict(ratio: float, limit: float) -> str:
    """Return a ratio, its target, and whether it is met."""
    return f"{ratio:.2f} (target ≤ {limit:g}: {'met' if ratio <= limit else 'MISSED'})"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0].ljust(widths[0])
    rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return f"| {' | '.join([first, *rest])} |"


def commit() -> str:
    """Return the commit that is checked out, and whether the code differs from it."""
    found = _git("rev-parse", "--short=12", "HEAD") or "none"
    return f"{found} and changes" if _git("status", "--porcelain", "xtask") else found


def _git(*words: str) -> str:
    argv = ["git", "-C", str(REPOSITORY), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - a pseudo-file
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
