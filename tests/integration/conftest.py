"""Tiny releases for a real engine: this Python, one file, and a way to watch an environment."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ports import free_port
from xtask.image.archive import hybrid_archive
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.base.interpreter import pack
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import Layout
from xtask.release import docker, health, naming
from xtask.release.deployment import Configuration, Deployment, Request, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.image.base.values import Base

_PROGRAM = Path(__file__).with_name("program.py")


def program(mode: str) -> str:
    """Return the source of the program of tiny releases in one of its modes."""
    return _PROGRAM.read_text().replace('MODE = "works"', f"MODE = {mode!r}")


@dataclass
class Shop:
    """One app with one environment, `prod`, on the engine; everything of it ends with the test."""

    layout: Layout
    interpreter: Base
    app: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    port: int = field(default_factory=free_port)

    def image(self, version: str, mode: str, entry: str | None) -> Image:
        source = f"# {self.app} {version}\n{program(mode)}"
        layer = write_layer(self.layout, [Entry("app/main.py", source.encode())])
        return assemble(
            self.layout,
            layers=[*self.interpreter.layers, layer],
            config=ImageConfig((entry or self.interpreter.executable, "/app/main.py"), port=8000),
            annotations={},
            reference=f"localhost/{self.app}:{version}",
        )

    @property
    def site(self) -> Site:
        return Site(self.app, "prod", self.port)

    def deployment(
        self,
        version: str,
        generation: int,
        mode: str = "works",
        *,
        program: str | None = None,
        ready_within: float = 60.0,
    ) -> Deployment:
        image = self.image(version, mode, program)
        return Deployment(
            site=self.site,
            release_id=f"rel_{version}_{generation}",
            generation=generation,
            manifest_hash="sha256:" + "0" * 64,
            image_digest=image.digest,
            config_digest=image.config_digest,
            image_reference=image.reference,
            archive=lambda known: hybrid_archive(
                self.layout, image.digest, name=image.reference, known=known
            ),
            layers=tuple(layer.diff_id for layer in image.layers),
            configuration=Configuration(ready_within=ready_within),
            requests=(Request("/shop"),),
        )

    def serve(self, deployment: Deployment) -> None:
        docker.apply(deployment)
        docker.switch(deployment)

    def serving(self) -> str | None:
        seen = health.observe(health.at(self.port), self.app)
        return seen.release_id if seen else None

    def containers(self, engine: Any, role: str) -> list[Any]:
        wanted = naming.selecting(naming.labels(self.site, role))
        return list(engine.containers.list(all=True, filters=wanted))


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Base]:
    folder = tmp_path_factory.mktemp("images")
    layout = Layout(folder / "oci")
    return layout, pack(layout, folder / "cache")


@pytest.fixture
def shop(engine: Any, packed: tuple[Layout, Base]) -> Iterator[Shop]:
    made = Shop(*packed)
    yield made
    remove_everything(engine, made.app)


def remove_everything(engine: Any, app: str) -> None:
    wanted = {"label": f"{naming.APP}={app}"}
    for container in engine.containers.list(all=True, filters=wanted):
        container.remove(force=True, v=True)
    for kept in (*engine.networks.list(filters=wanted), *engine.volumes.list(filters=wanted)):
        kept.remove()
    for image in engine.images.list(name=f"localhost/{app}"):
        engine.images.remove(image.id, force=True)
