"""System calls that change a workspace, as strace counts them, and what it can do to one."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MUTATING = (
    "open", "openat", "creat", "write", "writev", "pwrite64", "pwritev", "pwritev2", "rename",
    "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "link", "linkat",
    "symlink", "symlinkat", "fsync", "fdatasync", "sync_file_range", "truncate", "ftruncate",
    "fallocate", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat",
    "utimensat", "copy_file_range", "sendfile",
)  # fmt: skip
TRACE = ("-y", "-e", f"trace={','.join(MUTATING)}")

_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$", re.MULTILINE)
_OPENS = ("open", "openat")
_MAKES = re.compile(r"\bO_(?:CREAT|TRUNC)\b")


class Point(NamedTuple):
    """The call to hit: the number-th with this name of whichever thread gets there.

    strace counts each call of each thread (its "tracee") by itself. `before` is how many of each
    name that thread had made already.
    """

    name: str
    number: int
    before: Mapping[str, int]
    shown: str

    def killed(self) -> list[str]:
        """Return the options that end the process before the call happens."""
        return self._options(f"inject={self.name}:signal=KILL:when={self.number}")

    def failed(self, error: str, *, persists: bool) -> list[str]:
        """Return the options that let the call fail, once or with all that change something.

        Of later calls that open a file most only read, which a full disk does not forbid: they are
        left out.
        """
        if not persists:
            return self._options(f"inject={self.name}:error={error}:when={self.number}")
        others = [name for name in MUTATING if name not in {*_OPENS, self.name}]
        return self._options(
            f"inject={self.name}:error={error}:when={self.number}+",
            *(f"inject={name}:error={error}:when={self.before[name] + 1}+" for name in others),
        )

    @staticmethod
    def _options(*injections: str) -> list[str]:
        return [word for one in (TRACE[-1], *injections) for word in ("-e", one)]


def points(trace: str, root: Path) -> list[Point]:
    """Return each call of a trace that changes something in a workspace, each of them once."""
    counts: dict[str, Counter[str]] = {}
    found: dict[tuple[str, int], Point] = {}
    for thread, name, rest in _CALL.findall(trace):
        count = counts.setdefault(thread, Counter())
        before = Counter(count)
        count[name] += 1
        if _is_mutating(name, rest, str(root)):
            found.setdefault(
                (name, count[name]), Point(name, count[name], before, f"{name}({rest[:200]}")
            )
    return list(found.values())


def _is_mutating(name: str, rest: str, root: str) -> bool:
    if name in _OPENS and not _MAKES.search(rest):
        return False
    return any(root in path for path in _paths(rest))


def _paths(rest: str) -> Iterator[str]:
    """Yield the names in the words of a call, and those of its descriptors."""
    yield from re.findall(r'"([^"]*)"', rest)
    yield from re.findall(r"<([^>]*)>", rest)


def was_hit(trace: str) -> bool:
    """Return whether strace did what it was told."""
    return "(INJECTED)" in trace or "+++ killed by SIGKILL +++" in trace
