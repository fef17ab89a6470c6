"""What the conformance suite needs of a target beside its steps: a place, and a way to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.integration.watch import Watch
    from xtask.release.deployment import Deployment, Site
    from xtask.release.target import Target


class Rig(Protocol):
    """One target with one site of its own; everything of it ends with the test."""

    @property
    def target(self) -> Target:
        """The target, as users have it."""

    @property
    def site(self) -> Site:
        """Where everything is deployed."""

    def deployment(
        self, version: str, generation: int, mode: str = "works", *, ready_within: float = 60.0
    ) -> Deployment:
        """Return a release of the program in `tests/integration/program.py`."""

    def serving(self) -> str | None:
        """Return the release that answers at the site, as a client sees it."""

    def running(self) -> set[str]:
        """Return the releases of which something runs, or was left."""

    def stop(self, release_id: str) -> None:
        """Stop what runs of a release behind the back of the target, for good."""

    def without_image(self, deployment: Deployment) -> Deployment:
        """Return the deployment with an image that is nowhere."""

    def with_image_of(self, deployment: Deployment, other: Deployment) -> Deployment:
        """Return the deployment so that the target gets another's image under its digest."""

    def unreachable(self) -> AbstractContextManager[None]:
        """Let nobody reach what the target asks, during the block."""

    def watching(self) -> AbstractContextManager[Watch]:
        """Ask the site, with a new connection each time, as fast as it goes during the block."""
