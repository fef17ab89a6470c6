"""Loading an image into a real Engine: what goes over its socket, and what never does."""

from __future__ import annotations

import contextlib
import os
import random
import re
import secrets
import socket
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from xtask.errors import TargetError, XtaskError
from xtask.image.archive import hybrid_archive
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.compression import compress
from xtask.image.layer import Entry, Layer, write_layer
from xtask.image.layout import Layout
from xtask.release.deployment import Deployment, Site
from xtask.release.docker.engine import ensure_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.requires("docker")

LAYERS, SIZE = 8, 200_000
# Headers, config, manifest and two index documents.
FRAME = 20_000


@dataclass
class Wire:
    """What clients have sent to the Engine."""

    path: Path
    upstream: str
    sent: int = 0
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, data: bytes) -> None:
        with self.lock:
            self.sent += len(data)
            lines = re.findall(
                rb"^((?:GET|POST|PUT|DELETE|HEAD) \S+) HTTP/1.1\r$", data, re.MULTILINE
            )
            self.asked += [line.decode() for line in lines]

    def loads(self) -> int:
        return sum("/images/load" in line for line in self.asked)


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Any) -> Iterator[Wire]:
    """A socket before the Engine's that counts."""
    engine.ping()
    scheme, _, upstream = os.environ["DOCKER_HOST"].partition("://")
    if scheme != "unix":
        pytest.skip("the engine has no socket in the file system")
    state = Wire(tmp_path / "s", upstream)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{state.path}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(state.path))
        listener.listen()
        threading.Thread(target=accept, args=(listener, state), daemon=True).start()
        yield state
        listener.shutdown(socket.SHUT_RDWR)


def accept(listener: socket.socket, state: Wire) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(state.upstream)
            for pair in ((client, server, state.count), (server, client, len)):
                threading.Thread(target=pump, args=pair, daemon=True).start()


def pump(source: socket.socket, target: socket.socket, count: Callable[[bytes], Any]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            count(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.close()


@dataclass
class Shop:
    """Images of one name whose layers nobody else has."""

    layout: Layout
    cache: Path
    compression: str
    name: str = field(default_factory=lambda: f"localhost/xtask-load-{secrets.token_hex(4)}")

    def layer(self, number: int, version: str) -> Layer:
        noise = random.Random(f"{self.name} {number} {version}").randbytes(SIZE)  # noqa: S311
        return write_layer(self.layout, [Entry(f"app/{number}", noise)])

    def image(self, *versions: str) -> Image:
        layers = [self.layer(number, version) for number, version in enumerate(versions)]
        if self.compression == "gzip":
            made = compress(layers, self.layout, self.layout, self.cache, "zlib-classic-6/1")
            layers = [made[layer.diff_id] for layer in layers]
        config = ImageConfig(entrypoint=("/app/0",))
        reference = f"{self.name}:{'-'.join(versions)[:60].rstrip('-')}"
        return assemble(
            self.layout, layers=layers, config=config, annotations={}, reference=reference
        )

    def deployment(self, *versions: str) -> Deployment:
        image = self.image(*versions)
        return Deployment(
            site=Site("load", "prod", 0),
            release_id="rel_1",
            generation=1,
            manifest_hash="sha256:" + "0" * 64,
            image_digest=image.digest,
            config_digest=image.config_digest,
            image_reference=image.reference,
            archive=lambda known: hybrid_archive(
                self.layout, image.digest, name=image.reference, known=known
            ),
            layers=tuple(layer.diff_id for layer in image.layers),
        )


@pytest.fixture(params=["none", "gzip"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, engine: Any) -> Iterator[Shop]:
    made = Shop(Layout(tmp_path / "oci"), tmp_path / "cache", request.param)
    yield made
    for image in engine.images.list(name=made.name):
        engine.images.remove(image.id, force=True)


ALL = ["1"] * LAYERS


def test_the_first_load_sends_every_layer_once(shop: Shop, wire: Wire) -> None:
    deployment = shop.deployment(*ALL)
    assert ensure_image(deployment) in {deployment.config_digest, deployment.image_digest}
    assert LAYERS * SIZE < wire.sent < LAYERS * (SIZE + 3000) + FRAME
    assert wire.loads() == 1


def test_an_image_that_the_engine_has_is_not_sent(shop: Shop, wire: Wire) -> None:
    deployment = shop.deployment(*ALL)
    first = ensure_image(deployment)
    sent = wire.sent
    assert ensure_image(deployment) == first
    assert wire.sent - sent < FRAME
    assert wire.loads() == 1


@pytest.mark.parametrize("changed", [LAYERS - 1, LAYERS // 2, 0])
def test_a_changed_layer_sends_it_and_what_lies_above(shop: Shop, wire: Wire, changed: int) -> None:
    """The classic store knows a layer by the whole chain below it."""
    ensure_image(shop.deployment(*ALL))
    sent = wire.sent
    versions = [*ALL]
    versions[changed] = "2"
    following = shop.deployment(*versions)
    assert ensure_image(following) in {following.config_digest, following.image_digest}
    above = LAYERS - changed
    assert above * SIZE < wire.sent - sent < above * (SIZE + 3000) + FRAME
    assert wire.loads() == 2


def test_a_delta_that_the_engine_refuses_is_followed_by_everything(shop: Shop, wire: Wire) -> None:
    ensure_image(shop.deployment(*ALL))
    sent, following = wire.sent, shop.deployment(*ALL[:-1], "2")
    with_too_little = replace(
        following,
        archive=lambda known: following.archive(frozenset(following.layers) if known else known),
    )
    found = ensure_image(with_too_little)
    assert found in {following.config_digest, following.image_digest}
    assert wire.sent - sent > LAYERS * SIZE
    assert wire.loads() == 3


def test_an_engine_that_lost_the_layers_gets_everything(
    shop: Shop, wire: Wire, engine: Any
) -> None:
    first = ensure_image(shop.deployment(*ALL))
    engine.images.remove(first, force=True)
    sent = wire.sent
    ensure_image(shop.deployment(*ALL[:-1], "2"))
    assert wire.sent - sent > LAYERS * SIZE


def test_an_altered_layer_is_no_image(shop: Shop, wire: Wire, engine: Any) -> None:
    deployment = shop.deployment(*ALL)
    digest = shop.image(*ALL).layers[3].digest
    data = bytearray(shop.layout.path(digest).read_bytes())
    data[len(data) // 2] ^= 1
    shop.layout.path(digest).write_bytes(data)
    with pytest.raises(XtaskError):
        ensure_image(deployment)
    assert engine.images.list(name=shop.name) == []
    assert wire.loads() == 1


def test_what_is_no_archive_is_an_error_with_the_words_of_the_engine(shop: Shop) -> None:
    deployment = replace(shop.deployment("1"), archive=lambda _: iter([b"x" * 2000]))
    with pytest.raises(TargetError, match="loading localhost/xtask-load"):
        ensure_image(deployment)


def test_nothing_is_ever_pushed_pulled_or_built(shop: Shop, wire: Wire) -> None:
    ensure_image(shop.deployment(*ALL))
    ensure_image(shop.deployment(*ALL[:-1], "2"))
    posts = {re.sub(r"^POST /v[0-9.]+", "", line) for line in wire.asked if line.startswith("POST")}
    assert {path.partition("?")[0] for path in posts} == {"/images/load"}
    assert not [line for line in wire.asked if line.startswith(("PUT", "DELETE"))]
