"""What others make of our images: the specification's schemas, skopeo, umoci, a registry, Docker.

Each of them has to give back the same digest, which means the same bytes.
"""

from __future__ import annotations

import json
import stat
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.registry import docker_registry
from xtask.digest import sha256
from xtask.image.archive import hybrid_archive
from xtask.image.assemble import Image, ImageConfig, assemble, assemble_index
from xtask.image.compression import compress
from xtask.image.layer import Entry, Layer, directory, symlink, write_layer
from xtask.image.layout import REFERENCE, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from jsonschema.protocols import Validator

NAME = "localhost/xtask-interoperability:1"
LONG = "app/site/" + "/".join(["a_folder_with_a_name_that_is_long"] * 6) + "/module.py"
ENTRIES = [
    [
        Entry("app/site/a.py", b"a = 1\n" * 1000),
        Entry("app/bin/run", b"#!/bin/sh\n", 0o755),
        Entry("app/empty", b""),
        symlink("app/bin/go", "run"),
        directory("data", uid=10001, gid=10001),
    ],
    [Entry(LONG, b"b = 2\n"), Entry("app/site/gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n", b"g")],
]
SCHEMAS = Path(__file__).with_name("schemas")


@pytest.fixture(params=["none", "gzip"])
def stored(
    request: pytest.FixtureRequest, layout: Layout, tmp_path: Path
) -> tuple[Layout, list[Layer]]:
    """A layout with two layers, as tars and compressed."""
    if request.param == "none":
        return layout, [write_layer(layout, entries) for entries in ENTRIES]
    tars = Layout(tmp_path / "tars")
    layers = [write_layer(tars, entries) for entries in ENTRIES]
    made = compress(layers, tars, layout, tmp_path / "cache", "zlib-classic-6/1")
    return layout, [made[layer.diff_id] for layer in layers]


def assembled(layout: Layout, layers: list[Layer], platform: str, reference: str) -> Image:
    config = ImageConfig(
        entrypoint=("/app/bin/run",), env={"PATH": "/app/bin"}, port=8000, platform=platform
    )
    return assemble(
        layout,
        layers=layers,
        config=config,
        annotations={"org.opencontainers.image.title": "shop"},
        reference=reference,
    )


@pytest.fixture
def single(stored: tuple[Layout, list[Layer]]) -> Image:
    layout, layers = stored
    return assembled(layout, layers, "linux/amd64", NAME)


@pytest.fixture(params=["one platform", "two platforms"])
def image(request: pytest.FixtureRequest, stored: tuple[Layout, list[Layer]]) -> Image:
    """An image, or an index of one for each of two platforms, which share a layer."""
    layout, layers = stored
    if request.param == "one platform":
        return assembled(layout, layers, "linux/amd64", NAME)
    images = {
        "linux/amd64": assembled(layout, layers, "linux/amd64", ""),
        "linux/arm64": assembled(layout, layers[1:], "linux/arm64", ""),
    }
    return assemble_index(layout, images, annotations={}, reference=NAME)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def run(*argv: str | Path) -> str:
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def skopeo_copy(source: str, target: str) -> None:
    flags = "--insecure-policy copy --all --preserve-digests"
    tls = "--src-tls-verify=false --dest-tls-verify=false"
    run("skopeo", *flags.split(), *tls.split(), source, target)


def only(layout: Layout) -> str:
    """Return the digest of the one image that a layout names."""
    (descriptor,) = json.loads(layout.index.read_bytes())["manifests"]
    return str(descriptor["digest"])


def documents(layout: Layout, image: Image) -> Iterator[tuple[str, Any]]:
    """Yield every JSON document of an image with the name of its schema."""
    yield "layout", json.loads((layout.root / "oci-layout").read_bytes())
    yield "index", json.loads(layout.index.read_bytes())
    if image.platforms:
        yield "index", layout.read_json(image.digest)
    for digest in layout.platforms(image.digest).values():
        manifest = layout.read_json(digest)
        yield "manifest", manifest
        yield "config", layout.read_json(manifest["config"]["digest"])


@cache
def validator(name: str) -> Validator:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    read = {path.stem: json.loads(path.read_bytes()) for path in SCHEMAS.iterdir()}
    parts = [(schema["$id"], Resource.from_contents(schema)) for schema in read.values()]
    Draft202012Validator.check_schema(read[name])
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(
        read[name], registry=Registry().with_resources(parts), format_checker=checker
    )


def test_every_document_is_what_the_specification_says(layout: Layout, image: Image) -> None:
    found = list(documents(layout, image))
    assert {"layout", "index", "manifest", "config"} == {name for name, _ in found}
    wrong = [str(error) for name, value in found for error in validator(name).iter_errors(value)]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("layout", {"imageLayoutVersion": "2"}),
        ("index", {"schemaVersion": 1}),
        ("index", {"manifests": [{"digest": "sha256:0", "size": 1, "mediaType": "a/b"}]}),
        ("manifest", {"layers": []}),
        ("manifest", {"mediaType": "application/json"}),
        ("manifest", {"annotations": {"created": 1}}),
        ("config", {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "A" * 64]}}),
        ("config", {"architecture": None}),
        ("config", {"config": {"Env": ["PATH"]}}),
        ("config", {"config": {"ExposedPorts": {"http": {}}}}),
    ],
)
def test_the_schemas_refuse(layout: Layout, single: Image, name: str, changed: Any) -> None:
    value = next(value for kind, value in documents(layout, single) if kind == name)
    assert validator(name).is_valid(value)
    assert not validator(name).is_valid(value | changed)


@pytest.mark.requires("skopeo")
def test_skopeo_copies_layouts_byte_for_byte(layout: Layout, image: Image, tmp_path: Path) -> None:
    copy = Layout(tmp_path / "copy")
    skopeo_copy(f"oci:{layout.root}:{NAME}", f"oci:{copy.root}:1")
    assert only(copy) == image.digest
    copy.verify(image.digest)


@pytest.mark.requires("skopeo", "registry")
def test_a_registry_gives_back_what_skopeo_pushed(
    layout: Layout, image: Image, registry: str, tmp_path: Path
) -> None:
    pushed, copy = f"docker://{registry}/shop:1", Layout(tmp_path / "copy")
    skopeo_copy(f"oci:{layout.root}:{NAME}", pushed)
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", pushed).encode()
    assert image.digest == sha256(raw)
    skopeo_copy(f"docker://{registry}/shop@{image.digest}", f"oci:{copy.root}:1")
    assert only(copy) == image.digest
    copy.verify(image.digest)


@pytest.mark.requires("umoci", "skopeo")
def test_umoci_unpacks_what_was_packed(layout: Layout, single: Image, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    skopeo_copy(f"oci:{layout.root}:{single.reference}", f"oci:{copy}:1")
    run("umoci", "unpack", "--rootless", "--image", f"{copy}:1", tmp_path / "bundle")
    root = tmp_path / "bundle" / "rootfs"
    for entry in (entry for entries in ENTRIES for entry in entries):
        path = root / entry.path
        if entry.link is not None:
            assert entry.link == str(path.readlink())
        else:
            assert entry.mode == stat.S_IMODE(path.stat().st_mode)
            assert entry.content == (path.read_bytes() if path.is_file() else None)
    named = {entry.path for entries in ENTRIES for entry in entries}
    there = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    assert there == named - {"data"}
    started = json.loads((tmp_path / "bundle" / "config.json").read_bytes())["process"]
    assert started["args"] == ["/app/bin/run"]
    assert started["env"][:1] == ["PATH=/app/bin"]
    assert (started["user"]["uid"], started["user"]["gid"]) == (10001, 10001)


@pytest.mark.requires("umoci", "skopeo")
def test_umoci_lists_it_without_history(layout: Layout, single: Image, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    skopeo_copy(f"oci:{layout.root}:{single.reference}", f"oci:{copy}:1")
    shown = json.loads(run("umoci", "stat", "--json", "--image", f"{copy}:1"))
    assert not shown["history"]
    assert run("umoci", "list", "--layout", copy) == "1\n"


@pytest.fixture
def clean_engine(engine: DockerClient) -> Iterator[DockerClient]:
    """An engine that has nothing of ours before and after."""
    _remove(engine)
    yield engine
    _remove(engine)


def _remove(engine: DockerClient) -> None:
    for one in engine.api.images():
        names = [*(one["RepoTags"] or ()), *(one["RepoDigests"] or ())]
        if any(name.startswith(("localhost/xtask-inter", "127.0.0.1:")) for name in names):
            engine.images.remove(one["Id"], force=True)


@pytest.mark.requires("docker")
def test_the_engine_loads_it_under_its_identity(
    layout: Layout, image: Image, clean_engine: DockerClient
) -> None:
    digest = layout.platforms(image.digest).get("linux/amd64", image.digest)
    (loaded,) = clean_engine.images.load(hybrid_archive(layout, digest, name=NAME))
    expected = {digest, layout.read_json(digest)["config"]["digest"]}
    assert loaded.id in expected
    diff_ids = layout.read_image(digest)[1]["rootfs"]["diff_ids"]
    assert diff_ids == loaded.attrs["RootFS"]["Layers"]


@pytest.mark.requires("docker", "skopeo", "registry")
def test_the_engine_pulls_it_by_digest(
    layout: Layout, image: Image, registry: str, clean_engine: DockerClient
) -> None:
    repository = f"{registry}/shop"
    skopeo_copy(f"oci:{layout.root}:{NAME}", f"docker://{repository}:1")
    pulled = clean_engine.images.pull(f"{repository}@{image.digest}")
    assert [f"{repository}@{image.digest}"] == pulled.attrs["RepoDigests"]
    platform = layout.platforms(image.digest).get("linux/amd64", image.digest)
    assert pulled.id in {platform, layout.read_json(platform)["config"]["digest"], image.digest}


def test_the_name_is_on_the_one_line_of_the_index(layout: Layout, image: Image) -> None:
    (line,) = json.loads(layout.index.read_bytes())["manifests"]
    assert (line["annotations"][REFERENCE], line["digest"]) == (NAME, image.digest)
