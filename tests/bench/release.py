"""Releases of the reference application on a Docker Engine: the way back, and what clients see."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import docker

from tests.acceptance.shop import copy_of_reference_application
from tests.bench.measure import BenchError, Run, Xtask, copy_xtask, environment, rounds
from tests.bench.report import header, table, verdict
from tests.integration.conftest import remove_everything
from tests.integration.watch import watching
from tests.support.ports import free_port
from xtask.release import health
from xtask.release.deployment import Limits
from xtask.release.docker import hardening

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_CODE = "modules/content/src/content/__init__.py"
_HOST = "modules/server/src/server/main.py"
_WHY = ("--reason", "to measure it", "--json")
# A rollback is a verdict on what it leaves.
_AGAIN = ("--lift-hold", "--rolled-back-before")
_POLL = 0.005
_PATIENCE = 60.0
_MOST_RATIO, _MOST_SECONDS, _LEAST_RATE = 1.3, 1.5, 500
_CLIENTS = 4


class Product(NamedTuple):
    """The reference application in one environment of the engine."""

    xtask: Xtask
    root: Path
    app: str
    port: int

    def run(self, *words: str, fails: bool = False) -> Any:
        argv = [sys.executable, "-m", "xtask", *words]
        done = subprocess.run(
            argv, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False
        )
        if bool(done.returncode) is not fails:
            raise BenchError(f"{' '.join(words)} exited with {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)

    @property
    def environ(self) -> dict[str, str]:
        """What its commands see."""
        engine = {"DOCKER_HOST": os.environ["DOCKER_HOST"]}
        return environment(PYTHONPATH=str(self.xtask.folder), XTASK_ACTOR="bench", **engine)

    def built(self, text: str, path: str = _CODE) -> Any:
        """Build it with a line more in one of its files."""
        with (self.root / path).open("a") as file:
            file.write(f"{text}\n")
        return self.run("build", "--json")

    def promote(self, build: Any, *, fails: bool = False) -> Any:
        return self.run(
            "promote", build["build_id"], "--to", "staging", *_AGAIN, *_WHY, fails=fails
        )

    def roll_back(self) -> Any:
        return self.run("rollback", "--env", "staging", *_WHY)

    def way_back(self, build: Any) -> Run:
        """Return a rollback from its first instruction to the first answer of what it restores."""
        argv = [sys.executable, "-m", "xtask", "rollback", "--env", "staging", *_WHY]
        begin = time.perf_counter()
        child = subprocess.Popen(
            argv, cwd=self.root, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            _until(lambda: self.serves() == build["image_digest"])
            wall = time.perf_counter() - begin
        finally:
            output, errors = child.communicate(timeout=_PATIENCE)
        if child.returncode:
            raise BenchError(f"rollback exited with {child.returncode}\n{errors.decode()}")
        return Run(wall, 0.0, 0, output, errors)

    def serves(self) -> str:
        seen = health.observe(health.at(self.port), self.app)
        return seen.image_digest if seen else ""


def measure(scratch: Path, counts: Sequence[int], *, seed: int, runs: int) -> str:
    """Return the report on rollbacks, and on the requests of `counts[0]` clients meanwhile."""
    title = header("Releases on a Docker Engine", seed=seed, runs=runs)
    with _product(scratch) as (product, engine):
        first, second = product.built("# first"), product.built("# second")
        product.promote(first)
        product.promote(second)
        product.roll_back()
        network = f"xt-{product.app}-staging"
        found = rounds(
            {
                "start": lambda: _own_start(engine, network, first),
                "back": lambda: product.way_back(first),
            },
            runs,
            before=lambda: product.promote(second),
        )
        broken = product.built("def run(): raise SystemExit('no database')", _HOST)
        seen = []
        for name, step in {
            "promote": lambda: product.promote(second),
            "rollback": product.roll_back,
            "promote of what does not start": lambda: product.promote(broken, fails=True),
        }.items():
            with watching(product.port, clients=counts[0]) as watch:
                step()
            rate = len(watch.answers) / watch.seconds
            seen.append([name, f"{len(watch.answers):,}", f"{rate:.0f}", str(len(watch.failures))])
    start, back = found["start"], found["back"]
    slowest = min(float(row[2]) for row in seen)
    return "\n".join(
        [
            title, "",
            table(
                ["of the reference application", "ms"],
                [
                    ["docker run until ready", str(start)],
                    ["rollback until what it restores answers", str(back)],
                ],
            ),
            "",
            f"- a rollback against a start: {verdict(back.wall / start.wall, _MOST_RATIO)}",
            f"- a rollback in seconds: {verdict(back.wall, _MOST_SECONDS)}",
            "",
            table([f"meanwhile {counts[0]} clients", "answers", "a second", "failed"], seen),
            "",
            f"- {_LEAST_RATE} a second against the least: {verdict(_LEAST_RATE / slowest, 1)}",
        ]
    )  # fmt: skip


@contextlib.contextmanager
def _product(scratch: Path) -> Iterator[tuple[Product, Any]]:
    """Write the reference application with an environment of its own; remove what ran."""
    if "DOCKER_HOST" not in os.environ:
        raise BenchError("DOCKER_HOST does not name an engine to measure with")
    root, port, app = scratch / "product", free_port(), f"b{secrets.token_hex(4)}"
    copy_of_reference_application(root)
    manifest = root / "modules.toml"
    text = manifest.read_text().partition("[environments.staging]")[0]
    text = text.replace('app = "storefront"', f'app = "{app}"')
    text = text.replace("localhost/xtask/storefront", f"localhost/{app}")
    place = f'[environments.staging]\nrank = 1\ntarget = "docker"\nport = {port}\n'
    manifest.write_text(text + place)
    engine = docker.from_env()
    try:
        yield Product(copy_xtask(scratch / "tool"), root, app, port), engine
    finally:
        remove_everything(engine, app)
        engine.close()


def _own_start(engine: Any, network: str, build: Any) -> Run:
    """Start the image as the target does, without xtask: until it says that it is ready."""
    container = engine.containers.create(
        build["config_digest"],
        network=network,
        environment={"XTASK_RELEASE_ID": "own", "XTASK_IMAGE_DIGEST": build["image_digest"]},
        ports={"8000/tcp": ("127.0.0.1", None)},
        volumes=["/data"],
        **hardening.CONFINED,
        **hardening.limited(Limits()),
    )
    try:
        begin = time.perf_counter()
        container.start()
        container.reload()
        port = int(container.attrs["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostPort"])
        _until(lambda: health.unready(health.at(port)) is None)
        return Run(time.perf_counter() - begin, 0.0, 0, b"", b"")
    finally:
        container.remove(force=True, v=True)


def _until(is_so: Any) -> None:
    end = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise BenchError(f"it was not so after {_PATIENCE:g} s")
        time.sleep(_POLL)
