"""Compressed layers: the same tars, other blobs, each made once."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support import bases
from xtask.digest import canonical_json, sha256
from xtask.errors import UntrustedError
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.compression import compress
from xtask.image.layer import Entry, Layer, write_layer
from xtask.image.layout import GZIP_LAYER_TYPE, Layout

if TYPE_CHECKING:
    from pathlib import Path

NAME = "zlib-classic-6/1"


@pytest.fixture
def tars(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "tars")


@pytest.fixture
def layers(tars: Layout) -> list[Layer]:
    return [
        write_layer(tars, [Entry(f"app/{number}", b"text\n" * 10_000 * number)])
        for number in range(1, 6)
    ]


def stored(layers: list[Layer], tars: Layout, layout: Layout, cache: Path) -> list[Layer]:
    made = compress(layers, tars, layout, cache, NAME)
    return [made[layer.diff_id] for layer in layers]


def image_of(layout: Layout, layers: list[Layer]) -> Image:
    config = ImageConfig(entrypoint=("/app/1",))
    return assemble(layout, layers=layers, config=config, annotations={}, reference="shop:1")


def test_what_a_layer_is_does_not_change(
    layers: list[Layer], tars: Layout, layout: Layout, tmp_path: Path
) -> None:
    made = stored(layers, tars, layout, tmp_path)
    assert [layer.diff_id for layer in made] == [layer.diff_id for layer in layers]
    for layer in made:
        data = layout.path(layer.digest).read_bytes()
        assert sha256(gzip.decompress(data)) == layer.diff_id
        assert (sha256(data), len(data)) == (layer.digest, layer.size)
        assert layer.media_type == GZIP_LAYER_TYPE
    plain, packed = image_of(tars, layers), image_of(layout, made)
    assert plain.config_digest == packed.config_digest
    assert plain.digest != packed.digest
    layout.verify(packed.digest)


def test_neither_threads_nor_order_matter(
    layers: list[Layer], tars: Layout, tmp_path: Path
) -> None:
    one, all_ = Layout(tmp_path / "one"), Layout(tmp_path / "all")
    together = stored(layers, tars, all_, tmp_path / "a")
    alone = [stored([layer], tars, one, tmp_path / "b")[0] for layer in reversed(layers)]
    assert together == alone[::-1]


def test_a_layer_is_compressed_once(
    layers: list[Layer], tars: Layout, layout: Layout, tmp_path: Path
) -> None:
    made = stored(layers, tars, layout, tmp_path)
    tars.path(layers[0].digest).unlink()
    assert stored(layers, tars, layout, tmp_path) == made


def test_a_blob_that_is_gone_or_cut_off_is_made_again(
    layers: list[Layer], tars: Layout, layout: Layout, tmp_path: Path
) -> None:
    made = stored(layers, tars, layout, tmp_path)
    layout.path(made[0].digest).unlink()
    assert stored(layers, tars, layout, tmp_path) == made
    layout.verify(image_of(layout, made).digest)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b'["sha256:../x", 1]', b"[1, 2, 3]", b"{}"])
def test_a_damaged_memory_is_no_memory(
    layers: list[Layer], tars: Layout, layout: Layout, tmp_path: Path, damage: bytes
) -> None:
    made = stored(layers, tars, layout, tmp_path)
    for record in (tmp_path / "compressed").rglob("*.json"):
        record.write_bytes(damage)
    assert stored(layers, tars, layout, tmp_path) == made


def test_an_altered_tar_leaves_no_blob(
    layers: list[Layer], tars: Layout, layout: Layout, tmp_path: Path
) -> None:
    path = tars.path(layers[0].digest)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UntrustedError, match=layers[0].digest):
        stored(layers[:1], tars, layout, tmp_path)
    assert list((layout.root / "blobs" / "sha256").iterdir()) == []
    path.unlink()
    with pytest.raises(UntrustedError, match="is missing"):
        stored(layers[:1], tars, layout, tmp_path)


def test_two_builds_at_once_make_one_blob(
    layers: list[Layer], tars: Layout, layout: Layout, tmp_path: Path
) -> None:
    threads = [
        threading.Thread(target=stored, args=(layers, tars, layout, tmp_path / str(number)))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list((layout.root / "blobs" / "sha256").iterdir())) == len(layers)


def test_verify_refuses_a_compressed_layer_with_another_tar_inside(
    layers: list[Layer], tars: Layout, layout: Layout, tmp_path: Path
) -> None:
    """Blob and manifest agree; only the config knows better."""
    first, *rest = stored(layers, tars, layout, tmp_path)
    blob = gzip.compress(b"another tar")
    false = Layer(first.diff_id, layout.put_bytes(blob), len(blob), GZIP_LAYER_TYPE)
    with pytest.raises(UntrustedError, match="list different layers"):
        layout.verify(image_of(layout, [false, *rest]).digest)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (GZIP_LAYER_TYPE, "cannot be unpacked"),
        ("application/vnd.oci.image.layer.v1.tar+zstd", "is no layer"),
        ("text/plain", "is no layer"),
    ],
)
def test_verify_refuses_what_it_cannot_unpack(layout: Layout, kind: str, said: str) -> None:
    blob = b"neither gzip nor zstd"
    layer = Layer(sha256(blob), layout.put_bytes(blob), len(blob), kind)
    with pytest.raises(UntrustedError, match=said):
        layout.verify(image_of(layout, [layer]).digest)


def test_verify_accepts_layers_in_the_words_of_docker(layout: Layout) -> None:
    digest = bases.image(
        layout,
        [bases.tar({"a": b"1"})],
        layer_type="application/vnd.docker.image.rootfs.diff.tar.gzip",
    )
    layout.verify(digest)
    manifest = layout.read_json(digest)
    manifest["layers"][0].pop("mediaType")
    with pytest.raises(UntrustedError, match="is no layer"):
        layout.verify(layout.put_bytes(canonical_json(manifest)))
