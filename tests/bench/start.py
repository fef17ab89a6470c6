"""What `xtask build` costs before it does anything: the interpreter and its imports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measure import copy_xtask, environment, nothing, run, series
from tests.bench.report import header, table
from tests.bench.workspaces import write_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SHOWN = 10
_PREFIX = "import time:"


class Import(NamedTuple):
    """One import as `-X importtime` reports it, in microseconds."""

    alone: int
    with_its_own: int
    name: str


def measure(scratch: Path, counts: Sequence[int], *, seed: int, runs: int) -> str:
    """Return the report on the imports of a build that changes nothing, for the first size."""
    title = header("Start of xtask build", seed=seed, runs=runs)
    xtask = copy_xtask(scratch / "tool")
    root = scratch / "product"
    write_workspace(root, counts[0], seed=seed)
    xtask.run(root, "build", "--json")
    whole = series(lambda: xtask.run(root, "build", "--json"), runs, before=nothing)
    bare = series(
        lambda: run([sys.executable, "-c", "pass"], cwd=root, env=environment()),
        runs,
        before=nothing,
    )
    traced = xtask.run(root, "build", "--json", interpreter=("-X", "importtime"))
    imports = _imports(traced.errors.decode())
    total = sum(one.alone for one in imports)
    rows = [
        [f"python -m xtask build, no change, {counts[0]} modules", str(whole)],
        ["python -c pass", str(bare)],
        [f"all {len(imports)} imports, as traced", f"{total / 1000:.1f}"],
    ]
    costs = [
        [one.name, f"{one.alone / 1000:.1f}", f"{one.with_its_own / 1000:.1f}"]
        for one in sorted(imports, reverse=True)[:_SHOWN]
    ]
    head = ["most expensive imports", "alone, ms", "with what it imports, ms"]
    return "\n".join([title, "", table(["what", "ms"], rows), "", table(head, costs)])


def _imports(text: str) -> list[Import]:
    found = []
    for line in text.splitlines():
        parts = line.removeprefix(_PREFIX).split("|")
        if line.startswith(_PREFIX) and parts[0].strip().isdecimal():
            found.append(Import(int(parts[0]), int(parts[1]), parts[2].strip()))
    return found
