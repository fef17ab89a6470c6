"""What a build that changed nothing had looked at, so that the next one need not read it again.

A file counts as unchanged while its size, times and inode are, as in git's index. A file that was
written less than a tick of the clock before it was looked at could change once more without a
trace (git's "racy" entries): then nothing is remembered, and the next build reads everything.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from xtask.files import Signature, signature, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FILE = "unchanged.json"
# The kernel's clock for file times ticks 100 to 1,000 times a second (CONFIG_HZ).
_TICK_NS = 20_000_000


class Unchanged(NamedTuple):
    """The manifest hash that a build came to, and the base digest that it used."""

    manifest_hash: str
    base: str


def remember(cache: Path, found: Unchanged, paths: Iterable[Path], started: int) -> None:
    """Keep what a build came to, unless one of the files it looked at is too young to be trusted.

    Args:
        cache: folder for what can be thrown away.
        found: what it came to.
        paths: the files and folders that decide it; a folder stands for its list of names.
        started: when it began to look, in nanoseconds since the epoch.
    """
    signatures = {str(path): signature(path) for path in sorted(set(paths))}
    if all(found and _is_older(found, started - _TICK_NS) for found in signatures.values()):
        document = {**found._asdict(), "files": signatures}
        write_atomic(cache / _FILE, json.dumps(document).encode())


def _is_older(found: Signature, moment: int) -> bool:
    _, modified, changed, _ = found
    return max(modified, changed) < moment


def recall(cache: Path) -> Unchanged | None:
    """Return what the last build came to that changed nothing, if nothing has changed since."""
    try:
        document = json.loads((cache / _FILE).read_bytes())
        for path, then in document["files"].items():
            now = signature(path)
            if now is None or list(now) != then:
                return None
        return Unchanged(document["manifest_hash"], document["base"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
