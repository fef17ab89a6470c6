"""A cluster that is none: a recording API server, whose pods are processes of this machine."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import program
from tests.integration.watch import watching
from tests.support.kubernetes.api import api_server, service_proxy
from tests.support.kubernetes.nodes import Image
from tests.support.kubernetes.store import Key
from tests.support.ports import free_port
from xtask.digest import sha256
from xtask.release import health, kubernetes, naming
from xtask.release.deployment import Configuration, Deployment, Request, Site
from xtask.release.kubernetes import names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.integration.watch import Watch
    from tests.support.kubernetes.api import Api
    from xtask.release.target import Target


@dataclass
class KubernetesRig:
    """One namespace of a cluster, with a registry in which every image is."""

    api: Api
    app: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    port: int = field(default_factory=free_port)

    @property
    def target(self) -> Target:
        return kubernetes

    @property
    def site(self) -> Site:
        return Site(self.app, "prod", self.port)

    @property
    def namespace(self) -> str:
        return names.namespace(self.site)

    def deployment(
        self, version: str, generation: int, mode: str = "works", *, ready_within: float = 60.0
    ) -> Deployment:
        source = f"# {version}\n{program(mode)}"
        digest = sha256(source.encode())
        self.api.nodes.images[digest] = Image(source, digest)
        return Deployment(
            site=self.site,
            release_id=f"rel_{version}_{generation}",
            generation=generation,
            manifest_hash="sha256:" + "0" * 64,
            image_digest=digest,
            config_digest=sha256(digest.encode()),
            image_reference=f"registry.example/{self.app}:{version}",
            archive=lambda _known: iter(()),
            configuration=Configuration(ready_within=ready_within),
            requests=(Request("/shop"),),
        )

    def serving(self) -> str | None:
        seen = health.observe(health.at(self.port), self.app)
        return seen.release_id if seen else None

    def running(self) -> set[str]:
        found = self.api.store.list("deployments", self.namespace, {})
        return {each["metadata"]["labels"][naming.RELEASE] for each in found}

    def stop(self, release_id: str) -> None:
        """Delete its Deployment, as `kubectl` does."""
        name = release_id.replace("_", "-")
        self.api.store.delete(Key("deployments", self.namespace, name))
        health.wait_until(
            lambda: "its pods" if self._pods(release_id) else None,
            within=5,
            clock=health.SYSTEM_CLOCK,
        )

    def without_image(self, deployment: Deployment) -> Deployment:
        return replace(deployment, image_digest="sha256:" + "f" * 64)

    def with_image_of(self, deployment: Deployment, other: Deployment) -> Deployment:
        images = self.api.nodes.images
        images[deployment.image_digest] = images[other.image_digest]
        return deployment

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        address, self.api.address = self.api.address, f"http://127.0.0.1:{free_port()}"
        with pytest.MonkeyPatch.context() as patch:
            elsewhere = self.api.nodes.folder / "elsewhere"
            patch.setenv("KUBECONFIG", str(self.api.kubeconfig(elsewhere)))
            self.api.address = address
            yield

    def watching(self) -> AbstractContextManager[Watch]:
        return watching(self.port)

    def _pods(self, release_id: str) -> list[object]:
        return self.api.store.list("pods", self.namespace, {naming.RELEASE: release_id})


@contextlib.contextmanager
def one_cluster(folder: Path) -> Iterator[KubernetesRig]:
    """Yield a rig with a cluster of its own."""
    with api_server(folder) as api, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(api.kubeconfig(folder / "kubeconfig")))
        rig = KubernetesRig(api)
        with service_proxy(api, rig.namespace, rig.port):
            yield rig
