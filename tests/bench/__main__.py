"""Benchmarks: `python -m tests.bench build|compose|start|records|release`.

    build    xtask build against docker build and buildah: cold, no change, one module changed
    compose  generate-registry for thousands of modules
    start    what xtask build imports
    records  questions and promotions in records of a million builds, on SQLite and on the server
             that XTASK_TEST_POSTGRESQL names
    release  rollbacks and the requests of clients meanwhile, on the engine that DOCKER_HOST names

`--modules N...` chooses other sizes (`records`: of builds, `release`: of clients), `--runs N` how
often each step is measured, `--seed N` other modules, `--save` also writes docs/evidence/NAME.md.
Everything lies in a new folder of `--scratch` and ends with the run. With `--alone`, without
Debian's packages, or without root, `build` has no peer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import build, compose, records, release, start
from tests.bench.measure import REPOSITORY, BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = ("build", "compose", "start", "records", "release")


def main() -> int:
    """Run one benchmark and print its report; return 1 when something measured failed."""
    arguments = _parser().parse_args()
    benchmarks: dict[str, tuple[Callable[..., str], tuple[int, ...], int]] = {
        "build": (partial(build.measure, alone=arguments.alone), (10, 50, 200), 10),
        "compose": (compose.measure, (1_000, 10_000), 5),
        "start": (start.measure, (50,), 15),
        "records": (records.measure, (1_000_000,), 300),
        "release": (release.measure, (4,), 10),
    }
    measure, counts, runs = benchmarks[arguments.name]
    try:
        with tempfile.TemporaryDirectory(prefix="xtask-bench-", dir=arguments.scratch) as scratch:
            report = measure(
                Path(scratch),
                sorted(arguments.modules or counts),
                seed=arguments.seed,
                runs=arguments.runs or runs,
            )
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    print(report)
    if arguments.save:
        page = REPOSITORY / "docs" / "evidence" / f"{arguments.name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"{report}\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", choices=_NAMES)
    parser.add_argument("--modules", type=int, nargs="+", metavar="N")
    parser.add_argument("--runs", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--scratch", default=tempfile.gettempdir(), metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
