"""The rigs of the conformance suite: a new target is one more of them, and no other test."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conformance.on_kubernetes import one_cluster
from tests.integration.conformance.swarm import SwarmRig
from tests.integration.conftest import Shop, remove_everything
from tests.integration.watch import watching
from tests.support.namespaces import inside
from xtask.release import docker, naming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.integration.conformance.rig import Rig
    from tests.integration.watch import Watch
    from tests.support.swarm import Swarm
    from xtask.image.base.values import Base
    from xtask.image.layout import Layout
    from xtask.release.deployment import Deployment, Site
    from xtask.release.target import Target


@dataclass
class DockerRig:
    """One Docker Engine."""

    shop: Shop
    engine: Any

    @property
    def target(self) -> Target:
        return docker

    @property
    def site(self) -> Site:
        return self.shop.site

    def deployment(
        self, version: str, generation: int, mode: str = "works", *, ready_within: float = 60.0
    ) -> Deployment:
        return self.shop.deployment(version, generation, mode, ready_within=ready_within)

    def serving(self) -> str | None:
        return self.shop.serving()

    def running(self) -> set[str]:
        found = self.shop.containers(self.engine, "release")
        return {each.labels[naming.RELEASE] for each in found}

    def stop(self, release_id: str) -> None:
        for each in self.shop.containers(self.engine, "release"):
            if each.labels[naming.RELEASE] == release_id:
                each.stop(timeout=1)

    def without_image(self, deployment: Deployment) -> Deployment:
        return replace(deployment, archive=lambda _known: iter((b"no tar",)))

    def with_image_of(self, deployment: Deployment, other: Deployment) -> Deployment:
        return replace(deployment, archive=other.archive)

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
            yield

    def watching(self) -> AbstractContextManager[Watch]:
        return watching(self.shop.port)


_RIGS = {
    "docker": pytest.param("docker_rig", marks=pytest.mark.requires("docker"), id="docker"),
    "kubernetes": pytest.param("kubernetes_rig", id="kubernetes"),
    "swarm": pytest.param("swarm_rig", marks=pytest.mark.requires("swarm"), id="swarm"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask every target, but a swarm for nothing that it says as an engine does."""
    if "rig" in metafunc.fixturenames:
        left_out = {"swarm"} if metafunc.definition.get_closest_marker("alike") else set()
        rigs = [rig for name, rig in _RIGS.items() if name not in left_out]
        metafunc.parametrize("rig", rigs, indirect=True)


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Rig:
    """Return one target with a site of its own."""
    made: Rig = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def docker_rig(engine: Any, packed: tuple[Layout, Base]) -> Iterator[Rig]:
    shop = Shop(*packed)
    yield DockerRig(shop, engine)
    remove_everything(engine, shop.app)


@pytest.fixture
def kubernetes_rig(tmp_path: Path) -> Iterator[Rig]:
    with one_cluster(tmp_path) as made:
        yield made


@pytest.fixture
def swarm_rig(swarm: Swarm, packed: tuple[Layout, Base]) -> Iterator[SwarmRig]:
    made = SwarmRig(Shop(*packed), swarm)
    with inside(swarm.namespace):
        yield made
        made.clear()
