"""How every container of ours is confined (CIS Docker Benchmark 5.3, 5.10 to 5.12, 5.25, 5.28)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from xtask.release.deployment import Limits

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
FRONT_LIMITS: Final = Limits(memory=256 << 20, cpus=1.0, pids=64)
RESTARTED: Final[Mapping[str, str]] = MappingProxyType({"Name": "unless-stopped"})


def limited(limits: Limits) -> dict[str, Any]:
    """Return the limits in the words of the SDK; memory is not extended by swap."""
    return {
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "nano_cpus": round(limits.cpus * 1e9),
        "pids_limit": limits.pids,
    }
