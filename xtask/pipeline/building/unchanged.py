"""What a build that changed nothing had looked at, so that the next one need not read it again.

A file counts as unchanged while its size, times and inode are, as in git's index. A file that was
written less than a tick of the clock before it was looked at could change once more without a
trace (git's "racy" entries): then the next build reads everything, and only says why.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from xtask.files import is_settled, signature, write_cache

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FILE = "unchanged.json"


class Unchanged(NamedTuple):
    """The manifest hash that a build came to, and the digest of the base if it was packed here."""

    manifest_hash: str
    base: str


def remember(cache: Path, found: Unchanged, paths: Iterable[str], started: int) -> None:
    """Keep what a build came to; not trusted if one of the files it looked at is too new.

    Args:
        cache: folder for what can be thrown away.
        found: what it came to.
        paths: the files and folders that decide it; a folder stands for its list of names.
        started: when it began to look, in nanoseconds since the epoch.
    """
    signatures = {path: signature(path) for path in sorted(set(paths))}
    too_new = [path for path, one in signatures.items() if not (one and is_settled(one, started))]
    document = {**found._asdict(), "cache": str(cache), "files": signatures, "too_new": too_new[:1]}
    write_cache(cache / _FILE, json.dumps(document).encode())


def recall(cache: Path, root: Path) -> tuple[Unchanged | None, str]:
    """Return what the last build came to that changed nothing, if nothing has changed since.

    Args:
        cache: folder for what can be thrown away.
        root: the folder that paths are shown relative to.

    Returns:
        nothing and in words what has changed, else what it came to.
    """
    try:
        document = json.loads((cache / _FILE).read_bytes())
        if document["cache"] != str(cache):  # a copy, and the files are those of the original
            return None, "the workspace was moved or copied"
        for path, then in document["files"].items():
            now = signature(path)
            if now is None or list(now) != then:
                return None, f"changed: {path.removeprefix(f'{root}/')}"
        for path in document["too_new"]:
            return None, f"too new to trust their times: {path.removeprefix(f'{root}/')}"
        return Unchanged(document["manifest_hash"], document["base"]), ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, "nothing is remembered of a build before"
