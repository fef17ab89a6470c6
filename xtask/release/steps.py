"""What is so in the steps of every target, and what they say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from xtask.errors import TargetError

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Failed, Site


class Serving(Protocol):
    """What a target knows of the release that has the traffic; its id is empty before the first."""

    @property
    def release_id(self) -> str:
        """The release."""


def is_disposable(serving: Serving | None, deployment: Deployment, undoing: Failed | None) -> bool:
    """Return whether a deployment that does not become healthy may go.

    Not what serves, and not what is brought back: nothing else is left to go back to.
    """
    return undoing is None and (serving is None or serving.release_id != deployment.release_id)


def switching(serving: Serving | None, deployment: Deployment) -> str:
    """Return the last line of a plan."""
    before = (serving.release_id if serving else "") or "nothing"
    return f"switch new connections from {before} to {deployment.release_id}"


def not_applied(deployment: Deployment) -> TargetError:
    """Return why traffic cannot be sent to a deployment of which nothing runs."""
    return TargetError(
        f"{deployment.release_id} does not run in {deployment.site.environment}",
        help="promote it again: the candidate was removed or has stopped",
    )


def still_serving(site: Site, release_id: str) -> TargetError:
    """Return why a release cannot be removed."""
    return TargetError(
        f"traffic of {site.app} in {site.environment} still goes to {release_id}",
        help="run `xtask resume` to finish or undo the interrupted release",
    )
