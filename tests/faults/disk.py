"""A folder on a disk as a value, and what system calls do to it.

Only what names and contents are: modes, owners and times are left out, and so is SQLite's `-shm`,
which is memory that processes share and is made anew after a crash.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tests.faults.calls import MUTATING
from tests.faults.starts import put

if TYPE_CHECKING:
    from collections.abc import Iterator

# Paths and data as hexadecimal escapes, as long as they are. Who reads from what it writes is not
# followed: the data of all that is read would be in the trace.
TRACE = ("-y", "-xx", "-s", "100000000", "-e", f"trace={','.join((*MUTATING, 'lseek'))}")

_LINE = re.compile(r"(\d+) +(?:<\.\.\. \w+ resumed>)?(.*)", re.DOTALL)
_CUT = " <unfinished ...>"
_CALL = re.compile(r"(\w+)\((.*)\) += (\d+).*", re.DOTALL)
_STRING = re.compile(r'([<"])((?:\\x[0-9a-f]{2})*)[>"](\(deleted\))?')
_BY_NAME = frozenset((
    "openat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "rmdir", "symlink",
))  # fmt: skip
_MEMORY = "-shm"
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
        files, path = self.files, call.path
        match call.does:
            case "create":
                return replace(self, files={**files, path: File(call.inode, b"")})
            case "write" if path in files:
                old = files[path].read.ljust(call.offset, b"\0")
                new = old[: call.offset] + call.data + old[call.offset + len(call.data) :]
                return self._with(path, new)
            case "truncate" if path in files:
                return self._with(path, files[path].read[: call.offset].ljust(call.offset, b"\0"))
            case "rename":
                return self._moved(path, call.other)
            case "unlink":
                return replace(self, files=_without(files, path), links=_without(self.links, path))
            case "mkdir":
                return replace(self, folders=self.folders | {path})
            case "rmdir" if not any(name.startswith(f"{path}/") for name in self._names()):
                return replace(self, folders=self.folders - {path})
            case "symlink":
                return replace(self, links={**self.links, path: call.other})
        return self

    def _with(self, path: str, data: bytes) -> Disk:
        return replace(self, files={**self.files, path: File(self.files[path].inode, data)})

    def _names(self) -> Iterator[str]:
        yield from self.files
        yield from self.folders
        yield from self.links

    def _moved(self, old: str, new: str) -> Disk:
        def named(path: str) -> str:
            return new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path

        if old not in {*self._names()}:
            return self
        kept = {path: file for path, file in self.files.items() if path != new}
        return Disk(
            {named(path): file for path, file in kept.items()},
            frozenset(map(named, self.folders)),
            {named(path): target for path, target in self.links.items()},
        )

    def write(self, target: Path, start: Path) -> Path:
        """Make it a folder anew, sharing with the start what workspaces share."""
        shutil.rmtree(target, ignore_errors=True)
        for folder in sorted(name for name in self.folders if not name.startswith("/")):
            (target / folder).mkdir(parents=True, exist_ok=True)
        for path, file in self.files.items():
            if path.startswith("/"):
                continue
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(file.data, Path):
                put(start, path, target) if file.data == start / path else shutil.copy2(
                    file.data, target / path
                )
            else:
                (target / path).write_bytes(file.data)
        for path, link in self.links.items():
            if path.startswith("/"):
                continue
            (target / path).symlink_to(link)
        return target


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
        elif not name.endswith(_MEMORY):
            files[name] = File(next(numbers), path)
    return Disk(files, frozenset(folders), links)


def _without(found: dict[str, _T], path: str) -> dict[str, _T]:
    return {name: value for name, value in found.items() if name != path}


def calls(trace: str, root: Path, disk: Disk) -> list[Call]:
    """Return what a trace does to a folder, in the order in which calls returned.

    Raises:
        ValueError: a call that is not known here has changed it.
    """
    reader = _Reader(root, disk)
    for returned in _returned(trace):
        reader.read(returned)
    return reader.calls


class _Returned(NamedTuple):
    """A call that succeeded: strings are names or data, descriptors have the path that they had."""

    thread: str
    name: str
    words: str
    result: int
    strings: list[bytes]
    descriptors: list[str]


class _Reader:
    """Follows a trace: what there is in the folder, and where in its files threads are."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self.calls: list[Call] = []
        self._root = f"{root}/"
        self._disk = disk
        self._places: dict[tuple[str, str], int] = {}
        self._inodes = count()

    def read(self, call: _Returned) -> None:
        """Follow one call more."""
        at = self._moved(call)
        if call.name in _BY_NAME:
            paths = [path for text in call.strings if (path := self._below(_path(call, text)))]
            found = self._of_names(call, paths) if paths else None
        elif call.descriptors and (path := self._below(call.descriptors[0])) is not None:
            found = self._of_descriptor(call, path, at)
        else:
            return
        if found is None:
            return
        after = self._disk.after(found)
        if after is not self._disk or (found.does == "sync" and not found.path.startswith("/")):
            self.calls.append(found)
            self._disk = after

    def _moved(self, call: _Returned) -> int:
        """Return where in its file the thread was, and remember where it is now."""
        if call.name == "openat":
            self._places[call.thread, str(call.result)] = 0
            return 0
        held = (call.thread, call.words.partition("<")[0])
        at = self._places.get(held, 0)
        if call.name in {"write", "sendfile"}:
            self._places[held] = at + call.result
        elif call.name == "lseek":
            self._places[held] = call.result
        return at

    def _of_names(self, call: _Returned, paths: list[str]) -> Call | None:
        path = paths[-1]
        match call.name:
            case "openat" if path in self._disk.files and "O_TRUNC" in call.words:
                return Call("truncate", path, inode=self._inode(path))
            case "openat" if path not in self._disk.files and "O_CREAT" in call.words:
                return Call("create", path, inode=next(self._inodes))
            case "rename" | "renameat" | "renameat2":
                return Call("rename", paths[0], other=path)
            case "symlink":
                return Call("symlink", path, other=call.strings[0].decode())
            case "unlinkat" if "AT_REMOVEDIR" in call.words:
                return Call("rmdir", path)
            case "unlinkat":
                return Call("unlink", path)
            case "unlink" | "mkdir" | "rmdir":
                return Call(call.name, path)
        return None

    def _of_descriptor(self, call: _Returned, path: str, at: int) -> Call | None:
        match call.name:
            case "write" | "pwrite64":
                place = at if call.name == "write" else int(call.words.rpartition(", ")[2])
                data = call.strings[0][: call.result]
                return Call("write", path, data, place, inode=self._inode(path))
            case "sendfile" if call.result:
                source = call.descriptors[1]
                inner = self._below(source)
                data = self._disk.files[inner].read if inner else Path(source).read_bytes()
                return Call("write", path, data[: call.result], at, inode=self._inode(path))
            case "ftruncate":
                size = int(call.words.rpartition(", ")[2])
                return Call("truncate", path, offset=size, inode=self._inode(path))
            case "fsync" | "fdatasync":
                return Call("sync", path, inode=self._inode(path))
            case "lseek" | "sendfile" | "fchmod" | "fchown" | "utimensat":
                return None
        raise ValueError(f"what {call.name} does is not known here")

    def _inode(self, path: str) -> int:
        return self._disk.files[path].inode if path in self._disk.files else -1

    def _below(self, path: str) -> str | None:
        """Return the path in the folder; files elsewhere keep theirs: they may be moved into it."""
        if path.endswith(_MEMORY):
            return None
        return "" if f"{path}/" == self._root else path.removeprefix(self._root)


def _path(call: _Returned, text: bytes) -> str:
    """Return a whole path; a relative one lies in the descriptor that the call has, if any.

    Raises:
        ValueError: it has none, so that nobody knows where it lies.
    """
    path = text.decode(errors="surrogateescape")
    if path.startswith("/") or call.name == "symlink":
        return path
    if not call.descriptors:
        raise ValueError(f"where does {call.name}({path}) lie?")
    return posixpath.join(call.descriptors[0], path)


def _returned(trace: str) -> Iterator[_Returned]:
    """Yield every call that succeeded."""
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        matched = _LINE.fullmatch(line)
        if matched is None:
            continue
        thread, text = matched.groups()
        if "resumed>" in line.partition("(")[0]:
            text = begun.pop(thread, "") + text
        if text.endswith(_CUT):
            begun[thread] = text.removesuffix(_CUT)
            continue
        if call := _CALL.fullmatch(text):
            found = [
                (kind == "<" and not gone, bytes.fromhex(text.replace("\\x", "")))
                for kind, text, gone in _STRING.findall(call[2])
                if not gone
            ]
            yield _Returned(
                thread, call[1], call[2], int(call[3]),
                [text for held, text in found if not held],
                [text.decode(errors="surrogateescape") for held, text in found if held],
            )  # fmt: skip
