"""The reference application: modules of five systems and native ones, in one image that answers."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import ROUTES, Workspace, copy_of_reference_application
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.requires("index")

GOLDEN = Path(__file__).parents[1] / "golden"
DIALECTS = {
    "crm": "fastvue",
    "databases": "flux",
    "invoices": "bmc",
    "vmware-vcenter": "capability",
}
# Seconds until the site has to answer, on a machine with much to do.
PATIENCE = 60


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Any]:
    """The reference application and what building it said."""
    workspace = Workspace(copy_of_reference_application(tmp_path_factory.mktemp("product")))
    return workspace, workspace.built("--locked")


def unpacked(workspace: Workspace, document: Any, target: Path) -> Path:
    """Return the site of an image, unpacked from its layers in their order."""
    blobs = workspace.root / "releases/oci/blobs/sha256"
    manifest = json.loads((blobs / document["image_digest"].removeprefix("sha256:")).read_bytes())
    for layer in manifest["layers"]:
        with tarfile.open(blobs / layer["digest"].removeprefix("sha256:")) as archive:
            ours = [member for member in archive if member.name.startswith("app")]
            archive.extractall(target, ours, filter="data")
    return target / "app/site"


@contextlib.contextmanager
def serving(site: Path, data: Path) -> Iterator[str]:
    """Yield the address of a site that runs on Python's own modules and nothing else."""
    port = free_port()
    environ = {"PYTHONPATH": str(site), "PORT": str(port), "DATA_DIR": str(data)}
    argv = [sys.executable, "-S", "-m", "generated"]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=data, env=environ, stdout=log, stderr=log)
        try:
            wait(f"http://127.0.0.1:{port}/readyz", process, data / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(urllib.error.URLError):
            get(url)
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def test_a_route_of_each_module_answers_from_the_layers_of_one_image(
    product: tuple[Workspace, Any], tmp_path: Path
) -> None:
    workspace, document = product
    data = tmp_path / "data"
    data.mkdir()
    with serving(unpacked(workspace, document, tmp_path / "image"), data) as address:
        modules = {item["name"]: item for item in json.loads(get(f"{address}/api/_modules"))}
        answered = {name: bool(get(address + path)) for name, path in ROUTES.items()}
        page = get(f"{address}/invoices").decode()
    assert modules.keys() == {item["id"] for item in document["modules"]} == ROUTES.keys()
    assert answered == dict.fromkeys(ROUTES, True)
    assert "<" in page


def test_the_merged_route_map_holds_vue_and_tsx_pages(product: tuple[Workspace, Any]) -> None:
    workspace, _ = product
    composition = json.loads((workspace.root / "generated/composition.json").read_bytes())
    found = {item["name"]: item.get("dialect") for item in composition["modules"]}
    assert {name: found[name] for name in DIALECTS} == DIALECTS
    pages = (workspace.root / "generated/routes.ts").read_text()
    assert '.vue")' in pages
    assert '.tsx")' in pages


def test_a_crate_of_rustok_joins_the_composition_and_its_pages_but_no_image(tmp_path: Path) -> None:
    workspace = Workspace(copy_of_reference_application(tmp_path / "shop"))
    shutil.copytree(GOLDEN / "modules_of_five_systems/blog", workspace.root / "modules/blog")
    workspace.edit("modules.toml", "metrics  = ", 'blog = { path = "modules/blog" }\nmetrics  = ')
    workspace.edit("modules.toml", '"metrics",', '"metrics", "blog",')
    said = workspace.xtask("generate-registry", "--json")
    assert said.code == 0, said.err
    listed = workspace.xtask("list-modules", "--json").document
    assert "blog" in {item["name"] for item in listed}
    assert 'module: "blog"' in (workspace.root / "generated/routes.ts").read_text()
    refused = workspace.xtask("build", "--json")
    assert refused.code == 3
    assert [item["code"] for item in refused.document["error"]["errors"]] == ["XT0216"]
