"""A campaign of products with hostile text in them: `python -m tests.property`.

`--count N` makes so many, `--seed N` others, `--save` also writes docs/evidence/attacks.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.bench.measure import REPOSITORY
from tests.bench.report import commit, table
from tests.property.attacks import DIALECTS, outcomes


def main() -> int:
    """Run a campaign and print what became of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.property", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=2000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xtask-attacks-") as folder:
        page = report(arguments.count, arguments.seed, Path(folder) / "product")
    sys.stdout.write(f"{page}\n")
    if arguments.save:
        path = REPOSITORY / "docs/evidence/attacks.md"
        path.write_text(f"{page}\n", encoding="utf-8")
    return 0


def report(count: int, seed: int, root: Path) -> str:
    """Return a campaign as a page of Markdown."""
    start = time.perf_counter()
    made, accepted, codes = Counter[str](), Counter[str](), Counter[str]()
    good = nodes = texts = begun = added = 0
    for outcome in outcomes(seed, count, root):
        good += not outcome.codes
        nodes, texts = nodes + outcome.nodes, texts + outcome.texts
        begun, added = begun + outcome.begun, added + outcome.added
        codes.update(outcome.codes)
        made.update(outcome.changed)
        accepted.update([] if outcome.codes else outcome.changed)
    rows = [(name, f"{made[name]}", f"{accepted[name]}") for name in DIALECTS.values()]
    refusals = [(code, f"{times}") for code, times in sorted(codes.items())]
    return f"""\
# Hostile text in manifests of all dialects

- `python -m tests.property --count {count} --seed {seed} --save`
- commit {commit()}, {dt.datetime.now(dt.UTC).date().isoformat()}
- {time.perf_counter() - start:.0f} s

Each product has hostile text wherever a manifest takes prose and in a requirement of Python, and
sometimes in any other text or key, in the paths of API routes and in names of database tables.
{count:,} products were made, {good:,} of them accepted. Their generated Python has {nodes:,} syntax
nodes, of which {texts:,} are texts that are no plain words, and not one is outside of the
allow-list: imports of listed modules, literals, calls of the registry's own classes, functions with
one import and one return. JSON files load, route maps are ours line by line when their strings are
left out, and the `pyproject.toml` that is written for a folder says name, version and requirements
of the module and nothing else that is not the same for all.

With each product a module is begun and one is added, with hostile words: {begun:,} and {added:,}
were taken. Their files have the syntax that they have with plain words, and `modules.toml` is as
before but for one line, which says what was asked for.

{table(("a value or key of", "products", "accepted"), rows)}

What refused the others:

{table(("code", "products"), refusals)}"""


if __name__ == "__main__":
    sys.exit(main())
