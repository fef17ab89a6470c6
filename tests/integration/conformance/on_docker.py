"""One Docker Engine, and what the scenarios need of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watch import watching
from xtask.release import docker, naming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from tests.integration.conftest import Shop
    from tests.integration.watch import Watch
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
