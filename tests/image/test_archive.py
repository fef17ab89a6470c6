from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from xtask.errors import UntrustedError, XtaskError
from xtask.image.archive import canonical_name, hybrid_archive
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

NAME = "registry.example/shop:1"


@pytest.fixture
def image(layout: Layout) -> Image:
    layers = [write_layer(layout, [Entry(name, b"x" * 3000)]) for name in ("one", "two", "three")]
    config = ImageConfig(entrypoint=("/one",))
    return assemble(layout, layers=layers, config=config, annotations={}, reference=NAME)


def unpack(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        streams = {member.name: archive.extractfile(member) for member in archive}
        return {name: stream.read() for name, stream in streams.items() if stream is not None}


def blob_names(digests: list[str]) -> set[str]:
    return {"blobs/sha256/" + digest.removeprefix("sha256:") for digest in digests}


def test_unpacked_it_is_an_image_layout(layout: Layout, image: Image, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    data = b"".join(hybrid_archive(layout, image.digest, name=NAME))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")
    Layout(folder).verify(image.digest)
    (descriptor,) = json.loads((folder / "index.json").read_bytes())["manifests"]
    assert (descriptor["digest"], descriptor["size"]) == (image.digest, image.size)
    assert descriptor["annotations"] == {
        "io.containerd.image.name": NAME,
        "org.opencontainers.image.ref.name": "1",
    }


def test_it_is_a_docker_archive_of_the_same_blobs(layout: Layout, image: Image) -> None:
    files = unpack(b"".join(hybrid_archive(layout, image.digest, name=NAME)))
    (described,) = json.loads(files["manifest.json"])
    assert described["RepoTags"] == [NAME]
    assert {described["Config"]} == blob_names([image.config_digest])
    assert set(described["Layers"]) == blob_names([layer.digest for layer in image.layers])
    assert set(described["Layers"]) <= set(files)


def test_layers_that_the_engine_has_are_left_out(layout: Layout, image: Image) -> None:
    known = frozenset(layer.diff_id for layer in image.layers[:2])
    files = unpack(b"".join(hybrid_archive(layout, image.digest, name=NAME, known=known)))
    expected = blob_names([image.digest, image.config_digest, image.layers[2].digest])
    assert expected == {name for name in files if name.startswith("blobs/")}
    (described,) = json.loads(files["manifest.json"])
    assert len(described["Layers"]) == 3


def test_a_layer_that_is_left_out_need_not_be_here(layout: Layout, image: Image) -> None:
    layout.path(image.layers[0].digest).unlink()
    known = frozenset({image.layers[0].diff_id})
    assert b"".join(hybrid_archive(layout, image.digest, name=NAME, known=known))


def test_a_layer_used_twice_is_sent_once(layout: Layout) -> None:
    layer = write_layer(layout, [Entry("x", b"x")])
    config = ImageConfig(entrypoint=("/x",))
    twice = assemble(layout, layers=[layer, layer], config=config, annotations={}, reference=NAME)
    data = b"".join(hybrid_archive(layout, twice.digest, name=NAME))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names))


def test_it_is_the_same_bytes_twice(layout: Layout, image: Image) -> None:
    first, second = (b"".join(hybrid_archive(layout, image.digest, name=NAME)) for _ in range(2))
    assert first == second


def test_no_piece_holds_a_whole_layer(layout: Layout) -> None:
    layer = write_layer(layout, [Entry("x", bytes(5_000_000))])
    config = ImageConfig(entrypoint=("/x",))
    image = assemble(layout, layers=[layer], config=config, annotations={}, reference=NAME)
    assert max(map(len, hybrid_archive(layout, image.digest, name=NAME))) <= 1 << 20


def test_a_missing_or_short_layer_stops_the_stream(layout: Layout, image: Image) -> None:
    path = layout.path(image.layers[0].digest)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UntrustedError, match=image.layers[0].digest):
        b"".join(hybrid_archive(layout, image.digest, name=NAME))
    path.unlink()
    with pytest.raises(UntrustedError, match="missing"):
        b"".join(hybrid_archive(layout, image.digest, name=NAME))


def test_an_altered_manifest_stops_it_before_the_first_byte(layout: Layout, image: Image) -> None:
    layout.path(image.digest).write_bytes(b"{}")
    with pytest.raises(UntrustedError):
        hybrid_archive(layout, image.digest, name=NAME)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop:1", "docker.io/library/shop:1"),
        ("team/shop:1", "docker.io/team/shop:1"),
        ("localhost/shop:1", "localhost/shop:1"),
        ("registry:5000/shop:1", "registry:5000/shop:1"),
        ("registry.example/a/b:1.0_x-y", "registry.example/a/b:1.0_x-y"),
    ],
)
def test_a_name_is_completed_as_the_engine_does(name: str, expected: str) -> None:
    assert expected == canonical_name(name)


@pytest.mark.parametrize(
    "name", ["shop", "registry:5000/shop", "shop:", "a b:1", "shop@sha256:1", ""]
)
def test_refuses_a_name_without_a_tag(name: str) -> None:
    with pytest.raises(XtaskError, match="is not like"):
        canonical_name(name)
