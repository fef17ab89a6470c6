"""How every container of ours is confined (CIS Docker Benchmark 5.3, 5.10 to 5.12, 5.25, 5.28)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFINED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "tmpfs": {"/tmp": "rw,nosuid,nodev,noexec,size=64m,mode=1777"},  # noqa: S108 - inside the container
        "init": True,
    }
)
RELEASE_LIMITS: Final[Mapping[str, Any]] = MappingProxyType({"pids_limit": 512, "mem_limit": "1g"})
FRONT_LIMITS: Final[Mapping[str, Any]] = MappingProxyType({"pids_limit": 64, "mem_limit": "256m"})
RESTARTED: Final[Mapping[str, str]] = MappingProxyType({"Name": "unless-stopped"})
