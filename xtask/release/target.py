"""What every target can do, and which targets there are.

A target is a module: its functions are the steps. A new one is one module and one line below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, cast

from xtask.errors import UsageError
from xtask.release import docker, kubernetes, record, swarm
from xtask.release.deployment import Deployment, Failed, Migrated, Observed, Request, Site

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "TARGETS",
    "Capability",
    "Deployment",
    "Failed",
    "Observed",
    "Target",
    "migrator",
    "target",
]

Capability = Literal[
    "configuration",
    "limits",
    "replicas",
    "placement",
    "managers",
    "context",
    "way back",
    "migrations",
]
"""What a target can be asked for: it gives a release variables and secrets, limits what one takes,
runs several of one, chooses where, is asked at managers or in a context of its own, keeps what
served before running, so that going back is a switch, or is a `Migrator` too."""


class Target(Protocol):
    """The steps of a release; each can be repeated after a crash and then finds its own work."""

    @property
    def name(self) -> str:
        """The word for it in `modules.toml`."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can be asked for."""

    def plan(self, deployment: Deployment, /) -> tuple[str, ...]:
        """Return what `apply` and `switch` would do there, one line each; nothing is changed."""

    def apply(self, deployment: Deployment, /, *, undoing: Failed | None = None) -> None:
        """Run the deployment beside what serves, without traffic.

        Return when it is ready, says that it is this release, and answers its requests.
        `undoing` is a failed successor, which may have the traffic; it is taken back next.
        """

    def switch(self, deployment: Deployment, /, *, undoing: Failed | None = None) -> None:
        """Send the environment's traffic to the deployment; return when all of it answers so."""

    def observe(self, site: Site, /, requests: tuple[Request, ...] = ()) -> Observed | None:
        """Return what answers at the site and what the engine knows of it.

        What does not answer one of the requests is not healthy. `None` when neither is anything
        of ours. An engine that is asked in vain is no error.
        """

    def remove(self, site: Site, /, keep: frozenset[str]) -> None:
        """Stop and remove the site's other releases; with nothing to keep, all of it."""


class Migrator(Protocol):
    """A target that can migrate a database before the candidate starts."""

    def migrate(
        self, deployment: Deployment, /, *, dry_run: bool = False, backup: bool = False
    ) -> Migrated:
        """Run the deployment's image once, with the word `migrate`, where it will run.

        Return what that did, or with `dry_run` would do. With `backup` the database is copied
        before. After a crash it is repeated, and finds its own work in the database.
        """


TARGETS: Final[Mapping[str, Target]] = {
    "docker": docker,
    "kubernetes": kubernetes,
    "record": record,
    "swarm": swarm,
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


def migrator(name: str) -> Migrator | None:
    """Return the target called `name` as one that migrates; nothing when it cannot.

    Raises:
        UsageError: there is none of that name.
    """
    found = target(name)
    return cast("Migrator", found) if "migrations" in found.capabilities else None
