"""Running an image once, for a developer: no front, and data that ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.release import health, naming
from xtask.release.docker import containers
from xtask.release.docker.engine import absence_allowed, engine, ensure_image

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Site

_ROLE: Final = "trial"
_STOP_SECONDS: Final = 10


class Running(NamedTuple):
    """A trial that is ready: where it answers, and the container that it is."""

    url: str
    container_id: str


def run(
    deployment: Deployment,
    *,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> Running:
    """Start the deployment's image; return when it is ready. A trial that runs is replaced.

    The port of its site is the loopback port, 0 for one that the engine chooses.

    Raises:
        TargetError: the engine refuses, or the image does not become ready; no container stays.
        UntrustedError: the engine made another image from the archive.
    """
    image = ensure_image(deployment)
    with engine(f"running {deployment.image_reference}") as client:
        containers.ensure_network(client, deployment)
        name = naming.prefix(deployment.site)
        slot = containers.Slot(name, _ROLE, port=deployment.site.port or None)
        containers.evict(client, deployment, slot)
        started = containers.create(client, deployment, image, slot)
        try:
            port = containers.start_healthy(started, deployment, clock=clock)
        except BaseException:
            started.remove(force=True, v=True)
            raise
        return Running(f"http://127.0.0.1:{port}/", str(started.id))


def stop(site: Site) -> bool:
    """Stop and remove the trial with its data and its network; return whether there was one."""
    with engine(f"stopping the trial of {site.app}") as client:
        wanted = naming.selecting(naming.labels(site, _ROLE))
        found = client.containers.list(all=True, filters=wanted)
        for each in found:
            with absence_allowed():
                each.stop(timeout=_STOP_SECONDS)
                each.remove(force=True, v=True)
        containers.remove_network(client, site)
        return bool(found)
