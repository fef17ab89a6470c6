"""Many builds of one input, each somewhere else: `python -m tests.repro --builds 100 --seed 1`.

Every value of every factor is equally likely. `--save` writes docs/evidence/reproducibility.md too.
Ends with 1 when a build gave something else; what and where is printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.bench.measure import REPOSITORY
from tests.bench.report import header, table
from tests.repro.product import Product, absences
from tests.repro.variations import FACTORS, Factor, at_random

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What the header of a benchmark says of its runs.
_OF_TIMES = " runs each; times are ms, median (min-max); cpu is user + system"
_PAGE = REPOSITORY / "docs" / "evidence" / "reproducibility.md"


def main() -> int:
    """Build, print the report, and return 1 when a build gave something else."""
    parser = argparse.ArgumentParser(prog="python -m tests.repro", description=__doc__)
    parser.add_argument("--builds", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="builds at a time")
    parser.add_argument("--scratch", type=Path, help="folder for workspaces")
    parser.add_argument("--save", action="store_true", help="write docs/evidence too")
    asked = parser.parse_args()
    absent = absences()
    factors = [factor for factor in FACTORS if factor.needs not in absent]
    random = Random(asked.seed)  # noqa: S311 - a repeatable choice
    rows = [at_random(factors, random) for _ in range(asked.builds)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xtask-repro-", dir=asked.scratch) as scratch:
        shop = Product(Path(scratch) / "first", Path(scratch))
        shop.first()
        with ThreadPoolExecutor(asked.at_once) as threads:
            found = list(threads.map(lambda each: _result(shop, *each), enumerate(rows)))
    report = _report(shop, rows, found, absent, asked.seed, time.monotonic() - started)
    sys.stdout.write(report)
    if asked.save:
        _PAGE.write_text(report)
    return 1 if any(found) else 0


def _result(shop: Product, number: int, row: Mapping[str, str]) -> str:
    try:
        says = shop.build(number, row)
    except AssertionError as error:
        says = f"failed: {error}"
    if says:
        sys.stderr.write(f"build {number}: {says}\n  {row}\n")
    return says


def _report(  # noqa: PLR0913, PLR0917 - what a report is made of
    shop: Product,
    rows: Sequence[Mapping[str, str]],
    found: Sequence[str],
    absent: Mapping[str, str],
    seed: int,
    seconds: float,
) -> str:
    same = sum(not says for says in found)
    lines = [
        header("One input, one digest", seed=seed, runs=len(rows)).replace(_OF_TIMES, " builds"),
        f"- {seconds:.0f} s for all",
        "",
        f"**{same} of {len(rows)} builds gave image `{shop.built['image_digest']}`.**",
        "",
        "Every build is a whole process with a value of every factor chosen at random, in a copy",
        "of four modules (code, a dependency, data, a program, pages); cold means that no wheel,",
        "layer or base was made before. Compared are manifest hash, `generated/`, `modules.lock`",
        "and image digest. `same` counts builds with another value than the first.",
        "",
        table(("what differs", "values, and builds with each", "same"), [*_rows(rows, found)]),
        "",
    ]
    lines += [f"- not varied here: {name}: {why}" for name, why in absent.items()]
    lines += [f"- build {number}: {says}" for number, says in enumerate(found) if says]
    return "\n".join(lines).rstrip() + "\n"


def _rows(rows: Sequence[Mapping[str, str]], found: Sequence[str]) -> list[tuple[str, str, str]]:
    return [_row(factor, rows, found) for factor in FACTORS if factor.name in rows[0]]


def _row(
    factor: Factor, rows: Sequence[Mapping[str, str]], found: Sequence[str]
) -> tuple[str, str, str]:
    counts = Counter(row[factor.name] for row in rows)
    values = ", ".join(f"{_short(value)} ({counts[value]})" for value in factor.values)
    others = [says for row, says in zip(rows, found, strict=True) if _is_other(row, factor)]
    return factor.name, values, f"{sum(not says for says in others)}/{len(others)}"


def _is_other(row: Mapping[str, str], factor: Factor) -> bool:
    return row[factor.name] != factor.values[0]


def _short(value: str) -> str:
    return value if len(value) <= 24 else f"{value[:8]}… {len(value)} characters"


if __name__ == "__main__":
    sys.exit(main())
