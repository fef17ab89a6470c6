"""Every system call that changes something, once with SIGKILL at it and once with each failure."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tests.faults.calls import TRACE, Point, points, was_hit
from tests.faults.checker import Checker, facts, is_there, temporaries
from xtask.digest import hex_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.forks import Ended, Forks
    from tests.faults.starts import Start

ERRORS = tuple((name, persists) for name in ("EIO", "ENOSPC") for persists in (False, True))
_EXIT_BUG = 70
_USED_UP = "a new command needs a new key"
_MANY_TIMES = 3
T = TypeVar("T")


class Trial(NamedTuple):
    """One thing to do to one call."""

    point: Point
    says: str
    options: list[str]
    kills: bool


class Tally(NamedTuple):
    """What a campaign against one command came to.

    Of `calls` that change something come `states` that could be tried, and `tried` of them were.
    `missed` were not reached, `done` exited with 0 all the same, `again` is how often the command
    was given until each was done.
    """

    kind: str
    command: str
    calls: int
    states: int
    tried: int
    missed: int
    done: int
    again: int
    broken: tuple[str, ...]


class Sweep:
    """One command, its start, and what an undisturbed run makes of it."""

    def __init__(self, forks: Forks, start: Start, scratch: Path) -> None:
        """Run it twice undisturbed: it ends in the same state, and its calls are counted."""
        self._forks = forks
        self.start = start
        self.root = scratch / start.command
        before = facts(start.copy(self.root))
        traced = forks.run(start.words, self.root, strace=TRACE)
        assert traced.code == 0, traced.err
        self.points = points(traced.trace, self.root)
        self.checker = Checker(before, facts(self.root), scratch / "checked")
        assert [*self.checker.broken(self.root)] == []
        assert temporaries(self.root) == []

    def trials(self, kind: str) -> list[Trial]:
        """Return all that can be done to the calls: `crashes` or `errors`."""
        if kind == "crashes":
            return [Trial(one, "SIGKILL", one.killed(), kills=True) for one in self.points]
        return [
            Trial(
                one, f"{error}{' for good' if persists else ''}",
                one.failed(error, persists=persists), kills=False,
            )
            for one in self.points
            for error, persists in ERRORS
        ]  # fmt: skip

    def run(self, kind: str, number: int | None, seed: int, tell: Callable[[str], None]) -> Tally:
        """Make some trials of a kind, or all of them, and say what each broke."""
        trials = self.trials(kind)
        chosen = sample(trials, number, seed)
        broken: list[str] = []
        missed = done = again = 0
        for trial in chosen:
            self.start.copy(self.root)
            ended = self._forks.run(self.start.words, self.root, strace=trial.options)
            missed += not was_hit(ended.trace)
            done += ended.code == 0
            found = [*self._ended(trial, ended), *self.checker.broken(self.root)]
            times, more = self.finish()
            again += times
            for says in (*found, *more):
                broken.append(f"{trial.says} at {trial.point.shown}: {says}")
                tell(broken[-1])
        if not self.start.is_untouched():
            broken.append("a run has changed a file that workspaces share")
        return Tally(
            kind, self.start.command, len(self.points), len(trials), len(chosen), missed, done,
            again, tuple(broken),
        )  # fmt: skip

    def _ended(self, trial: Trial, ended: Ended) -> Iterator[str]:
        if "Traceback" in ended.err:
            yield f"a traceback: {ended.err[-500:]}"
        if ended.code == _EXIT_BUG or (ended.code < 0 and not trial.kills):
            yield f"it ended with {ended.code}: {ended.err[-500:]}"
        after = self.checker.after
        if ended.code == 0 and not is_there(self.start.command, ended.out, facts(self.root), after):
            yield "it exited with 0, and has not done it"

    def finish(self, *, cleans: bool = True) -> tuple[int, list[str]]:
        """Give the command again until it is done; return how often, and what is wrong then.

        A release that was undone has used its key up: another one is needed to want it again.

        Args:
            cleans: whether what was left behind has to go, too.
        """
        words, times = self.start.words, 0
        wrong: list[str] = []
        while True:
            ended = self._forks.run(words, self.root)
            times += 1
            if ended.code == 0:
                break
            said = " ".join(ended.err.split())
            if times == _MANY_TIMES or _USED_UP not in said:
                return times, [f"again, it ended with {ended.code}: {ended.err[-500:]}"]
            words = (*self.start.words, "--key", f"another-{times}")
        if cleans and self.start.command in {"promote", "rollback"} and temporaries(self.root):
            # They go with the next release: what was done already has nothing to write.
            ended = self._forks.run(self._next(), self.root)
            if ended.code:
                wrong.append(f"the next release ended with {ended.code}: {ended.err[-500:]}")
        wrong += self.checker.broken(self.root)
        if facts(self.root) != self.checker.after:
            wrong.append("it does not end as an undisturbed run does")
        if cleans and (left := temporaries(self.root)):
            wrong.append(f"left behind: {', '.join(left)}")
        return times, wrong

    def _next(self) -> tuple[str, ...]:
        """Return the words that let the environment behind serve the same."""
        after = self.checker.after
        (build,) = (plan for plan, image in after.builds if image == after.serves)
        return ("promote", hex_of(build), "--to", "prod", "--reason", "it is good", "--json")


def sample(found: list[T], number: int | None, seed: int) -> list[T]:
    """Return some of what was found, by chance that a seed decides, in their order; None: all."""
    if number is None or number >= len(found):
        return found
    chosen = random.Random(seed).sample(range(len(found)), number)  # noqa: S311 - repeatable
    return [found[index] for index in sorted(chosen)]
