"""Digests of files by what the system says of them, so that unchanged ones are not read again.

The rule is git's: a file is the same while its size, times and inode are, except that one which was
young when it was read may have changed once more without a trace, and is read again.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from xtask.digest import sha256
from xtask.files import is_settled, signature_of, write_cache

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    Digest = Callable[[str, os.stat_result], str]
    """Gives the digest of a regular file by its path and what the system says of it."""

# Reading a few files again is quicker than writing down all of them.
_WORTH_WRITING = 16


class FileDigests:
    """The digests of files that one run looks at, by path; kept in one file from run to run."""

    def __init__(self, file: Path) -> None:
        """Know what was kept; nothing, when that cannot be read."""
        self._file = file
        self._started = time.time_ns()
        self._read = 0
        self._now: dict[str, list[int | str]] = {}
        try:
            self._before: dict[str, list[int | str]] = dict(json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError):
            self._before = {}

    def of(self, path: str, status: os.stat_result) -> str:
        """Return the digest of a regular file.

        Args:
            path: absolute.
            status: what the system says of it.
        """
        found = signature_of(status)
        known = self._before.get(path)
        if known and tuple(known[:-1]) == found:
            self._now[path] = known
            return str(known[-1])
        self._read += 1
        digest = read_digest(path, status)
        if is_settled(found, self._started):
            self._now[path] = [*found, digest]
        return digest

    def keep(self) -> None:
        """Keep the digests, when it is worth it."""
        if self._read * _WORTH_WRITING > len(self._now):
            write_cache(self._file, json.dumps(self._now).encode())


def read_digest(path: str, _status: os.stat_result) -> str:
    """Return the digest of a file by reading it."""
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - thousands of small files
        return sha256(stream.read())
