"""The shared libraries that a Python needs to start where there is nothing else.

All of them go, by soname, to the folder of libc: the loader looks there without a cache, and so a
run path that does not exist in the image no longer matters.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from xtask import process
from xtask.errors import XtaskError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What published wheels may expect of a machine (PEP 600), but for graphics; then what libc loads by
# itself to look up names, where it is not built in.
_EXPECTED = (
    "libatomic.so.1", "libdl.so.2", "libexpat.so.1", "libgcc_s.so.1", "libm.so.6", "libnsl.so.1",
    "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libstdc++.so.6", "libutil.so.1",
    "libz.so.1", "libnss_dns.so.2", "libnss_files.so.2",
)  # fmt: skip
_RESOLVED = re.compile(r"^\s+([^\s/]+) => (/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PT_INTERP = 3


def shared_libraries(executable: Path, extensions: Sequence[Path]) -> dict[str, Path]:
    """Return path in the image and file of every library that the program and modules need.

    Args:
        executable: the program.
        extensions: libraries that it may load later.

    Raises:
        XtaskError: the program is not dynamically linked with the GNU C library, or two different
            libraries have one name.
    """
    loader = program_interpreter(executable)
    if "ld-musl" in loader:
        raise XtaskError(
            f"{executable} is linked with musl, and published wheels are for glibc",
            help="run xtask with a Python for glibc, or name a base image in [image] base",
        )
    found = _resolve([executable, *extensions])
    if "libc.so.6" not in found:
        raise XtaskError(f"{executable} does not use the GNU C library")
    folder = found["libc.so.6"].parent
    expected = [folder / soname for soname in _EXPECTED if (folder / soname).is_file()]
    found = _resolve([executable, *extensions, *expected])
    found |= {library.name: library for library in expected}
    placed = {str(folder / soname).lstrip("/"): file for soname, file in found.items()}
    placed[loader.lstrip("/")] = Path(loader)
    return placed


def program_interpreter(executable: Path) -> str:
    """Return the loader that the program asks for (System V ABI, program header PT_INTERP).

    Raises:
        XtaskError: it is no 64-bit little-endian ELF program, or statically linked.
    """
    with executable.open("rb") as stream:
        head = stream.read(64)
        if not head.startswith(_ELF64_LITTLE_ENDIAN):
            raise XtaskError(f"{executable} is not a 64-bit little-endian ELF program")
        (start,), (size, count) = (
            struct.unpack_from("<Q", head, 32),
            struct.unpack_from("<HH", head, 54),
        )
        for number in range(count):
            stream.seek(start + number * size)
            kind, _, offset, _, _, length = struct.unpack("<IIQQQQ", stream.read(40))
            if kind == _PT_INTERP:
                stream.seek(offset)
                return stream.read(length).rstrip(b"\0").decode()
    raise XtaskError(
        f"{executable} is statically linked and cannot load modules",
        help="run xtask with a dynamically linked Python",
    )


def _resolve(objects: Iterable[Path]) -> dict[str, Path]:
    """Return soname and file of all that the loader would load for the objects.

    A library that is not found is left out: what needs it cannot be used on this machine either.
    """
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    if path := os.environ.get("LD_LIBRARY_PATH"):
        environment["LD_LIBRARY_PATH"] = path
    found: dict[str, Path] = {}
    for soname, path in _RESOLVED.findall(
        process.run(["ldd", *map(str, objects)], env=environment)
    ):
        other = found.setdefault(soname, Path(path))
        if not other.samefile(path):
            raise XtaskError(
                f"two libraries are called {soname}: {other} and {path}",
                help="unset LD_LIBRARY_PATH, or run xtask with another Python",
            )
    return found
