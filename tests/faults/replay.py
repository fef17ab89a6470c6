"""Losing power: a command's calls done again on a copy, up to one of them, with one of them lost.

A kill leaves what was written in the system's cache; a loss of power only what was synced. So each
state here is all calls up to one, in their order, and then without one that no later fsync of its
file (of a name: of its folder) had made sure of, or with the first half of it only. "Delayed past
the next call" is among them: the state one call later, without it. After ALICE (Pillai et al.,
"All File Systems Are Not Created Equal", OSDI 2014).
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.checker import facts
from tests.faults.disk import is_inside, read_disk
from tests.faults.sweep import Tally, sample
from tests.faults.tracing import TRACE, calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.faults.disk import Call, Disk
    from tests.faults.forks import Forks
    from tests.faults.sweep import Sweep

_EVERY = 4


class State(NamedTuple):
    """The first `length` calls; `lost` is the one among them that did not happen, or half."""

    length: int
    lost: int | None = None
    torn: bool = False


class Replay:
    """The calls of one undisturbed run, and every state that they may leave."""

    def __init__(self, forks: Forks, sweep: Sweep) -> None:
        """Run the command, and prove that its calls make what it has made."""
        self._sweep = sweep
        root = sweep.start.copy(sweep.root)
        self._before = read_disk(sweep.start.root)
        done = forks.run(sweep.start.words, root, strace=TRACE)
        assert done.code == 0, done.err
        self.calls = calls(done.trace, root, self._before)
        assert _contents(self._at(State(len(self.calls)))) == _contents(read_disk(root))

    def states(self) -> list[State]:
        """Return every state, those of a build from its first blob on."""
        is_build = self._sweep.start.command == "build"
        stored = (number for number, call in enumerate(self.calls) if _is_stored(call))
        first = next(stored) if is_build else 0
        found = [State(length) for length in range(first, len(self.calls) + 1)]
        for number, call in enumerate(self.calls):
            if call.does not in {"write", "rename", "unlink"} or not is_inside(call.path):
                continue
            lengths = range(max(first, number + 1), unsure(self.calls, number) + 1)
            found += [State(length, number) for length in lengths]
            if len(call.data) > 1:
                found += [State(length, number, torn=True) for length in lengths]
        return found

    def _at(self, state: State) -> Disk:
        disk = self._before
        for number, call in enumerate(self.calls[: state.length]):
            if number != state.lost:
                disk = disk.after(call)
            elif state.torn:
                disk = disk.after(call._replace(data=call.data[: len(call.data) // 2]))
        return disk

    def run(self, number: int | None, seed: int, tell: Callable[[str], None]) -> Tally:
        """Check some states or all, and give the command again in a quarter of them."""
        states = self.states()
        chosen = sample(states, number, seed)
        broken: list[str] = []
        done = again = 0
        for turn, state in enumerate(chosen):
            self._at(state).write(self._sweep.root, self._sweep.start.root)
            whole = state.length == len(self.calls)
            done += whole
            again += (repeats := not whole and turn % _EVERY == 0)
            for says in self._wrong(whole=whole, repeats=repeats):
                broken.append(f"{self._shown(state)}: {says}")
                tell(broken[-1])
        if not self._sweep.start.is_untouched():
            broken.append("a run has changed a file that workspaces share")
        return Tally(
            "replay", self._sweep.start.command, len(self.calls), len(states), len(chosen), 0, done,
            again, tuple(broken),
        )  # fmt: skip

    def _wrong(self, *, whole: bool, repeats: bool) -> Iterator[str]:
        sweep = self._sweep
        yield from sweep.checker.broken(sweep.root)
        if whole and facts(sweep.root) != sweep.checker.after:
            yield "the command had exited with 0, and what it did is gone"
        if repeats:
            yield from sweep.finish(cleans=False)[1]

    def _shown(self, state: State) -> str:
        if state.lost is None:
            return f"after {state.length} calls"
        call = self.calls[state.lost]
        how = "half of" if state.torn else "without"
        return (
            f"after {state.length} calls, {how} call {state.lost}: {call.does} {call.path}"
            f" {len(call.data)} bytes at {call.offset}"
        )


def unsure(found: Sequence[Call], number: int) -> int:
    """Return how many of the calls may have happened while one of them may still be lost."""
    call = found[number]
    folders = {posixpath.dirname(path) for path in (call.path, call.other) if path}
    for later, other in enumerate(found[number + 1 :], number + 1):
        if other.does == "sync" and (
            other.inode == call.inode
            if call.does == "write"
            else other.inode == -1 and other.path in folders
        ):
            return later
    return len(found)


def _is_stored(call: Call) -> bool:
    return call.path.startswith("releases/oci/")


def _contents(disk: Disk) -> dict[str, bytes]:
    return {path: file.read for path, file in disk.files.items() if is_inside(path)}
