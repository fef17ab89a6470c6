"""Where the running CPython is installed, and which of its files an application needs."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.errors import XtaskError
from xtask.files import signature, signature_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tests, the desktop, pip, and what was installed on this machine: none of it is the interpreter.
_FOLDERS_NOT_KEPT = frozenset(
    {
        "__pycache__", "dist-packages", "ensurepip", "idlelib", "site-packages", "test", "tests",
        "tkinter", "turtledemo",
    }
)  # fmt: skip
# Static libraries, programs for another system, test modules, and code that this machine runs at
# each start of Python.
_FILES_NOT_KEPT = re.compile(
    r".*\.(?:a|o|exe|pyc)|(?:_test|_ctypes_test|_tkinter|xx|_xxtest).*\.so|(?:site|user)customize\.py"
)


@dataclass(frozen=True, slots=True)
class Installation:
    """A CPython as it lies on this machine.

    `tag` names it in paths (`python3.11`); `library` is its library folder, `lib` or `lib64`.
    """

    version: str
    tag: str
    executable: Path
    stdlib: Path
    library: str

    def files(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield the files of the standard library, with their paths below its folder."""
        return _walk(str(self.stdlib), "")

    def fingerprint(self) -> str:
        """Return a digest that changes when a file does, without reading any of them."""
        lines = [f"{path}\0{signature_of(entry.stat())}" for path, entry in self.files()]
        lines += [self.version, str(self.stdlib), str(self.executable)]
        lines.append(str(signature(self.executable)))
        return hashlib.sha256(
            "\n".join(sorted(lines)).encode("utf-8", "surrogateescape")
        ).hexdigest()


def running_installation() -> Installation:
    """Return the CPython that runs this program; of a virtual environment, the one below it.

    Raises:
        XtaskError: another system than Linux, another Python than CPython, or an unusual place.
    """
    if sys.platform != "linux" or sys.implementation.name != "cpython":
        raise XtaskError(
            f"{sys.implementation.name} on {sys.platform} cannot become a base image",
            help="run xtask with CPython on Linux, or name a base image in [image] base",
        )
    stdlib = Path(os.__file__).parent
    executable = Path(sys.base_exec_prefix, "bin", stdlib.name)
    if not executable.is_file():
        raise XtaskError(f"no Python at {executable}, where its installation should have one")
    version = sys.version.partition(" ")[0]
    return Installation(version, stdlib.name, executable, stdlib, sys.platlibdir)


def machine_platform() -> str:
    """Return this machine's platform as OCI names it, such as `linux/amd64` (GOARCH)."""
    machine = os.uname().machine
    return f"{sys.platform}/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir():
                if name not in _FOLDERS_NOT_KEPT and not name.startswith("config-"):
                    yield from _walk(entry.path, f"{prefix}{name}/")
            elif entry.is_file() and not _FILES_NOT_KEPT.fullmatch(name):
                yield prefix + name, entry
