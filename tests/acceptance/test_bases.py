"""Products on bases of others: pinned once, built offline, for one platform or several."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import Workspace
from tests.support.bases import image, index, machine_base, python_files, tar
from tests.support.registry import docker_registry
from xtask.image.base.installation import machine_platform
from xtask.image.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.image.base.values import Base

pytestmark = pytest.mark.requires("index")

HERE = machine_platform()
ELSEWHERE = "linux/arm64" if HERE == "linux/amd64" else "linux/amd64"
BOTH = f'[build]\ntarget = ["{HERE}", "{ELSEWHERE}"]\n\n'
OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Base]:
    """A layout with this machine's Python as `here`, and for two platforms as `both`."""
    root = tmp_path_factory.mktemp("bases") / "layout"
    packed = machine_base(root, reference="here", two_layers=True)
    layout = Layout(root)
    ((digest, _),) = [(one["digest"], one) for one in layout._manifests()]
    files = tar(python_files(packed.python, platform=ELSEWHERE))
    other = image(layout, [files], platform=ELSEWHERE, env=[f"PYTHON_VERSION={packed.python}"])
    index(layout, {HERE: digest, ELSEWHERE: other}, "both")
    return layout, packed


def on(shop: Workspace, base: str, *, before: str = "") -> Workspace:
    shop.edit("modules.toml", "[modules]", f'{before}[image]\nbase = "{base}"\n\n[modules]')
    return shop


@pytest.fixture
def based(shop: Workspace, base: tuple[Layout, Base]) -> Workspace:
    """The small shop with a layout beside it, as `bases/python`."""
    shutil.copytree(base[0].root, shop.root / "bases" / "python")
    return shop


@pytest.fixture(scope="module")
def built_on_base(
    built_shop: Workspace, base: tuple[Layout, Base], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    shop = built_shop.copy(tmp_path_factory.mktemp("on-base") / "shop")
    shutil.copytree(base[0].root, shop.root / "bases" / "python")
    on(shop, "oci:bases/python:here").built()
    return shop


@pytest.fixture
def pinned(built_on_base: Workspace, tmp_path: Path) -> Workspace:
    """A shop that was built on `bases/python:here` once: a copy without its records."""
    return built_on_base.copy(tmp_path / "pinned")


def layout_of(shop: Workspace) -> Layout:
    return Layout(shop.root / "releases" / "oci")


def names(shop: Workspace, layer: dict[str, Any]) -> set[str]:
    with tarfile.open(layout_of(shop).path(layer["digest"])) as archive:
        return set(archive.getnames())


def test_an_image_stands_on_the_layers_of_its_base_as_they_are(
    based: Workspace, base: tuple[Layout, Base]
) -> None:
    theirs, packed = base
    built = on(based, "oci:bases/python:here").built()
    manifest, config = layout_of(based).read_image(built["image_digest"])
    lock = (based.root / "modules.lock").read_text()
    digest = json.loads(theirs.index.read_bytes())["manifests"]
    below = next(one["digest"] for one in digest if "here" in one["annotations"].values())
    expected, _ = theirs.read_image(below)
    assert manifest["layers"][:2] == expected["layers"]
    assert f'digest = "{below}"' in lock
    assert "machine_local = false" in lock
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == below
    assert "org.opencontainers.image.base.name" not in manifest["annotations"]
    env = dict(entry.split("=", 1) for entry in config["config"]["Env"])
    assert env["PATH"] == "/usr/local/bin:/usr/bin"
    assert "TOKEN" not in env
    assert config["config"]["Entrypoint"][0] == packed.executable
    assert "history" not in config
    layout_of(based).verify(built["image_digest"])


def test_there_is_no_bytecode_and_a_folder_for_data_on_a_base_of_others(pinned: Workspace) -> None:
    built = pinned.built()
    manifest, _ = layout_of(pinned).read_image(built["image_digest"])
    found = set().union(*(names(pinned, layer) for layer in manifest["layers"][2:]))
    assert "app/site/cart/api.py" in found
    assert not {name for name in found if name.endswith(".pyc")}
    assert "data" in found


def test_what_is_pinned_stays_until_somebody_asks_for_more(pinned: Workspace) -> None:
    layout = Layout(pinned.root / "bases" / "python")
    first = pinned.built()
    assert pinned.xtask("lock", "--check").code == 0
    machine_base(layout.root, reference="here")
    again = pinned.built()
    assert again["image_digest"] == first["image_digest"]
    said = pinned.xtask("lock", "--upgrade", "base")
    assert said.code == 0
    assert said.out.count("digest = ") == 2
    renewed = pinned.built()
    assert renewed["manifest_hash"] != first["manifest_hash"]
    manifest, _ = layout_of(pinned).read_image(renewed["image_digest"])
    assert (
        len(manifest["layers"])
        == len(layout_of(pinned).read_image(first["image_digest"])[0]["layers"]) - 1
    )


def test_a_base_that_the_lock_does_not_know_is_stale(based: Workspace) -> None:
    on(based, "oci:bases/python:here")
    for words in (("build", "--locked"), ("lock", "--check")):
        said = based.xtask(*words)
        assert said.code == 4
        assert '+name = "oci:bases/python:here"' in said.err
    assert based.xtask("lock", "--upgrade", "nothing").code == 2


def test_builds_offline_and_after_the_source_is_gone(pinned: Workspace) -> None:
    first = pinned.built()
    shutil.rmtree(pinned.root / "bases")
    shutil.rmtree(pinned.root / "releases" / "cache" / "base")
    pinned.edit("modules/cart/src/cart/api.py", "object()", "object( )")
    assert pinned.built()["image_digest"] != first["image_digest"]
    pinned.edit("modules/cart/src/cart/api.py", "object( )", "object()")
    assert pinned.built()["image_digest"] == first["image_digest"]


def test_a_second_build_is_the_first_one_and_reads_nothing(pinned: Workspace) -> None:
    first = pinned.built()
    os.utime(pinned.root / "modules.toml", (0, 0))
    pinned.built()
    third = pinned.xtask("build", "--json")
    assert third.document["build_id"] == first["build_id"]
    assert third.document["cached"] is True


def test_imports_are_tried_with_the_python_of_the_base(pinned: Workspace) -> None:
    api = "import sys, of_the_second_layer\nassert '/rootfs/' in sys.prefix\nrouter = 1\n"
    (pinned.root / "modules/cart/src/cart/api.py").write_text(api)
    assert pinned.built()["status"] == "succeeded"
    (pinned.root / "modules/cart/src/cart/api.py").write_text("import antigravity\nrouter = 1\n")
    said = pinned.xtask("build")
    assert said.code == 3
    assert "No module named 'antigravity'" in said.err


def test_two_platforms_share_layers_and_have_one_index(based: Workspace) -> None:
    said = on(based, "oci:bases/python:both", before=BOTH).xtask("build", "--json")
    assert said.code == 0, said.err
    assert f"warning[XT0407]: what the product imports was not tried on `{ELSEWHERE}`" in said.err
    layout, built = layout_of(based), said.document
    document = layout.read_json(built["image_digest"])
    found = layout.platforms(built["image_digest"])
    assert sorted(found) == sorted([HERE, ELSEWHERE])
    assert [one["platform"]["architecture"] for one in document["manifests"]] == ["amd64", "arm64"]
    here, there = (layout.read_image(built["image_digest"], p)[0] for p in (HERE, ELSEWHERE))
    assert here["layers"][2:] == there["layers"][1:]
    base_key = "org.opencontainers.image.base.digest"
    assert here["annotations"][base_key] != there["annotations"][base_key]
    layout.verify(built["image_digest"])
    assert (
        built["config_digest"]
        == layout.read_image(built["image_digest"], "linux/amd64")[0]["config"]["digest"]
    )
    bundle = json.loads((based.root / built["bundle"] / "image.json").read_bytes())
    assert bundle["platforms"][ELSEWHERE]["image_digest"] == found[ELSEWHERE]
    layout.path(found[ELSEWHERE]).unlink()
    assert based.built()["image_digest"] == built["image_digest"]
    assert layout.has(found[ELSEWHERE])


def test_the_order_of_platforms_is_no_input(based: Workspace) -> None:
    first = on(based, "oci:bases/python:both", before=BOTH).built()
    based.edit("modules.toml", f'["{HERE}", "{ELSEWHERE}"]', f'["{ELSEWHERE}", "{HERE}"]')
    assert based.built()["manifest_hash"] == first["manifest_hash"]
    based.edit("modules.toml", f'["{ELSEWHERE}", "{HERE}"]', f'["{HERE}"]')
    assert based.built()["manifest_hash"] != first["manifest_hash"]


def test_a_platform_that_the_base_does_not_have_is_said(based: Workspace) -> None:
    said = on(based, "oci:bases/python:here", before=BOTH).xtask("build")
    assert said.code == 1
    assert f"the base is for {HERE}, not for {ELSEWHERE}" in said.err


def test_a_base_of_another_platform_only_is_tried_with_this_python(based: Workspace) -> None:
    target = f'[build]\ntarget = "{ELSEWHERE}"\n\n'
    on(based, "oci:bases/python:both", before=target)
    said = based.xtask("build", "--json")
    assert said.code == 0, said.err
    assert "warning[XT0407]" in said.err
    (based.root / "modules/cart/src/cart/api.py").write_text("import nothing_like_it\nrouter = 1\n")
    said = based.xtask("build")
    assert said.code == 3
    assert "nothing_like_it" in said.err


def test_a_module_with_a_wheel_for_this_machine_is_refused(pinned: Workspace) -> None:
    project = pinned.root / "modules" / "cart" / "pyproject.toml"
    project.write_text(project.read_text() + "\n[tool.hatch.build.hooks.custom]\n")
    (project.parent / "hatch_build.py").write_text(
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n\n"
        "class CustomBuildHook(BuildHookInterface):\n"
        "    def initialize(self, version, build_data):\n"
        "        build_data['infer_tag'] = True\n"
        "        build_data['pure_python'] = False\n"
    )
    said = pinned.xtask("build")
    assert said.code == 3
    assert "error[XT0406]: the wheel of module `cart` is for this machine's Python" in said.err


@pytest.mark.parametrize(("below", "code"), [(116, 0), (117, 1)])
def test_layers_of_the_base_count(shop: Workspace, below: int, code: int) -> None:
    machine_base(shop.root / "bases" / "python", small_layers=below)
    said = on(shop, "oci:bases/python").xtask("build", "--json")
    assert said.code == code, said.err
    if code:
        assert "no layer is left for 2 modules" in said.err
        return
    manifest, _ = layout_of(shop).read_image(said.document["image_digest"])
    host, cart = (module["layer_digest"] for module in said.document["modules"])
    assert (len(manifest["layers"]), host) == (1 + below + 2, cart)


@pytest.mark.requires("skopeo")
def test_skopeo_reads_the_index_and_keeps_every_digest(based: Workspace, tmp_path: Path) -> None:
    built = on(based, "oci:bases/python:both", before=BOTH).built()
    reference = f"oci:{layout_of(based).root}:{built['image_ref']}"
    raw = subprocess.run(["skopeo", "inspect", "--raw", reference], capture_output=True, check=True)
    assert raw.stdout == layout_of(based).path(built["image_digest"]).read_bytes()
    copy = f"oci:{tmp_path / 'copy'}:x"
    words = ["skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests", reference, copy]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    Layout(tmp_path / "copy").verify(built["image_digest"])


@pytest.mark.requires("registry")
class TestRegistry:
    @pytest.fixture
    def registry(self, base: tuple[Layout, Base], tmp_path: Path) -> Iterator[str]:
        """Yield the name of a repository that has the base as `:3` and `:both`."""
        with docker_registry(tmp_path / "registry") as address:
            for tag, name in (("3", "here"), ("both", "both")):
                words = ["skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false"]
                words += [f"oci:{base[0].root}:{name}", f"docker://{address}/library/python:{tag}"]
                subprocess.run(words, check=name == "here", capture_output=True)
            yield f"{address}/library/python"

    def test_a_tag_is_resolved_once_and_then_nobody_is_asked(
        self, shop: Workspace, registry: str
    ) -> None:
        built = on(shop, f"{registry}:3").built()
        manifest, _ = layout_of(shop).read_image(built["image_digest"])
        assert manifest["annotations"]["org.opencontainers.image.base.name"] == f"{registry}:3"
        digest = manifest["annotations"]["org.opencontainers.image.base.digest"]
        assert f'digest = "{digest}"' in (shop.root / "modules.lock").read_text()
        shop.edit("modules/cart/src/cart/api.py", "object()", "object( )")
        offline = Workspace(shop.root, environ=OFFLINE)
        assert offline.built("--locked")["image_digest"] != built["image_digest"]
        shop.edit("modules.toml", f"{registry}:3", f"{registry}@{digest}")
        shop.edit("modules/cart/src/cart/api.py", "object( )", "object()")
        pinned = shop.built()
        other, _ = layout_of(shop).read_image(pinned["image_digest"])
        assert other["layers"] == manifest["layers"]

    def test_what_is_not_there_is_said(self, shop: Workspace, registry: str) -> None:
        said = on(shop, f"{registry}:nothing").xtask("build")
        assert said.code != 0
        assert "nothing" in said.err
        assert not (shop.root / "releases" / "bundles").exists()


def test_a_compiled_package_is_chosen_for_each_platform_and_named_when_there_is_none(
    based: Workspace,
) -> None:
    on(based, "oci:bases/python:both", before=BOTH)
    project = based.root / "modules/cart/pyproject.toml"
    project.write_text(project.read_text().replace(
        'version = "1.0.0"\n', 'version = "1.0.0"\ndependencies = ["markupsafe==3.0.2"]\n'
    ))  # fmt: skip
    (based.root / "modules/cart/src/cart/api.py").write_text("import markupsafe\nrouter = 1\n")
    built = based.built()
    layout = layout_of(based)
    for platform, machine in (("linux/amd64", "x86_64"), ("linux/arm64", "aarch64")):
        manifest, _ = layout.read_image(built["image_digest"], platform)
        found = set().union(*(names(based, layer) for layer in manifest["layers"]))
        tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
        library = f"_speedups.cpython-{tag[2:]}-{machine}-linux-gnu.so"
        assert f"app/site/markupsafe/{library}" in found
    project.write_text(project.read_text().replace("markupsafe==3.0.2", "pywin32==308"))
    (based.root / "modules/cart/src/cart/api.py").write_text("router = 1\n")
    said = based.xtask("build")
    assert said.code == 1
    assert "`pywin32` 308 has no wheel for Python" in said.err
    assert "and cart needs it" in said.err
