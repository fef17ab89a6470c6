"""Builds that are made again from what was kept of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import (
    ROOT,
    Said,
    Workspace,
    built_reference_application,
    with_own_back_end,
    write_shop,
)
from tests.support.web import serving
from xtask.digest import hex_of
from xtask.errors import UntrustedError
from xtask.pipeline.building import inventory
from xtask.pipeline.progress import Progress
from xtask.pipeline.verifying.comparison import Shipped
from xtask.pipeline.verifying.rebuild import rebuild
from xtask.settings import Workspace as RealWorkspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requires("index")

_HOOK = """\
import time
from pathlib import Path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version, build_data):
        Path(self.root, "src/cart/stamp.txt").write_text(f"first\\n{time.time_ns()}\\n")
"""


def with_stamps(shop: Workspace) -> Workspace:
    """Let the wheel of `cart` say when it was built."""
    (shop.root / "modules/cart/hatch_build.py").write_text(_HOOK)
    with (shop.root / "modules/cart/pyproject.toml").open("a") as stream:
        stream.write('artifacts = ["stamp.txt"]\n[tool.hatch.build.hooks.custom]\n')
    return shop


def without_network(workspace: Workspace, *words: str, **environ: str) -> Said:
    """Run a verb where there is no network, not even a loopback device."""
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, "-m", "xtask", *words],
        cwd=workspace.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def only_what_is_kept(workspace: Workspace) -> None:
    """Remove everything that a rebuild may not need."""
    for path in (*workspace.root.iterdir(), *(workspace.root / "releases").iterdir()):
        if path.name.startswith(("records.", "bundles", "inputs", "oci")):
            continue
        if path.name != "releases":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def inputs_of(workspace: Workspace, document: Any) -> Any:
    return json.loads((workspace.root / document["bundle"] / "inputs.json").read_bytes())


@pytest.mark.requires("unshare")
def test_an_old_build_is_made_again_without_network_modules_and_cache(shop: Workspace) -> None:
    old = shop.built()
    shop.edit("modules/cart/src/cart/api.py", "object()", "print")
    assert shop.built()["image_digest"] != old["image_digest"]
    only_what_is_kept(shop)
    said = without_network(shop, "verify", old["build_id"], "--rebuild", "--json")
    assert said.code == 0, said.err
    assert said.document["rebuild"]["verdict"] == "identical"
    assert said.document["rebuild"]["image_digest"] == old["image_digest"]
    assert sorted(path.name for path in shop.root.iterdir()) == ["releases"]


@pytest.mark.requires("unshare")
def test_the_reference_application_is_made_again_on_a_machine_that_looks_different(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    workspace = built_reference_application(tmp_path_factory).copy(tmp_path / "a b" / "ü")
    document = workspace.built()
    only_what_is_kept(workspace)
    other = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "C", "HOME": str(tmp_path)}
    other |= {"SOURCE_DATE_EPOCH": "1234567890", "PYTHONHASHSEED": "7", "COLUMNS": "40"}
    said = without_network(workspace, "verify", "--rebuild", "--json", **other)
    assert said.code == 0, said.err
    assert said.document["rebuild"]["image_digest"] == document["image_digest"]


_OWN_BACK_END = """\
import base64
import hashlib
import zipfile
from pathlib import Path

INFO = "NAME-1.0.0.dist-info"
METADATA = b"Metadata-Version: 2.1\\nName: NAME\\nVersion: 1.0.0\\n"
WHEEL = b"Wheel-Version: 1.0\\nGenerator: NAME\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\\n"


def build_wheel(folder, *_):
    modules = sorted(Path("src").rglob("*.py"))
    files = {path.relative_to("src").as_posix(): path.read_bytes() for path in modules}
    files |= {f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL}
    record = "".join(line(*file) for file in files.items()) + f"{INFO}/RECORD,,\\n"
    with zipfile.ZipFile(f"{folder}/NAME-1.0.0-py3-none-any.whl", "w") as archive:
        for name, data in (files | {f"{INFO}/RECORD": record.encode()}).items():
            archive.writestr(name, data)
    return "NAME-1.0.0-py3-none-any.whl"
"""


def test_modules_that_build_themselves_from_nothing_are_made_again(tmp_path: Path) -> None:
    """PEP 517 with `requires = []` and `backend-path`: no environment is locked, none is needed."""
    shop = write_shop(tmp_path)
    for name in ("cart", "host"):
        with_own_back_end(shop, name, _OWN_BACK_END.replace("NAME", name))
    document = shop.built()
    assert inputs_of(shop, document)["build_wheels"] == {}
    only_what_is_kept(shop)
    said = shop.xtask("verify", "--rebuild", "--json")
    assert said.document["rebuild"]["verdict"] == "identical", said.out


def test_what_a_bundle_says_that_it_needs_is_enough(shop: Workspace) -> None:
    old = shop.built()
    shop.edit("modules/cart/src/cart/api.py", "object()", "print")
    assert shop.built()["image_digest"] != old["image_digest"]
    folder = RealWorkspace(shop.root)
    needed = inventory.needed(shop.root / old["bundle"], folder)
    blobs = {folder.layout / "blobs" / "sha256" / hex_of(digest) for digest in needed.blobs}
    there = {path for path in folder.inputs.rglob("*") if path.is_file()}
    there |= {*(folder.layout / "blobs" / "sha256").iterdir()}
    assert needed.inputs | blobs < there
    for path in there - needed.inputs - blobs:
        path.unlink()
    said = shop.xtask("verify", old["build_id"], "--rebuild", "--json")
    assert said.code == 0, said.err
    assert said.document["rebuild"]["verdict"] == "identical"


def test_a_damaged_bundle_does_not_say_what_can_be_removed(shop: Workspace) -> None:
    bundle = shop.root / shop.built()["bundle"]
    (bundle / "image.json").write_text("{}")
    with pytest.raises(UntrustedError):
        inventory.needed(bundle, RealWorkspace(shop.root))


def test_an_archive_and_a_module_of_a_registry_are_made_again(shop: Workspace) -> None:
    for name in ("host", "cart"):
        module = shop.root / "modules" / name
        shutil.make_archive(str(module), "zip", module.parent, name)
        shutil.rmtree(module)
    host, cart = (shop.root / "modules" / f"{name}.zip" for name in ("host", "cart"))
    sha256 = hashlib.sha256(host.read_bytes()).hexdigest()
    archive = f'source = "archive", path = "modules/host.zip", sha256 = "{sha256}"'
    shop.edit("modules.toml", 'path = "modules/host"', archive)
    shop.edit("modules.toml", 'path = "modules/cart"', 'source = "registry", registry = "r"')
    modules = [{"name": "cart", "version": "1.0.0", "path": "modules/cart"}]
    listing = json.dumps({"name": "R", "version": "1.0.0", "modules": modules}).encode()
    with serving({"/registry.json": listing, "/modules/cart.zip": cart.read_bytes()}) as web:
        index = f'[registries.r]\nindex = "{web.address}/registry.json"\n\n[settings.'
        shop.edit("modules.toml", "[settings.", index)
        shop.built()
    only_what_is_kept(shop)
    said = shop.xtask("verify", "--rebuild")
    assert said.code == 0, said.err
    assert "identical: built again" in said.out


def test_modules_of_a_commit_and_of_a_wheel_are_made_again(shop: Workspace, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (shop.root / "modules" / "host").rename(repository)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "host"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    source = f'source = "git", git = "{repository.as_uri()}", rev = "{head.stdout.strip()}"'
    shop.edit("modules.toml", 'path = "modules/host"', source)
    cart, name = shop.root / "modules" / "cart", "xtask-test-cart"
    (cart / "module.toml").rename(cart / "src" / "cart" / "module.toml")
    shop.edit("modules/cart/pyproject.toml", 'name = "cart"', f'name = "{name}"')
    build = [sys.executable, "-m", "build", "--wheel", "--installer", "uv", "--outdir"]
    subprocess.run([*build, str(tmp_path / "index"), str(cart)], check=True, capture_output=True)
    source = f'source = "index", package = "{name}", version = ">=1"'
    shop.edit("modules.toml", 'path = "modules/cart"', source)
    links = {"UV_FIND_LINKS": str(tmp_path / "index"), "PIP_FIND_LINKS": str(tmp_path / "index")}
    assert shop.xtask("build", **links).code == 0
    shutil.rmtree(tmp_path / "index")
    shutil.rmtree(repository)
    only_what_is_kept(shop)
    said = shop.xtask("verify", "--rebuild")
    assert said.code == 0, said.err
    assert "identical: built again" in said.out


def test_a_compressed_image_is_made_again(shop: Workspace) -> None:
    shop.edit("modules.toml", "[modules]", '[image]\ncompression = "gzip"\n\n[modules]')
    document = shop.built()
    said = shop.xtask("verify", document["build_id"], "--rebuild", "--json")
    assert said.code == 0, said.err
    assert said.document["rebuild"]["image_digest"] == document["image_digest"]


def test_a_changed_module_is_kept_once_more_and_nothing_else(shop: Workspace) -> None:
    def kept() -> set[str]:
        return {path.name for path in (shop.root / "releases/inputs").rglob("*") if path.is_file()}

    first = shop.built()
    before = kept()
    shop.edit("modules/cart/src/cart/api.py", "object()", "print")
    second = shop.built()
    changed = inputs_of(shop, second)["modules"]["cart"]["sources"]
    assert kept() - before == {f"{changed.removeprefix('sha256:')}.tar"}
    assert inputs_of(shop, first)["modules"]["host"] == inputs_of(shop, second)["modules"]["host"]


def test_lost_inputs_are_kept_again_by_the_next_build(shop: Workspace) -> None:
    first = shop.built()
    shutil.rmtree(shop.root / "releases/inputs")
    second = shop.built()
    assert second["image_digest"] == first["image_digest"]
    assert shop.xtask("verify", "--rebuild").code == 0


def test_a_lost_input_is_named_and_the_answer_is_neither_yes_nor_no(shop: Workspace) -> None:
    shop.built()
    shutil.rmtree(shop.root / "releases/inputs")
    said = shop.xtask("verify", "--rebuild", "--json")
    assert said.code == 1
    assert said.document["rebuild"]["verdict"] == "inconclusive"
    missing = said.document["rebuild"]["missing"]
    assert {"modules.lock", "modules.toml", "the files of `cart`"} < set(missing)
    assert f"cannot be said: {len(missing)} of its inputs are gone" in " ".join(said.err.split())
    assert "help: `xtask build` keeps them again while the sources are the same" in said.err
    people = shop.xtask("verify", "--rebuild").out
    shown = people.partition("inconclusive: gone:\n")[2].splitlines()
    assert shown == [*(f"  {one}" for one in missing[:5]), f"  and {len(missing) - 5} more"]


@pytest.mark.parametrize(
    ("part", "words"),
    [("modules", ("verify", "--rebuild")), ("blobs", ("build", "--check-reproducible"))],
)
def test_refuses_inputs_that_somebody_has_changed(
    shop: Workspace, part: str, words: tuple[str, ...]
) -> None:
    shop.built()
    for path in (shop.root / "releases/inputs" / part).iterdir():
        path.write_bytes(path.read_bytes().replace(b"o", b"0"))
    said = shop.xtask(*words)
    assert said.code == 5, said.err
    assert "does not have the bytes of its name" in said.err


def test_a_build_that_is_not_reproducible_says_so_at_once_and_names_the_entry(
    shop: Workspace,
) -> None:
    said = with_stamps(shop).xtask("build", "--check-reproducible", "--load", "--json")
    assert said.code == 5
    assert "is not reproducible: wheels: layer `cart`: app/site/cart/stamp.txt: line 2" in said.err
    assert "load " not in said.err
    said = shop.xtask("verify", "--rebuild", "--json")
    assert said.code == 5
    found = said.document["rebuild"]
    assert (found["verdict"], found["part"]) == ("different", "wheels")
    assert found["difference"]["name"] == "layer `cart`: app/site/cart/stamp.txt"
    assert found["difference"]["field"] == "line 2"
    assert found["difference"]["before"] != found["difference"]["after"]


def test_a_build_is_checked_under_other_conditions(shop: Workspace) -> None:
    document = shop.built("--check-reproducible")
    assert document["reproducible"] is True
    assert "reproduce" in [stage["name"] for stage in document["stages"]]
    assert "reproducible" not in shop.built()


def test_another_plan_is_named_by_its_first_value(shop: Workspace) -> None:
    document = shop.built()
    inputs = inputs_of(shop, document)
    text = (shop.root / "modules.toml").read_text().replace('app = "shop"', 'app = "shoq"')
    digest = hashlib.sha256(text.encode()).hexdigest()
    (shop.root / "releases/inputs/blobs" / digest).write_text(text)
    inputs["composition"] = f"sha256:{digest}"
    (shop.root / document["bundle"] / "inputs.json").write_text(json.dumps(inputs))
    said = shop.xtask("verify", "--rebuild")
    assert (said.code, "inputs.json in the bundle" in said.err) == (5, True)
    built = Shipped(
        document["manifest_hash"], document["image_digest"], shop.root / document["bundle"]
    )
    found = rebuild(RealWorkspace(shop.root), built, Progress())
    assert found.part == "plan"
    assert found.difference is not None
    assert found.difference.name.endswith("app")


def test_altered_bytes_are_not_identical_and_the_help_mends_them(shop: Workspace) -> None:
    document = shop.built()
    digest = document["modules"][0]["layer_digest"].removeprefix("sha256:")
    path = shop.root / "releases/oci/blobs/sha256" / digest
    good = path.read_bytes()
    path.write_bytes(good.replace(b"1", b"2"))
    for words in (("build", "--check-reproducible"), ("verify",)):
        said = shop.xtask(*words)
        assert said.code == 5, said.err
        assert f"remove {path}, then `xtask build`" in " ".join(said.err.split())
    path.unlink()
    assert shop.built("--check-reproducible")["reproducible"] is True
    assert shop.xtask("verify").code == 0
    assert path.read_bytes() == good
