"""A format's version stands for bytes: other bytes need another version (and so another hash).

When one of these fails, what xtask writes has changed. Raise the format's version in
`resolve/plan.py` and add the new digest here; never replace one that was released.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from xtask.diagnostics import Place, Problems, Source
from xtask.image.layer import Entry, directory, symlink, write_layer
from xtask.image.layout import Layout
from xtask.manifest.folder import Folder
from xtask.manifest.module import Dependency, Module
from xtask.manifest.project import with_project, written_project
from xtask.resolve.plan import FORMATS

GOLDEN = Path(__file__).parent / "golden" / "one_module_of_each_kind" / "generated"
GENERATOR = {
    1: "82361b134012eb9e9e2069785354cbcc6b83f8c3b75f174ec16aede07bad7082",
    2: "25a6a246ad1c132f6aa29748f5c3ff63db55fd43d8674dd8eb621831272cbb29",
}
PROJECTS = {1: "6c04fbed195d23875585732137e69974d707612169a77c84965dfa26bb878449"}
LAYERS = {1: "7c693892c400a449752fc0841a9ad02c4605e365feff3780ad1e689449dd1ed7"}


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
