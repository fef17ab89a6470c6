"""The main job: one manifest hash, one image, recorded once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import (
    ROOT,
    Workspace,
    copy_of_reference_application,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requires("index")


def layers(workspace: Workspace, document: Any) -> list[str]:
    blobs = workspace.root / "releases" / "oci" / "blobs" / "sha256"
    manifest = json.loads((blobs / document["image_digest"].removeprefix("sha256:")).read_bytes())
    return [layer["digest"] for layer in manifest["layers"]]


def test_a_second_build_is_the_first_one(shop: Workspace) -> None:
    first, second = shop.built(), shop.built()
    assert (first["cached"], second["cached"]) == (False, True)
    for key in ("build_id", "manifest_hash", "image_digest", "config_digest", "image_ref"):
        assert second[key] == first[key]
    assert len(shop.xtask("builds", "--json").document) == 1


def test_r8_build_prints_what_it_promises(shop: Workspace) -> None:
    document = shop.built("--reason", "because")
    assert set(document) == {
        *("build_id", "status", "cached", "manifest_hash", "image_digest", "config_digest"),
        *("image_ref", "bundle", "modules", "modules_delta", "stages"),
    }
    assert document["status"] == "succeeded"
    assert [module["id"] for module in document["modules"]] == ["host", "cart"]
    assert document["modules_delta"]["added"] == {"cart": "1.0.0", "host": "1.0.0"}
    assert {module["layer_digest"] for module in document["modules"]} < set(layers(shop, document))
    bundle = shop.root / document["bundle"]
    assert (
        json.loads((bundle / "image.json").read_bytes())["image_digest"]
        == (document["image_digest"])
    )
    assert (bundle / "generated" / "registry.py").read_bytes() == (
        (shop.root / "generated" / "registry.py").read_bytes()
    )


def test_the_committed_files_of_this_repository_are_current(tmp_path: Path) -> None:
    workspace = Workspace(copy_of_reference_application(tmp_path))
    assert workspace.xtask("generate-registry", "--check").code == 0
    assert workspace.xtask("lock", "--check").code == 0


def test_order_and_comments_of_the_composition_change_nothing(shop: Workspace) -> None:
    before = shop.built()
    text = (shop.root / "modules.toml").read_text()
    host, cart = text.index("host ="), text.index("cart =")
    end = text.index("\n", cart)
    swapped = text[:host] + text[cart:end] + "\n" + text[host:cart].rstrip() + text[end:]
    (shop.root / "modules.toml").write_text("# other words\n\n" + swapped.replace(" = ", "   = "))
    after = shop.built()
    assert after["cached"] is True
    assert after["manifest_hash"] == before["manifest_hash"]


def test_one_byte_in_one_module_changes_its_layer_and_what_names_it(shop: Workspace) -> None:
    before = shop.built()
    generated = {n: b for n, b in shop.committed().items() if n.startswith("generated/")}
    shop.edit("modules/cart/src/cart/api.py", "object()", "object( )")
    after = shop.built()
    assert after["manifest_hash"] != before["manifest_hash"]
    old, new = layers(shop, before), layers(shop, after)
    changed = [index for index, pair in enumerate(zip(old, new, strict=True)) if len({*pair}) > 1]
    assert [new[index] for index in changed] == [after["modules"][1]["layer_digest"]]
    assert after["modules_delta"] == {
        "added": {}, "removed": {}, "changed": {"cart": ["1.0.0", "1.0.0"]},
    }  # fmt: skip
    assert {n: b for n, b in shop.committed().items() if n.startswith("generated/")} == generated
    assert [module["cached"] for module in after["modules"]] == [True, False]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("modules.toml", "[modules]", '[build]\nprofile = "debug"\n\n[modules]'),
        ("modules.toml", "[modules]", '[build]\ndeployment_profile = "headless"\n\n[modules]'),
        ("modules.toml", "[modules]", '[image]\nrepository = "localhost/other"\n\n[modules]'),
        ("modules.toml", 'currency = "EUR"', 'currency = "CHF"'),
        ("modules/cart/module.toml", "about to buy", "about to steal"),
        ("modules/cart/src/cart/__init__.py", "", "x = 1\n"),
    ],
)
def test_r5_every_input_of_the_image_is_an_input_of_the_manifest_hash(
    shop: Workspace, path: str, old: str, new: str
) -> None:
    before = shop.built()
    shop.edit(path, old, new)
    after = shop.built()
    assert after["manifest_hash"] != before["manifest_hash"]
    assert after["image_digest"] != before["image_digest"]


def test_a_lost_blob_is_made_again_and_is_the_same(shop: Workspace) -> None:
    before = shop.built()
    blobs = shop.root / "releases" / "oci" / "blobs" / "sha256"
    (blobs / before["modules"][1]["layer_digest"].removeprefix("sha256:")).unlink()
    after = shop.built()
    assert after["cached"] is False
    assert (after["build_id"], after["image_digest"]) == (
        before["build_id"],
        before["image_digest"],
    )
    assert shop.built()["cached"] is True


def test_edited_generated_files_are_put_right(shop: Workspace) -> None:
    shop.built()
    registry = shop.root / "generated" / "registry.py"
    right = registry.read_bytes()
    registry.write_bytes(right + b"# by hand\n")
    assert shop.xtask("generate-registry", "--check").code == 4
    assert shop.built()["cached"] is True
    assert registry.read_bytes() == right


def test_a_stale_lock_is_refused_when_locked_and_renewed_otherwise(shop: Workspace) -> None:
    lock = (shop.root / "modules.lock").read_text()
    for name in ("module.toml", "pyproject.toml"):
        shop.edit(f"modules/cart/{name}", 'version = "1.0.0"', 'version = "1.1.0"')
    refused = shop.xtask("build", "--locked")
    assert refused.code == 4
    assert '-version = "1.0.0"\n+version = "1.1.0"' in refused.err
    assert (shop.root / "modules.lock").read_text() == lock
    shop.built()
    assert 'version = "1.1.0"' in (shop.root / "modules.lock").read_text()
    assert shop.xtask("build", "--locked").code == 0


def test_two_builds_at_once_are_one(shop: Workspace) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: shop.built(), range(2))
    assert first["build_id"] == second["build_id"]
    assert {first["cached"], second["cached"]} == {True, False}


def test_an_import_that_fails_names_the_module_and_writes_nothing(shop: Workspace) -> None:
    shop.edit("modules/cart/module.toml", "cart.api:router", "cart.api:rooter")
    before = shop.committed()
    said = shop.xtask("build")
    assert said.code == 3
    assert "error[XT0401]: `cart.api:rooter` of module `cart` cannot be imported" in said.err
    assert "modules/cart/module.toml:11:10" in said.err
    assert shop.committed() == before
    assert not (shop.root / "releases" / "bundles").exists()
    (row,) = shop.xtask("builds", "--json").document
    assert row["status"] == "failed"


def test_a_build_back_end_that_fails_names_the_module(shop: Workspace) -> None:
    shop.edit("modules/cart/pyproject.toml", 'packages = ["src/cart"]', "packages = 7")
    said = shop.xtask("build")
    assert said.code == 1
    assert "module `cart` cannot be built" in said.err
    assert "help: " in said.err


def test_a_product_without_a_host_is_not_built(shop: Workspace) -> None:
    shop.edit("modules/host/module.toml", '[host]\nmain = "host:run"\n', "")
    said = shop.xtask("build")
    assert said.code == 3
    assert "error[XT0305]" in said.err
    assert shop.xtask("validate-manifest").code == 0


def test_an_interrupted_build_is_recorded_and_the_next_one_works(shop: Workspace) -> None:
    shop.edit("modules/cart/src/cart/api.py", "router", "import time\ntime.sleep(60)\nrouter")
    process = subprocess.Popen(
        # A CI runner may have started us with interrupts ignored, which children inherit.
        ["env", "--default-signal=INT", sys.executable, "-m", "xtask", "build"],
        cwd=shop.root, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    for line in process.stderr:
        if line.startswith("layers"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    shop.edit("modules/cart/src/cart/api.py", "time.sleep(60)", "")
    shop.built()
    statuses = [row["status"] for row in shop.xtask("builds", "--json").document]
    assert statuses == ["succeeded", "failed"]


def test_an_interrupt_while_layers_are_written_ends_at_once(shop: Workspace) -> None:
    for number in range(1500):
        path = shop.root / f"modules/cart/src/cart/many/m{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(f"def f{line}(): return {number + line}" for line in range(40)))
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "xtask", "build"],
        cwd=shop.root, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    for line in process.stderr:
        if line.startswith("package"):  # its end: the next stage is `layers`
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 2
    assert "Traceback" not in err
    assert err.split()[:2] == ["layers", "failed"]


def test_a_killed_build_leaves_nothing_that_stops_the_next_one(shop: Workspace) -> None:
    shop.edit("modules/cart/src/cart/api.py", "router", "import time\ntime.sleep(5)\nrouter")
    process = subprocess.Popen(
        [sys.executable, "-m", "xtask", "build"],
        cwd=shop.root, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    for line in process.stderr:
        if line.startswith("layers"):
            break
    process.kill()
    process.communicate(timeout=30)
    document = shop.built()
    assert document["status"] == "succeeded"
    rows = shop.xtask("builds", "--json").document
    assert [row["status"] for row in rows] == ["succeeded", "failed"]
    assert rows[0]["manifest_hash"] == rows[1]["manifest_hash"]


def test_what_is_no_longer_generated_is_removed(shop: Workspace) -> None:
    shop.built()
    (shop.root / "generated" / "old.py").write_text("x = 1\n")
    checked = shop.xtask("generate-registry", "--check")
    assert checked.code == 4
    assert "generated/old.py is not generated" in checked.err
    assert shop.xtask("generate-registry", "--json").document == {"changed": ["old.py"]}
    assert not (shop.root / "generated" / "old.py").exists()


def test_another_platform_than_this_machine_is_refused(shop: Workspace) -> None:
    shop.edit("modules.toml", "[modules]", '[build]\ntarget = "linux/s390x"\n\n[modules]')
    assert shop.xtask("build").code == 3
    other = "linux/amd64" if os.uname().machine == "aarch64" else "linux/arm64"
    shop.edit("modules.toml", "linux/s390x", other)
    said = shop.xtask("build")
    assert said.code == 3
    assert "error[XT0215]: base `interpreter` is linux/" in said.err


def test_a_module_whose_build_is_random_is_named_and_the_evidence_stays(shop: Workspace) -> None:
    project = shop.root / "modules" / "cart" / "pyproject.toml"
    project.write_text(project.read_text() + "\n[tool.hatch.build.hooks.custom]\n")
    (project.parent / "hatch_build.py").write_text(
        "import pathlib, uuid\n"
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n\n"
        "class CustomBuildHook(BuildHookInterface):\n"
        "    def initialize(self, version, build_data):\n"
        "        path = pathlib.Path(self.root, 'src/cart/random.py')\n"
        "        path.write_text(f'x = {str(uuid.uuid4())!r}\\n')\n"
    )
    before = shop.built()
    evidence = (shop.root / before["bundle"] / "image.json").read_bytes()
    for name in ("cache/wheels", "cache/layers", "oci/blobs"):
        subprocess.run(["rm", "-rf", str(shop.root / "releases" / name)], check=True)
    said = shop.xtask("build")
    assert said.code == 5
    assert "module `cart` gives another layer" in said.err
    assert (shop.root / before["bundle"] / "image.json").read_bytes() == evidence
    (row,) = shop.xtask("builds", "--json").document
    assert (row["status"], row["image_digest"]) == ("succeeded", before["image_digest"])
