"""Crashes, failing disks and losses of power: `python -m tests.faults crashes errors replay`.

    crashes  SIGKILL at every system call that changes something
    errors   EIO and ENOSPC at each of them, once and for good
    replay   each state that a loss of power may leave of an undisturbed run

`--command NAME...` chooses among build, promote, rollback and migrate, `--points N` how many of
each are tried (`all`: every one), `--seed N` which. `--save` puts what was tried into
docs/evidence/crashes.md; rows of other campaigns stay. Needs strace, and to be allowed to attach
it to processes of one's own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.acceptance.shop import write_shop
from tests.faults.forks import ROOT, Forks
from tests.faults.replay import Replay
from tests.faults.starts import COMMANDS, prepare
from tests.faults.sweep import Sweep, Tally

_KINDS = ("crashes", "errors", "replay")
_PAGE = ROOT / "docs" / "evidence" / "crashes.md"
_HEAD = """\
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

"""
_COLUMNS = (
    "what", "command", "calls", "states", "tried", "exit 0", "again", "missed", "broken", "seed",
    "commit", "date",
)  # fmt: skip


def main() -> int:
    """Run the campaigns and print a row for each; return 1 when a rule was broken."""
    arguments = _parser().parse_args()
    commit = _commit()
    number = None if arguments.points == "all" else int(arguments.points)
    broken = 0
    with tempfile.TemporaryDirectory(prefix="xtask-faults-", dir=arguments.scratch) as folder:
        scratch = Path(folder)
        with Forks(scratch / "forks") as forks:
            shop = write_shop(scratch / "shop").root
            starts = prepare(forks, shop, scratch / "starts")
            for command in arguments.command:
                sweep = Sweep(forks, starts[command], scratch)
                for kind in arguments.kinds:
                    tally = (
                        Replay(forks, sweep).run(number, arguments.seed, _tell)
                        if kind == "replay"
                        else sweep.run(kind, number, arguments.seed, _tell)
                    )
                    broken += len(tally.broken)
                    print(" ".join(map(str, tally[:-1])), len(tally.broken), flush=True)
                    if arguments.save:
                        _save(tally, arguments.seed, commit)
    return 1 if broken else 0


def _tell(says: str) -> None:
    print(says, file=sys.stderr, flush=True)


def _commit() -> str:
    words = ["git", "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _save(tally: Tally, seed: int, commit: str) -> None:
    page = _PAGE.read_text() if _PAGE.exists() else ""
    rows = {
        (cells[0], cells[1]): cells
        for line in page.splitlines()
        if line.startswith("|") and (cells := [cell.strip() for cell in line.strip("|").split("|")])
    }
    numbers = (
        tally.calls, tally.states, tally.tried, tally.done, tally.again, tally.missed,
        len(tally.broken), seed,
    )  # fmt: skip
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    row = [tally.kind, tally.command, *(f"{one:,}" for one in numbers), commit, date]
    rows[tally.kind, tally.command] = row
    known = [rows[kind, name] for kind in _KINDS for name in COMMANDS if (kind, name) in rows]
    rule = [":--", ":--", *("--:" for _ in numbers), ":--", ":--"]
    _PAGE.write_text(_HEAD + "".join(f"| {' | '.join(r)} |\n" for r in (_COLUMNS, rule, *known)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("kinds", nargs="+", choices=_KINDS, metavar="crashes|errors|replay")
    parser.add_argument("--command", nargs="+", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--points", default="40", metavar="N|all")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--scratch", default=tempfile.gettempdir(), metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
