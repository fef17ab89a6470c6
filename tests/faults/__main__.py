"""What may go wrong while xtask works: `python -m tests.faults crashes errors replay operations`.

    crashes     SIGKILL at every system call that changes something
    errors      EIO and ENOSPC at each of them, once and for good
    replay      each state that a loss of power may leave of an undisturbed run
    operations  eight operators at once, killed, stopped and locked out, on SQLite and on the server
                that XTASK_TEST_POSTGRESQL names

The first three need strace, and to be allowed to attach it to processes of one's own: `--command
NAME...` chooses among build, promote, rollback and migrate, `--points N` how many of each are tried
(`all`: every one). `--operations N` is how many there are in all. `--seed N` is what chance begins
with. `--save` puts what was tried into docs/evidence/; rows of other campaigns stay.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.shop import write_shop
from tests.bench.report import commit
from tests.faults.forks import ROOT, Forks
from tests.faults.history import judge
from tests.faults.operations import OPERATORS, campaign
from tests.faults.page import Page
from tests.faults.replay import Replay
from tests.faults.starts import COMMANDS, prepare
from tests.faults.sweep import Sweep
from tests.support.postgresql import Schemas
from xtask.records.store import migrate_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DATABASES = ("sqlite", "postgresql")
_AT_CALLS = ("crashes", "errors", "replay")
_EVIDENCE = ROOT / "docs" / "evidence"
_CRASHES = Page(
    _EVIDENCE / "crashes.md",
    """\
# Crashes, failing disks, losses of power

`python -m tests.faults crashes errors replay --points all --save` repeats it; see `--help`. Each
row is a campaign against one command in the smallest shop with embedded records.

- *calls*: system calls of an undisturbed run that change something in the workspace. `strace`
  counts calls of a name for each thread by itself, so a point of `build` hits whichever thread or
  child process gets that far, and points of two of them that have the same number are one.
- *states*: for *crashes* SIGKILL before each call; for *errors* EIO and ENOSPC, once and from there
  on; for *replay* all calls up to one, then without one write, rename or removal that no fsync
  covers, or with half of a write.
- *exit 0*: of those that were tried, how many said that they were done. *again*: how often the
  command was given again, up to the end. *missed*: points that were not reached.
- *broken*: rules that did not hold, or an end that is not that of an undisturbed run.

""",
    ("what", "command"),
    ("calls", "states", "tried", "exit 0", "again", "missed", "broken", "seed"),
)
_OPERATIONS = Page(
    _EVIDENCE / "operations.md",
    """\
# Many operators at once

`python -m tests.faults operations --operations 250000 --seed 2 --save` writes a row. Each is one
history: eight processes promote, roll back, build and look, in two environments of one database;
each operation has a key, and is written down before it begins and with what it was told. Meanwhile
processes are killed and started again (*kills*), stopped for up to two and a half leases
(*pauses*), and the lock that every writer needs is taken from all of them (*locks*). Then nine
rules are checked over all of it: journals, targets, rows and the chain of events.

- *told*: operations that ended with a build or a generation; *refused*: with a reason; *unknown*:
  the database did not answer in time. An operation that a kill interrupted is given again.
- *broken*: rules that did not hold: more than one active release, a gap in generations, something
  acknowledged that is not there or happened twice, a stale answer, a target that went back, a
  rollback to something else, an event too many or in another order, a link of the chain, a row
  that is not what the chain says of it.

""",
    ("database", "seed"),
    ("operations", "told", "refused", "unknown", "releases", "events", "kills", "pauses", "locks",
     "minutes", "broken"),
)  # fmt: skip


def main() -> int:
    """Run the campaigns and print a row for each; return 1 when a rule was broken."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="xtask-faults-", dir=arguments.scratch) as folder:
        broken = _at_calls(arguments, Path(folder)) if {*arguments.kinds} & {*_AT_CALLS} else 0
        if "operations" in arguments.kinds:
            broken += _many(arguments, Path(folder))
    return 1 if broken else 0


def _at_calls(arguments: argparse.Namespace, scratch: Path) -> int:
    number, broken = None if arguments.points == "all" else int(arguments.points), 0
    tried = commit()
    with Forks(scratch / "forks") as forks:
        shop = write_shop(scratch / "shop").root
        starts = prepare(forks, shop, scratch / "starts")
        for command in arguments.command:
            sweep = Sweep(forks, starts[command], scratch)
            for kind in (one for one in _AT_CALLS if one in arguments.kinds):
                tally = (
                    Replay(forks, sweep).run(number, arguments.seed, _tell)
                    if kind == "replay"
                    else sweep.run(kind, number, arguments.seed, _tell)
                )
                broken += len(tally.broken)
                print(" ".join(map(str, tally[:-1])), len(tally.broken), flush=True)
                if arguments.save:
                    numbers = (
                        tally.calls, tally.states, tally.tried, tally.done, tally.again,
                        tally.missed, len(tally.broken), arguments.seed,
                    )  # fmt: skip
                    _CRASHES.put((tally.kind, tally.command), numbers, tried)
    return broken


def _many(arguments: argparse.Namespace, scratch: Path) -> int:
    broken, operations = 0, arguments.operations // OPERATORS * OPERATORS
    tried = commit()
    with contextlib.ExitStack() as stack:
        for name, url in _databases(arguments.database, scratch, stack):
            folder = scratch / name
            folder.mkdir()
            migrate_records(url)
            began = time.monotonic()
            count = campaign(url, folder, operations=operations, seed=arguments.seed)
            minutes = round((time.monotonic() - began) / 60)
            found = judge(url, folder, operations=operations)
            for rule in found.broken:
                _tell(f"{name}: {rule}")
            broken += len(found.broken)
            row = (name, str(arguments.seed))
            numbers = (*found[:-1], *count, minutes, len(found.broken))
            print(*row, *numbers, flush=True)
            if arguments.save:
                _OPERATIONS.put(row, numbers, tried)
    return broken


def _databases(
    names: Sequence[str], scratch: Path, stack: contextlib.ExitStack
) -> Iterator[tuple[str, str]]:
    if "sqlite" in names:
        yield "SQLite", f"sqlite:///{scratch / 'records.sqlite3'}"
    server = os.environ.get("XTASK_TEST_POSTGRESQL")
    if "postgresql" in names and server:
        schemas = stack.enter_context(contextlib.closing(Schemas(server)))
        yield "PostgreSQL", schemas.address(schemas.new())


def _tell(says: str) -> None:
    print(says, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    kinds = (*_AT_CALLS, "operations")
    parser.add_argument("kinds", nargs="+", choices=kinds, metavar="|".join(kinds))
    parser.add_argument("--command", nargs="+", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--points", default="40", metavar="N|all")
    parser.add_argument("--operations", type=int, default=5_000, metavar="N")
    parser.add_argument("--database", nargs="+", choices=_DATABASES, default=_DATABASES)
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--scratch", default=tempfile.gettempdir(), metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
