"""A registry with nothing in it behind a proxy, an image in a layout, and no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.registry import docker_registry, proxy
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import Layout
from xtask.image.registry.client import Repository
from xtask.image.registry.reference import Reference
from xtask.image.registry.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.registry import Proxy

QUICK = Retries(attempts=4, first=0.01, longest=2)


@pytest.fixture(autouse=True)
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Docker's configuration, empty: nobody's own is read."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
def registry(running: str) -> Iterator[Proxy]:
    """A proxy in front of the real registry."""
    with proxy(running) as state:
        yield state


@pytest.fixture
def simulator() -> Iterator[Proxy]:
    """A registry that is made of faults only."""
    with proxy() as state:
        yield state


_names = iter(f"team/shop{number}" for number in range(10_000))


@pytest.fixture
def repository(registry: Proxy) -> Iterator[Repository]:
    """A repository that nothing was pushed to, behind the proxy."""
    with Repository(Reference(registry.address, next(_names)), retries=QUICK) as opened:
        yield opened


@pytest.fixture
def other(registry: Proxy) -> Iterator[Repository]:
    """Another such repository of the same registry."""
    with Repository(Reference(registry.address, next(_names)), retries=QUICK) as opened:
        yield opened


@pytest.fixture
def simulated(simulator: Proxy) -> Iterator[Repository]:
    with Repository(Reference(simulator.address, "team/shop"), retries=QUICK) as opened:
        yield opened


@pytest.fixture
def make_image(layout: Layout) -> Callable[..., Image]:
    """Return a function that makes an image with one layer for each text."""

    def make(*contents: str, platform: str = "linux/amd64") -> Image:
        layers = [
            write_layer(layout, [Entry(f"app/{number}", text.encode())])
            for number, text in enumerate(contents)
        ]
        config = ImageConfig(entrypoint=("/app/0",), platform=platform)
        return assemble(layout, layers=layers, config=config, annotations={}, reference="shop:1")

    return make


@pytest.fixture
def image(make_image: Callable[..., Image]) -> Image:
    return make_image("one", "two", "three")


@pytest.fixture
def other_layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "other")
