"""Running an image once, for a developer: no front, and data that ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.release import containers, health, naming
from xtask.release.engine import engine, ensure_image

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment

_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10


class Running(NamedTuple):
    """A trial that is ready: where it answers, and what to give to `stop`."""

    url: str
    container_id: str


def run(
    deployment: Deployment,
    *,
    clock: health.Clock = health.SYSTEM_CLOCK,
    ready_within: float = _READY_SECONDS,
) -> Running:
    """Start the deployment's image; return when it is ready. A trial of the same name is replaced.

    `deployment.port` is the loopback port, 0 for one that the engine chooses.

    Raises:
        TargetError: the engine refuses, or the image does not become ready; no container stays.
        UntrustedError: the engine made another image from the archive.
    """
    image = ensure_image(deployment)
    with engine(f"running {deployment.image_reference}") as client:
        containers.ensure_network(client, deployment)
        prefix = naming.prefix(deployment.app, deployment.environment)
        slot = containers.Slot(f"{prefix}-trial", "trial", port=deployment.port or None)
        containers.evict(client, deployment, slot)
        started = containers.create(client, deployment, image, slot)
        try:
            port = containers.start_healthy(started, deployment, clock=clock, within=ready_within)
        except BaseException:
            started.remove(force=True, v=True)
            raise
        return Running(f"http://127.0.0.1:{port}/", str(started.id))


def stop(container_id: str) -> None:
    """Stop and remove a trial with its data and its network; one that is gone already is fine."""
    with engine(f"stopping {container_id[:12]}") as client:
        found = containers.named(client, container_id)
        if found is None:
            return
        found.stop(timeout=_STOP_SECONDS)
        found.remove(force=True, v=True)
        wanted = {key: found.labels[key] for key in (naming.APP, naming.ENVIRONMENT)}
        if not client.containers.list(all=True, filters=naming.selecting(wanted)):
            for network in client.networks.list(filters=naming.selecting(wanted)):
                network.remove()
