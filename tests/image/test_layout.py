from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from xtask.digest import canonical_json, sha256
from xtask.errors import UntrustedError
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import REFERENCE, Layout

if TYPE_CHECKING:
    from pathlib import Path

A, B = sha256(b"a"), sha256(b"b")


@pytest.fixture
def image(layout: Layout) -> Image:
    layers = [write_layer(layout, [Entry(name, name.encode())]) for name in ("one", "two")]
    config = ImageConfig(entrypoint=("/one",))
    return assemble(layout, layers=layers, config=config, annotations={}, reference="shop:1")


def names(layout: Layout) -> list[tuple[str, str]]:
    manifests = json.loads(layout.index.read_bytes())["manifests"]
    return [(entry["annotations"][REFERENCE], entry["digest"]) for entry in manifests]


def test_a_blob_lies_under_the_digest_of_its_bytes(layout: Layout) -> None:
    digest = layout.put_bytes(b"hello")
    assert sha256(b"hello") == digest
    assert layout.path(digest).read_bytes() == b"hello"


def test_bytes_that_are_there_are_not_written_again(layout: Layout) -> None:
    path = layout.path(layout.put_bytes(b"hello"))
    before = path.stat()
    layout.put_bytes(b"hello")
    with layout.new_blob() as blob:
        blob.write(b"hello")
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [path] == list(path.parent.iterdir())


def test_a_blob_that_fails_midway_leaves_nothing(layout: Layout) -> None:
    def fail_midway() -> None:
        with layout.new_blob() as blob:
            blob.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_midway()
    assert list((layout.root / "blobs" / "sha256").iterdir()) == []


@pytest.mark.parametrize(
    "digest", ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "0" * 64, A + "0", ""]
)
def test_refuses_a_digest_that_leads_elsewhere(layout: Layout, digest: str) -> None:
    with pytest.raises(UntrustedError, match="64 hexadecimal digits"):
        layout.path(digest)


def test_index_is_sorted_and_says_the_same_twice(layout: Layout) -> None:
    layout.add_manifest(B, 2, "shop:2")
    layout.add_manifest(A, 1, "shop:1")
    before = layout.index.read_bytes()
    layout.add_manifest(B, 2, "shop:2")
    assert names(layout) == [("shop:1", A), ("shop:2", B)]
    assert before == layout.index.read_bytes()
    assert json.loads((layout.root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_a_reference_names_one_manifest_and_a_manifest_may_have_two(layout: Layout) -> None:
    layout.add_manifest(A, 1, "shop:1")
    layout.add_manifest(B, 1, "shop:1")
    layout.add_manifest(B, 1, "shop:latest")
    assert names(layout) == [("shop:1", B), ("shop:latest", B)]


def test_writers_at_the_same_time_lose_no_manifest(layout: Layout) -> None:
    threads = [
        threading.Thread(target=layout.add_manifest, args=(A, 1, f"shop:{number}"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(f"shop:{number}", A) for number in range(8)} == set(names(layout))


def test_refuses_a_damaged_index_instead_of_losing_its_images(layout: Layout) -> None:
    layout.add_manifest(A, 1, "shop:1")
    layout.index.write_bytes(b"{")
    with pytest.raises(UntrustedError, match="not JSON"):
        layout.add_manifest(B, 1, "shop:2")


def test_verify_accepts_what_was_built(layout: Layout, image: Image) -> None:
    layout.verify(image.digest)


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_verify_names_the_blob_with_one_bit_changed(
    layout: Layout, image: Image, part: str
) -> None:
    digest = _digest(image, part)
    path = layout.path(digest)
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(data)
    with pytest.raises(UntrustedError, match=digest):
        layout.verify(image.digest)


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_verify_names_the_blob_that_is_missing(layout: Layout, image: Image, part: str) -> None:
    digest = _digest(image, part)
    layout.path(digest).unlink()
    with pytest.raises(UntrustedError, match=f"{digest}.* is missing"):
        layout.verify(image.digest)


def _digest(image: Image, part: str) -> str:
    parts = {"manifest": image.digest, "config": image.config_digest}
    return parts.get(part, image.layers[1].digest)


def test_verify_refuses_a_config_that_lists_other_layers(layout: Layout, image: Image) -> None:
    manifest = layout.read_json(image.digest)
    one, two = manifest["layers"]
    for layers in ([two, one], [one], [one, two, two]):
        other = layout.put_bytes(canonical_json({**manifest, "layers": layers}))
        with pytest.raises(UntrustedError, match="list different layers"):
            layout.verify(other)


def test_verify_refuses_a_blob_that_is_no_manifest(layout: Layout, image: Image) -> None:
    for digest in (image.config_digest, image.layers[0].digest, layout.put_bytes(b"[]")):
        with pytest.raises(UntrustedError):
            layout.verify(digest)


def test_two_layouts_of_one_image_are_the_same_bytes(tmp_path: Path) -> None:
    trees = []
    for name in ("x", "y"):
        layout = Layout(tmp_path / name)
        layers = [write_layer(layout, [Entry("a", b"a")])]
        config = ImageConfig(entrypoint=("/a",))
        assemble(layout, layers=layers, config=config, annotations={"k": "v"}, reference="shop:1")
        files = sorted(path for path in layout.root.rglob("*") if path.is_file())
        trees.append({path.relative_to(layout.root): path.read_bytes() for path in files})
    assert trees[0] == trees[1]


def test_a_folder_that_does_not_say_so_is_no_layout(layout: Layout, image: Image) -> None:
    assert image
    layout.require_marker()
    layout.marker.write_text('{"imageLayoutVersion": "2.0.0"}')
    with pytest.raises(UntrustedError, match="oci-layout is gone or altered"):
        layout.require_marker()
    layout.marker.unlink()
    with pytest.raises(UntrustedError, match="oci-layout is gone or altered"):
        layout.require_marker()
    layout.put_marker()
    layout.require_marker()
