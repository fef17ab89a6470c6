"""A layer of a product is made once; what is kept of it can be thrown away, or be anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from xtask.errors import UntrustedError
from xtask.image.product import generated_layer
from xtask.image.site import unpack

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.image.layout import Layout
    from xtask.image.product import ProductLayer

DIGEST = "sha256:" + "0" * 64
LAYER = {"diff_id": DIGEST, "digest": DIGEST, "size": 1, "media_type": "tar"}


def made(layout: Layout, cache: Path) -> ProductLayer:
    return generated_layer(layout, cache, {"routes.py": b"x = 1\n"}, python=None)


def test_a_layer_is_made_once(layout: Layout, tmp_path: Path) -> None:
    first, second = made(layout, tmp_path), made(layout, tmp_path)
    assert (first.cached, second.cached) == (False, True)
    assert (first.layer, first.sizes) == (second.layer, second.sizes)


@pytest.mark.parametrize("kept", ["", "{", "null", "1", "[]", "{}", '{"sizes": {}}', '"sizes"'])
def test_a_receipt_of_another_shape_is_not_there(layout: Layout, tmp_path: Path, kept: str) -> None:
    first = made(layout, tmp_path)
    (receipt,) = tmp_path.rglob("receipt.json")
    receipt.write_text(kept)
    again = made(layout, tmp_path)
    assert (again.cached, again.layer, again.sizes) == (False, first.layer, first.sizes)
    assert made(layout, tmp_path).cached


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("layer", value) for value in (None, [], {}, "a", {"digest": DIGEST}, LAYER | {"a": 1})],
        *[("layer", LAYER | wrong) for wrong in ({"digest": 1}, {"digest": "../x"}, {"size": "1"})],
        *[("findings", value) for value in (None, 1, {}, "", [None], [[]], [["a", 1]])],
        *[
            ("sizes", value)
            for value in (None, 1, [], "a", {"routes.py": None}, {"routes.py": True})
        ],
    ],
)
def test_a_receipt_with_one_part_of_another_shape_is_not_there(
    layout: Layout, tmp_path: Path, name: str, value: Any
) -> None:
    made(layout, tmp_path)
    (receipt,) = tmp_path.rglob("receipt.json")
    receipt.write_text(json.dumps(json.loads(receipt.read_bytes()) | {name: value}))
    assert not made(layout, tmp_path).cached
    assert made(layout, tmp_path).cached


def unpacked(layout: Layout, cache: Path) -> tuple[ProductLayer, Path]:
    """Return a layer of one file, and that file."""
    layer = made(layout, cache)
    unpack(layer, layout)
    return layer, layer.site / "generated" / "routes.py"


def test_what_is_imported_are_the_files_of_the_layer(layout: Layout, tmp_path: Path) -> None:
    layer, routes = unpacked(layout, tmp_path)
    assert routes.read_bytes() == b"x = 1\n"
    files = [path for path in layer.unpacked.rglob("*") if path.is_file()]
    assert {str(path.relative_to(layer.unpacked)) for path in files} == set(layer.sizes)
    before = routes.stat()
    unpack(layer, layout)
    assert routes.stat() == before


def test_what_a_loss_of_power_has_left_is_unpacked_anew(layout: Layout, tmp_path: Path) -> None:
    layer, routes = unpacked(layout, tmp_path)
    routes.write_bytes(b"")
    unpack(layer, layout)
    assert routes.read_bytes() == b"x = 1\n"
    routes.unlink()
    unpack(layer, layout)
    assert routes.read_bytes() == b"x = 1\n"


@pytest.mark.parametrize(
    ("old", "new"), [(b"x = 1", b"x = 2"), (b"routes", b"route\xff"), (b"0000644", b"0000600")]
)
def test_an_altered_tar_is_not_imported(
    layout: Layout, tmp_path: Path, old: bytes, new: bytes
) -> None:
    layer = made(layout, tmp_path)
    blob = layout.path(layer.layer.digest)
    blob.write_bytes(blob.read_bytes().replace(old, new))
    with pytest.raises(UntrustedError) as refused:
        unpack(layer, layout)
    assert refused.value.help == f"remove {blob} and build again"
    assert not layer.unpacked.exists()
    assert not [*tmp_path.rglob("*.tmp")]
