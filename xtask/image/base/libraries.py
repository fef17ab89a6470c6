"""The shared libraries that a Python needs to start where there is nothing else.

All of them go, by soname, to the folder of libc: the loader looks there without a cache, and so a
run path that does not exist in the image no longer matters.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from xtask import process
from xtask.errors import XtaskError
from xtask.image.base.elf import program_of

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


def shared_libraries(executable: Path, extensions: Sequence[Path]) -> dict[str, Path]:
    """Return path in the image and file of every library that the program and modules need.

    Args:
        executable: the program.
        extensions: libraries that it may load later.

    Raises:
        XtaskError: the program is not dynamically linked with the GNU C library, or two different
            libraries have one name.
    """
    with executable.open("rb") as stream:
        loader = program_of(stream, str(executable)).loader
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
