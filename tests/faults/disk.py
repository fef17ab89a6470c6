"""A folder on a disk as a value, and what system calls do to it.

Only what names and contents are: modes, owners and times are left out, and so is SQLite's `-shm`,
which is memory that processes share and is made anew after a crash.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tests.faults.starts import put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MEMORY = "-shm"
_T = TypeVar("_T")


class Call(NamedTuple):
    """One call that changes the folder: what it does, to which path, with what.

    `other` is the new name of a rename or the target of a link, `offset` a place in the file or
    its new size, `inode` what tells the file from others of the same name.
    """

    does: str
    path: str
    data: bytes = b""
    offset: int = 0
    other: str = ""
    inode: int = -1


class File(NamedTuple):
    """The bytes of a file, or the file that has them."""

    inode: int
    data: bytes | Path

    @property
    def read(self) -> bytes:
        """The bytes."""
        return self.data.read_bytes() if isinstance(self.data, Path) else self.data


@dataclass(frozen=True)
class Disk:
    """Files, folders and symbolic links by their path in the folder."""

    files: dict[str, File] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    links: dict[str, str] = field(default_factory=dict)

    def after(self, call: Call) -> Disk:
        """Return the folder after a call; one about a name that is not there changes nothing."""
        change = _CHANGES.get(call.does)
        return change(self, call) if change else self

    def _create(self, call: Call) -> Disk:
        return replace(self, files={**self.files, call.path: File(call.inode, b"")})

    def _write(self, call: Call) -> Disk:
        if call.path not in self.files:
            return self
        old = self.files[call.path].read.ljust(call.offset, b"\0")
        end = call.offset + len(call.data)
        return self._with(call.path, old[: call.offset] + call.data + old[end:])

    def _truncate(self, call: Call) -> Disk:
        if call.path not in self.files:
            return self
        old = self.files[call.path].read
        return self._with(call.path, old[: call.offset].ljust(call.offset, b"\0"))

    def _unlink(self, call: Call) -> Disk:
        return replace(
            self, files=_without(self.files, call.path), links=_without(self.links, call.path)
        )

    def _mkdir(self, call: Call) -> Disk:
        return replace(self, folders=self.folders | {call.path})

    def _rmdir(self, call: Call) -> Disk:
        if any(name.startswith(f"{call.path}/") for name in self._names()):
            return self
        return replace(self, folders=self.folders - {call.path})

    def _symlink(self, call: Call) -> Disk:
        return replace(self, links={**self.links, call.path: call.other})

    def _rename(self, call: Call) -> Disk:
        old, new = call.path, call.other
        if old not in {*self._names()}:
            return self

        def named(path: str) -> str:
            return new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path

        return Disk(
            {named(path): file for path, file in _without(self.files, new).items()},
            frozenset(map(named, self.folders)),
            {named(path): target for path, target in self.links.items()},
        )

    def _with(self, path: str, data: bytes) -> Disk:
        return replace(self, files={**self.files, path: File(self.files[path].inode, data)})

    def _names(self) -> Iterator[str]:
        yield from self.files
        yield from self.folders
        yield from self.links

    def write(self, target: Path, start: Path) -> Path:
        """Make it a folder anew, sharing with the start what workspaces share."""
        shutil.rmtree(target, ignore_errors=True)
        for folder in sorted(filter(is_inside, self.folders)):
            (target / folder).mkdir(parents=True, exist_ok=True)
        for path in filter(is_inside, self.files):
            data = self.files[path].data
            if data == start / path:
                put(start, path, target)
            else:
                (target / path).write_bytes(self.files[path].read)
        for path in filter(is_inside, self.links):
            (target / path).symlink_to(self.links[path])
        return target


_CHANGES: Mapping[str, Callable[[Disk, Call], Disk]] = {
    "create": Disk._create,
    "write": Disk._write,
    "truncate": Disk._truncate,
    "rename": Disk._rename,
    "unlink": Disk._unlink,
    "mkdir": Disk._mkdir,
    "rmdir": Disk._rmdir,
    "symlink": Disk._symlink,
}


def is_inside(path: str) -> bool:
    """Return whether a path lies in the folder; files elsewhere, which may get there, are whole."""
    return not path.startswith("/")


def read_disk(root: Path) -> Disk:
    """Return a folder as it is, without reading its files."""
    numbers = count(-2, -1)
    files, folders, links = {}, {""}, {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_dir():
            folders.add(name)
        elif not name.endswith(MEMORY):
            files[name] = File(next(numbers), path)
    return Disk(files, frozenset(folders), links)


def _without(found: dict[str, _T], path: str) -> dict[str, _T]:
    return {name: value for name, value in found.items() if name != path}
