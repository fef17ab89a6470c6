"""What a trace of strace says that a command did to a folder."""

from __future__ import annotations

import posixpath
import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.calls import MUTATING
from tests.faults.disk import MEMORY, Call, is_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.disk import Disk

# Paths and data as hexadecimal escapes, as long as they are. Who reads from what it writes is not
# followed: the data of all that is read would be in the trace.
TRACE = ("-y", "-xx", "-s", "100000000", "-e", f"trace={','.join((*MUTATING, 'lseek'))}")

_LINE = re.compile(r"(\d+) +(?:<\.\.\. \w+ resumed>)?(.*)", re.DOTALL)
_CUT = " <unfinished ...>"
_CALL = re.compile(r"(\w+)\((.*)\) += (\d+).*", re.DOTALL)
_STRING = re.compile(r'([<"])((?:\\x[0-9a-f]{2})*)[>"](\(deleted\))?')
# Calls about names, and what they do.
_DOES = {
    "openat": "open", "rename": "rename", "renameat": "rename", "renameat2": "rename",
    "unlink": "unlink", "unlinkat": "unlink", "mkdir": "mkdir", "rmdir": "rmdir",
    "symlink": "symlink",
}  # fmt: skip


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
        if call.name in _DOES:
            paths = [path for text in call.strings if (path := self._below(_path(call, text)))]
            found = self._of_names(call, paths) if paths else None
        elif call.descriptors and (path := self._below(call.descriptors[0])) is not None:
            found = self._of_descriptor(call, path, at)
        else:
            return
        if found is None:
            return
        after = self._disk.after(found)
        if after is not self._disk or (found.does == "sync" and is_inside(found.path)):
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
        path, does = paths[-1], _DOES[call.name]
        if does == "open":
            return self._opened(call, path)
        if does == "rename":
            return Call(does, paths[0], other=path)
        if does == "symlink":
            return Call(does, path, other=call.strings[0].decode())
        return Call("rmdir" if "AT_REMOVEDIR" in call.words else does, path)

    def _opened(self, call: _Returned, path: str) -> Call | None:
        if path not in self._disk.files:
            made = "O_CREAT" in call.words
            return Call("create", path, inode=next(self._inodes)) if made else None
        emptied = "O_TRUNC" in call.words
        return Call("truncate", path, inode=self._inode(path)) if emptied else None

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
        if not is_inside(path):
            return None
        raise ValueError(f"what {call.name} does is not known here")

    def _inode(self, path: str) -> int:
        return self._disk.files[path].inode if path in self._disk.files else -1

    def _below(self, path: str) -> str | None:
        """Return the path in the folder; files elsewhere keep theirs: they may be moved into it."""
        if path.endswith(MEMORY):
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
