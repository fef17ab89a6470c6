"""Tiny releases for a real engine: this Python, one file, and a way to watch an environment."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ports import free_port
from xtask.image.archive import hybrid_archive
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.base.interpreter import pack
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import Layout
from xtask.release import docker, health, naming
from xtask.release.deployment import Deployment, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xtask.image.base.values import Base

PROGRAM = """
import http.server, json, os, signal, sys, threading, time

MODE = {mode!r}
print("starting", MODE, flush=True)
if MODE == "exits":
    sys.exit("no database: cannot start")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        release = os.environ["XTASK_RELEASE_ID"] if MODE != "lies" else "rel_other"
        if self.path == "/slow":
            time.sleep(0.8)
        if self.path == "/readyz" and MODE == "unready":
            self.send_response(503)
            self.end_headers()
            return
        said = {{"release_id": release, "image_digest": os.environ["XTASK_IMAGE_DIGEST"]}}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False


server = Server(("0.0.0.0", 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
"""


@dataclass
class Shop:
    """One app with one environment, `prod`, on the engine; everything of it ends with the test."""

    layout: Layout
    interpreter: Base
    app: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    port: int = field(default_factory=free_port)

    def image(self, version: str, mode: str, program: str | None) -> Image:
        source = f"# {self.app} {version}\n" + PROGRAM.format(mode=mode)
        layer = write_layer(self.layout, [Entry("app/main.py", source.encode())])
        return assemble(
            self.layout,
            layers=[*self.interpreter.layers, layer],
            config=ImageConfig((program or self.interpreter.executable, "/app/main.py"), port=8000),
            annotations={},
            reference=f"localhost/{self.app}:{version}",
        )

    @property
    def site(self) -> Site:
        return Site(self.app, "prod", self.port)

    def deployment(
        self, version: str, generation: int, mode: str = "works", *, program: str | None = None
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


@dataclass
class Watch:
    """What clients of the port saw: one new connection per request."""

    answers: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/api/_release")
            self.answers.append(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
        finally:
            connection.close()


@pytest.fixture
def watching() -> Callable[[int], contextlib.AbstractContextManager[Watch]]:
    """Ask a port from two threads without a pause while the block runs, a minute at most."""

    @contextlib.contextmanager
    def watch(port: int) -> Iterator[Watch]:
        seen, over = Watch(), threading.Event()
        limit = threading.Timer(60, over.set)

        def ask() -> None:
            while not over.is_set():
                seen.ask(port)

        threads = [limit, *(threading.Thread(target=ask) for _ in range(2))]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            over.set()
            limit.cancel()
            for thread in threads:
                thread.join()

    return watch
