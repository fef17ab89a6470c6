"""`[image] compression`: other blobs, the same layers."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import ROOT, Workspace
from tests.acceptance.test_rebuild import with_stamps
from tests.support.bases import machine_base
from xtask.digest import sha256
from xtask.image.layout import GZIP_LAYER_TYPE, LAYER_TYPE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requires("index")

GZIP = '\n[image]\ncompression = "gzip"\n\n[modules]\n'


def blob(workspace: Workspace, digest: str) -> bytes:
    blobs = workspace.root / "releases" / "oci" / "blobs" / "sha256"
    return (blobs / digest.removeprefix("sha256:")).read_bytes()


def manifest(workspace: Workspace, document: Any) -> Any:
    return json.loads(blob(workspace, document["image_digest"]))


def bundle(workspace: Workspace, document: Any, name: str) -> Any:
    return json.loads((workspace.root / document["bundle"] / name).read_bytes())


@pytest.fixture(scope="module")
def compressed_once(built_shop: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("compressed") / "shop"
    shutil.copytree(built_shop.root, root, symlinks=True)
    shop = Workspace(root)
    shop.edit("modules.toml", "\n[modules]\n", GZIP)
    shop.built()
    return shop


@pytest.fixture
def compressed(compressed_once: Workspace, tmp_path: Path) -> Workspace:
    """A shop that was built once as tars and once compressed, for one test to change."""
    shutil.copytree(compressed_once.root, tmp_path / "compressed", symlinks=True)
    return Workspace(tmp_path / "compressed")


def test_layers_are_the_same_and_blobs_are_not(
    built_shop: Workspace, compressed: Workspace
) -> None:
    shop, plain, packed = compressed, built_shop.built(), compressed.built()
    assert packed["manifest_hash"] != plain["manifest_hash"]
    layers = manifest(shop, packed)["layers"]
    assert {GZIP_LAYER_TYPE} == {layer["mediaType"] for layer in layers}
    tars = [sha256(gzip.decompress(blob(shop, layer["digest"]))) for layer in layers]
    assert tars == [layer["digest"] for layer in manifest(shop, plain)["layers"]]
    described = bundle(shop, packed, "image.json")
    assert tars == described["diff_ids"] == bundle(shop, plain, "image.json")["diff_ids"]
    assert described["compressor"] == "zlib-classic-6/1"
    assert bundle(shop, packed, "plan.json")["formats"]["compressor"] == "zlib-classic-6/1"
    assert bundle(shop, plain, "image.json")["compressor"] == "none"
    assert shop.xtask("verify", packed["build_id"]).code == 0


def test_each_layer_is_compressed_once_and_nothing_is_done_again(compressed: Workspace) -> None:
    shop, first = compressed, compressed.built()
    assert (first["cached"], shop.built()["cached"]) == (True, True)
    shop.edit("modules/cart/src/cart/api.py", "object()", "object( )")
    blobs = shop.root / "releases" / "oci" / "blobs" / "sha256"
    before = {path.name: path.stat().st_ino for path in blobs.iterdir()}
    second = shop.built()
    assert {module["id"]: module["cached"] for module in second["modules"]} == {
        "host": True, "cart": False
    }  # fmt: skip
    kept = {layer["digest"] for layer in manifest(shop, first)["layers"]}
    now = {layer["digest"] for layer in manifest(shop, second)["layers"]}
    assert len(now - kept) == 1
    assert {name: (blobs / name).stat().st_ino for name in before} == before


def test_without_its_caches_the_build_is_the_same(compressed: Workspace) -> None:
    first, releases = compressed.built(), compressed.root / "releases"
    shutil.rmtree(releases / "cache" / "compressed")
    assert compressed.built()["image_digest"] == first["image_digest"]
    for name in ("cache", "oci"):
        shutil.rmtree(releases / name)
    made = compressed.built()
    assert made["cached"] is False
    assert made["image_digest"] == first["image_digest"]


def test_layers_of_a_base_stay_as_they_came(shop: Workspace) -> None:
    machine_base(shop.root / "bases" / "python", packed=False, reference="here")
    text = GZIP.replace("[image]\n", '[image]\nbase = "oci:bases/python:here"\n')
    shop.edit("modules.toml", "\n[modules]\n", text)
    built = shop.built()
    below, *ours = manifest(shop, built)["layers"]
    assert below["mediaType"] == LAYER_TYPE
    assert {GZIP_LAYER_TYPE} == {layer["mediaType"] for layer in ours}
    assert shop.xtask("verify", built["build_id"]).code == 0


def test_a_rebuild_gives_the_same_blobs(compressed: Workspace) -> None:
    said = compressed.xtask("verify", compressed.built()["build_id"], "--rebuild", "--json")
    assert said.document["rebuild"]["verdict"] == "identical", said.out


ANOTHER_ZLIB = """\
import zlib
real = zlib.compressobj
zlib.compressobj = lambda level=-1, method=8, bits=15, memory=8, *more, **named: real(
    level, method, bits, memory + 1, *more, **named
)
"""
"""A Python that was linked with another zlib, as some distributions have it."""

ANOTHER_VERSION = """\
from xtask.resolve import plan
plan.COMPRESSORS["gzip"] = "zlib-classic-6/2"
"""
"""An xtask that compresses otherwise, and so has another name for it."""


def with_patch(folder: Path, code: str) -> str:
    """Return a PYTHONPATH with which every Python begins with the code."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", ""), str(ROOT)])


@pytest.mark.parametrize("patch", [ANOTHER_ZLIB, ANOTHER_VERSION], ids=["zlib", "version"])
def test_a_rebuild_with_another_compressor_gives_the_same_layers_and_says_so(
    compressed: Workspace, tmp_path: Path, patch: str
) -> None:
    old, path = compressed.built(), with_patch(tmp_path / "patch", patch)
    words = ("verify", old["build_id"], "--rebuild")
    said = compressed.xtask(*words, "--json", PYTHONPATH=path)
    assert said.code == 0, said.err
    rebuilt = said.document["rebuild"]
    assert (rebuilt["verdict"], rebuilt["image_digest"]) == ("equivalent", "")
    assert rebuilt["config_digest"] == old["config_digest"]
    assert "only their compressor `zlib-classic-6/1`" in rebuilt["says"]


def test_what_differs_is_named_whatever_compresses_it(
    compressed: Workspace, tmp_path: Path
) -> None:
    shop = compressed
    with_stamps(shop)
    old, path = shop.built(), with_patch(tmp_path / "patch", ANOTHER_ZLIB)
    said = shop.xtask("verify", old["build_id"], "--rebuild", "--json", PYTHONPATH=path)
    assert said.code == 5
    assert said.document["rebuild"]["verdict"] == "different"
    assert "stamp.txt" in said.document["rebuild"]["says"]


def test_an_image_with_one_bit_changed_inside_a_layer_is_seen(compressed: Workspace) -> None:
    shop, document = compressed, compressed.built()
    digest = manifest(shop, document)["layers"][-1]["digest"].removeprefix("sha256:")
    path = shop.root / "releases" / "oci" / "blobs" / "sha256" / digest
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    said = shop.xtask("verify", document["build_id"])
    assert said.code == 5
    assert digest in said.out + said.err


def test_another_zlib_stops_the_build_and_names_the_way_out(
    shop: Workspace, tmp_path: Path
) -> None:
    shop.edit("modules.toml", "\n[modules]\n", GZIP)
    said = shop.xtask("build", PYTHONPATH=with_patch(tmp_path / "patch", ANOTHER_ZLIB))
    assert said.code == 1
    assert 'compression = "none"' in said.err
