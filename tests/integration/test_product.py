"""The reference application in a real Engine: what the README shows, typed as it is shown."""

from __future__ import annotations

import json
import re
import shlex
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import ROOT, ROUTES, Workspace, built_reference_application
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker import DockerClient

pytestmark = [pytest.mark.requires("docker"), pytest.mark.requires("index")]

APP = "xtask-test-storefront"


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, engine: DockerClient
) -> Iterator[tuple[Workspace, int]]:
    """The reference application under a name and on ports of its own, removed afterwards."""
    root = tmp_path_factory.mktemp("product") / "storefront"
    workspace = built_reference_application(tmp_path_factory).copy(root)
    port = free_port()
    workspace.edit("modules.toml", 'app = "storefront"', f'app = "{APP}"')
    workspace.edit("modules.toml", "port = 8081", f"port = {port}")
    workspace.edit("modules.toml", "port = 8082", f"port = {free_port()}")
    yield workspace, port
    ours = {"label": f"xtask.app={APP}"}
    for container in engine.containers.list(all=True, filters=ours):
        container.remove(force=True, v=True)
    for network in engine.networks.list(filters=ours):
        network.remove()
    for volume in engine.volumes.list(filters=ours):
        volume.remove(force=True)


def test_the_loaded_image_answers_for_every_module_and_is_not_root(
    product: tuple[Workspace, int], engine: DockerClient
) -> None:
    workspace, _ = product
    said = workspace.xtask("run", "--json")
    assert said.code == 0, said.err
    document = said.document
    url = document["url"].rstrip("/")
    modules = {module["name"] for module in json.loads(get(url + "/api/_modules"))}
    assert modules == set(ROUTES)
    assert {name: bool(get(url + path)) for name, path in ROUTES.items()} == (
        dict.fromkeys(ROUTES, True)
    )
    release = json.loads(get(url + "/api/_release"))
    assert release["image_digest"] == document["image_digest"]
    assert release["manifest_hash"] == document["manifest_hash"]
    assert "<nav" in get(url + "/")
    container = engine.containers.get(document["container_id"])
    assert container.attrs["Config"]["User"] == "10001:10001"
    assert container.exec_run(["python3", "-c", "import os; print(os.getuid())"]).output == (
        b"10001\n"
    )
    stopped = workspace.xtask("run", "--stop", "--json")
    assert stopped.document == {"stopped": True}, stopped.err
    left = {"label": [f"xtask.app={APP}", "xtask.environment=trial"]}
    assert engine.containers.list(all=True, filters=left) == []
    assert engine.networks.list(filters=left) == []


def test_build_load_gives_the_engine_the_image_under_its_identity(
    product: tuple[Workspace, int], engine: DockerClient
) -> None:
    workspace, _ = product
    document = workspace.built("--load")
    ids = {image["Id"] for image in engine.api.images()}
    assert {document["config_digest"], document["image_digest"]} & ids


def test_the_commands_of_the_readme_promote_and_roll_back(
    product: tuple[Workspace, int], record_property: Callable[[str, object], None]
) -> None:
    workspace, port = product
    shown = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown
    run, promote, rollback = (shlex.split(line[2:]) for line in shown[1].splitlines())
    assert run[-1] == "run"

    def typed(words: list[str], build: Any, name: str) -> Any:
        start = time.perf_counter()
        replaced = [build["build_id"][:8] if word == "1f3a9c20" else word for word in words[3:]]
        said = workspace.xtask(*replaced, "--json")
        record_property(name, f"{time.perf_counter() - start:.2f} s")
        assert said.code == 0, said.err
        return said.document

    a = workspace.built()
    first = typed(promote, a, "promote A")
    workspace.edit("modules/content/module.toml", "Articles, written", "Articles, drafted")
    b = workspace.built()
    second = typed(promote, b, "promote B")
    serving = json.loads(get(f"http://127.0.0.1:{port}/api/_release"))
    assert (serving["release_id"], serving["image_digest"]) == (second["id"], b["image_digest"])
    builds = len(workspace.xtask("builds", "--json").document)
    back = typed(rollback, b, "rollback")
    serving = json.loads(get(f"http://127.0.0.1:{port}/api/_release"))
    assert (serving["release_id"], serving["image_digest"]) == (back["id"], a["image_digest"])
    assert (back["previous_release_id"], back["restores_release_id"]) == (second["id"], first["id"])
    assert len(workspace.xtask("releases", "--json").document) == 3
    assert len(workspace.xtask("builds", "--json").document) == builds
    (standing,) = workspace.xtask("status", "--json").document
    assert standing["seen"] == "serving"


def test_a_candidate_that_does_not_become_ready_changes_nothing(
    product: tuple[Workspace, int],
) -> None:
    workspace, port = product
    if not workspace.xtask("releases", "--json").document:
        pytest.fail("the promotion before this test left nothing")
    before = json.loads(get(f"http://127.0.0.1:{port}/api/_release"))
    main = "modules/server/src/server/main.py"
    text = (workspace.root / main).read_text()
    workspace.edit(main, "def run() -> None:", "def run() -> None:\n    raise SystemExit('no')\n\n")
    build = workspace.built()
    words = ("--to", "staging", "--reason", "broken", "--lift-hold")
    said = workspace.xtask("promote", build["build_id"], *words)
    (workspace.root / main).write_text(text)
    assert said.code == 7
    assert "no" in said.err
    assert json.loads(get(f"http://127.0.0.1:{port}/api/_release")) == before
    rows = workspace.xtask("releases", "--json").document
    assert rows[0]["status"] == "failed"


@pytest.mark.requires("chromium")
def test_a_browser_shows_navigation_and_a_page_of_a_module(
    product: tuple[Workspace, int], tmp_path: Path
) -> None:
    from xtask.process import run

    _, port = product
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    flags += " --disable-background-networking --disable-component-update --disable-sync"
    argv = ["chromium", *flags.split(), f"--user-data-dir={tmp_path}", "--virtual-time-budget=8000"]
    shown = run([*argv, "--dump-dom", f"http://127.0.0.1:{port}/articles"], timeout=90)
    for label in ("Articles", "Shop", "Pages", "VMware", "Databases"):
        assert label in shown
    assert "</main>" in shown
