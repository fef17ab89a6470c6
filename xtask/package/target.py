"""Which Python wheels are for, and which of them fit one that is not the one that runs xtask.

PyPA specification "Platform compatibility tags", PEP 600 (manylinux) and PEP 656 (musllinux).
"""

from __future__ import annotations

import sys
from typing import NamedTuple

RUNNING = sys.version.partition(" ")[0]
"""The version of the Python that runs xtask: what `platform` says too, after a longer import."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# The oldest C library that there were wheels for, and names from before the numbers.
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


class Target(NamedTuple):
    """A Python that wheels are for: its version, platform `linux/amd64`, libc `glibc 2.36`."""

    python: str
    platform: str
    libc: str

    @property
    def minor(self) -> str:
        """The part of the version that decides what fits: `3.12`."""
        return ".".join(self.python.split(".")[:2])

    @property
    def machine(self) -> str:
        """The architecture as wheels and markers name it."""
        architecture = self.platform.partition("/")[2]
        return _MACHINES.get(architecture, architecture)

    def platform_tags(self) -> list[str]:
        """Return the platform tags of wheels that run there, the most specific first."""
        machine = self.machine
        family, _, version = self.libc.partition(" ")
        major, _, newest = version.partition(".")
        tags = []
        if family == "musl":
            tags += [f"musllinux_{major}_{minor}_{machine}" for minor in range(int(newest), -1, -1)]
        else:
            for minor in range(int(newest), _OLDEST_GLIBC.get(machine, 17) - 1, -1):
                tags.append(f"manylinux_{major}_{minor}_{machine}")
                tags += [f"{_LEGACY[minor]}_{machine}"] if minor in _LEGACY else []
        return [*tags, f"linux_{machine}"]

    def __str__(self) -> str:
        return f"Python {self.minor} on {self.platform} with {self.libc}"
