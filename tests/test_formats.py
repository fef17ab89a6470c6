"""A format's version stands for bytes: other bytes need another version (and so another hash).

When one of these fails, what xtask writes has changed. Raise the format's version in
`resolve/plan.py` and add the new digest here; never replace one that was released.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from xtask.diagnostics import Place, Problems, Source
from xtask.image.assemble import ImageConfig, assemble, assemble_index
from xtask.image.compression import compress
from xtask.image.layer import Entry, directory, symlink, write_layer
from xtask.image.layout import Layout
from xtask.manifest.folder import Folder
from xtask.manifest.module import Dependency, Module
from xtask.manifest.project import with_project, written_project
from xtask.resolve.plan import COMPRESSORS, FORMATS

GOLDEN = Path(__file__).parent / "golden" / "one_module_of_each_kind" / "generated"
GENERATOR = {
    1: "82361b134012eb9e9e2069785354cbcc6b83f8c3b75f174ec16aede07bad7082",
    2: "25a6a246ad1c132f6aa29748f5c3ff63db55fd43d8674dd8eb621831272cbb29",
}
PROJECTS = {1: "6c04fbed195d23875585732137e69974d707612169a77c84965dfa26bb878449"}
COMPRESSED = {
    "zlib-classic-6/1": "7fd173c1035cc8e2a04c244cbb73bebab3029870d5a6455b79fd902d1f3b7442",
}
IMAGES = {1: "96b245cba004cecc09be8351d2a03a7346ae622ae56bb65979e70cc526b9330e"}
LAYERS = {1: "7c693892c400a449752fc0841a9ad02c4605e365feff3780ad1e689449dd1ed7"}


def test_an_image_is_that_of_the_image_version(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layers = [write_layer(layout, [Entry("app/run", b"")])]
    config = ImageConfig(("/usr/bin/python3", "-m", "x"), {"LANG": "C"}, labels={"a": "b"}, port=1)
    image = assemble(layout, layers=layers, config=config, annotations={"a": "b"}, reference="")
    both = {"linux/amd64": image, "linux/arm64": image}
    index = assemble_index(layout, both, annotations={}, reference="x:1")
    digests = hashlib.sha256(f"{image.digest} {index.digest}".encode()).hexdigest()
    assert IMAGES[int(str(FORMATS["image"]))] == digests


def test_generated_files_are_those_of_the_generator_version() -> None:
    state = hashlib.sha256()
    for path in sorted(GOLDEN.iterdir()):
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    assert GENERATOR[int(str(FORMATS["generator"]))] == state.hexdigest()


def test_a_written_project_is_that_of_the_project_version() -> None:
    here = Place(Source("shop/module.json"))
    module = Module(
        name="gift-cards", version="1.2.0-rc.1", description="", license=None, dialect="flux",
        package="modules.gift_cards", place=here, is_package=True,
        dependencies=(Dependency("fastapi>=0.110", here),),
    )  # fmt: skip
    module = with_project(module, Folder(Path(), "shop"), Problems())
    text = written_project(module)
    assert PROJECTS[int(str(FORMATS["projects"]))] == hashlib.sha256(text.encode()).hexdigest()


def test_a_layer_is_that_of_the_layer_version(tmp_path: Path) -> None:
    long = "app/" + "/".join(["a-folder-with-a-long-name"] * 8) + "/ü.txt"
    entries = [
        Entry("app/run", b"#!/bin/sh\n", mode=0o755),
        Entry(long, b"text"),
        directory("data", uid=10001, gid=10001),
        symlink("app/link", "run"),
    ]
    layer = write_layer(Layout(tmp_path), entries)
    assert f"sha256:{LAYERS[int(str(FORMATS['layers']))]}" == layer.diff_id


def test_a_compressed_layer_is_that_of_the_compressor(tmp_path: Path) -> None:
    compressor = COMPRESSORS["gzip"]
    text = "".join(f"{number} bottles on the wall\n" for number in range(2000))
    tars, layout = Layout(tmp_path / "tars"), Layout(tmp_path / "oci")
    layer = write_layer(tars, [Entry("app/song", text.encode())])
    made = compress([layer], tars, layout, tmp_path / "cache", compressor)[layer.diff_id]
    assert f"sha256:{COMPRESSED[compressor]}" == made.digest
