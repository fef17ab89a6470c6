"""Three engines that are one swarm, each of which answers for the site."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.integration.watch import watching
from tests.support.swarm import NODES, Swarm
from xtask.image.registry.client import Repository
from xtask.image.registry.push import push_image
from xtask.image.registry.reference import Reference
from xtask.release import health, naming, swarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from tests.integration.conftest import Shop
    from tests.integration.watch import Watch
    from xtask.release.deployment import Deployment, Site
    from xtask.release.target import Target


@dataclass
class SwarmRig:
    """A site of a swarm; its images are pushed to the swarm's registry."""

    shop: Shop
    nodes: Swarm

    @property
    def target(self) -> Target:
        return swarm

    @property
    def site(self) -> Site:
        return self.shop.site._replace(addresses=self.nodes.addresses)

    def deployment(
        self, version: str, generation: int, mode: str = "works", *, ready_within: float = 60.0
    ) -> Deployment:
        made = self.shop.deployment(version, generation, mode, ready_within=ready_within)
        return replace(
            made, site=self.site, image_reference=self.pushed(made.image_digest, version)
        )

    def pushed(self, digest: str, tag: str) -> str:
        """Push an image of the shop; return its name as nodes know it."""
        port = self.nodes.registry.rpartition(":")[2]
        with Repository(Reference(f"127.0.0.1:{port}", "shop")) as repository:
            push_image(self.shop.layout, digest, repository, tags=[f"{self.shop.app}-{tag}"])
        return f"{self.nodes.registry}/shop:{self.shop.app}-{tag}"

    def serving(self) -> str | None:
        seen = health.observe(health.at(self.shop.port, self.nodes.host(1)), self.shop.app)
        return seen.release_id if seen else None

    def services(self) -> list[Any]:
        wanted = naming.selecting(naming.labels(self.site, "release"))
        with self.nodes.client() as client:
            return list(client.services.list(filters=wanted))

    def running(self) -> set[str]:
        return {each.attrs["Spec"]["Labels"][naming.RELEASE] for each in self.services()}

    def stop(self, release_id: str) -> None:
        wanted = naming.selecting({**naming.labels(self.site), naming.RELEASE: release_id})
        with self.nodes.client() as client:
            for each in client.services.list(filters=wanted):
                if each.attrs["Spec"]["Labels"][naming.ROLE] == "release":
                    each.scale(0)
                    health.wait_until(
                        lambda found=each: "ends" if self.runs(found) else None,
                        within=30,
                        clock=health.SYSTEM_CLOCK,
                    )

    @staticmethod
    def runs(service: Any) -> bool:
        return any(task["Status"]["State"] == "running" for task in service.tasks())

    def without_image(self, deployment: Deployment) -> Deployment:
        return replace(deployment, image_digest="sha256:" + "0" * 64)

    def with_image_of(self, deployment: Deployment, other: Deployment) -> Deployment:
        blobs = [self.nodes.blob(each.image_digest) for each in (deployment, other)]
        blobs[0].write_bytes(blobs[1].read_bytes())
        return deployment

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        sockets = [self.nodes.folder / str(node) / "socket" for node in NODES]
        for each in sockets:
            each.rename(each.with_suffix(".away"))
        yield
        for each in sockets:
            each.with_suffix(".away").rename(each)

    def watching(self) -> AbstractContextManager[Watch]:
        return watching(self.shop.port, self.nodes.host(2))

    def clear(self) -> None:
        """Remove the services without waiting for their end; all else ends with the swarm."""
        wanted = naming.selecting(naming.labels(self.site))
        with self.nodes.client() as client:
            for each in client.services.list(filters=wanted):
                each.remove()
