"""What every target can do, and which targets there are.

A target is a module: its functions are the four steps. A new one is one file and one line below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from xtask.errors import UsageError
from xtask.release import docker, record
from xtask.release.deployment import Deployment, Failed, Observed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TARGETS", "Deployment", "Failed", "Observed", "Target", "target"]


class Target(Protocol):
    """The steps of a release; each can be repeated after a crash and then finds its own work."""

    @property
    def name(self) -> str:
        """The word for it in `modules.toml`."""

    def apply(self, deployment: Deployment, /, *, undoing: Failed | None = None) -> None:
        """Run the deployment beside what serves, without traffic; return when it is healthy.

        `undoing` is a failed successor, which may have the traffic; it is taken back next.
        """

    def switch(self, deployment: Deployment, /, *, undoing: Failed | None = None) -> None:
        """Send the environment's traffic to the deployment; return when the port answers so."""

    def observe(self, app: str, environment: str, port: int, /) -> Observed | None:
        """Return what answers on the environment's port and what the engine knows of it.

        `None` when neither is anything of ours. An engine that is asked in vain is no error.
        """

    def remove(self, app: str, environment: str, /, keep: frozenset[str]) -> None:
        """Stop and remove the environment's other releases; with nothing to keep, all of it."""


TARGETS: Final[Mapping[str, Target]] = {
    "docker": docker,
    "record": record,
}


def target(name: str) -> Target:
    """Return the target called `name`.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return TARGETS[name]
    except KeyError:
        known = ", ".join(sorted(TARGETS))
        raise UsageError(f"there is no target `{name}`", help=f"use one of: {known}") from None
