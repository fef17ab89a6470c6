"""A layer of a product is made once; what is kept of it can be thrown away, or be anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from xtask.image.product import generated_layer

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
    assert (first.layer, first.paths) == (second.layer, second.paths)


@pytest.mark.parametrize("kept", ["", "{", "null", "1", "[]", "{}", '{"sizes": {}}', '"sizes"'])
def test_a_receipt_of_another_shape_is_not_there(layout: Layout, tmp_path: Path, kept: str) -> None:
    first = made(layout, tmp_path)
    (receipt,) = tmp_path.rglob("receipt.json")
    receipt.write_text(kept)
    again = made(layout, tmp_path)
    assert (again.cached, again.layer, again.paths) == (False, first.layer, first.paths)
    assert made(layout, tmp_path).cached


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("layer", value) for value in (None, [], {}, "a", {"digest": DIGEST}, LAYER | {"a": 1})],
        *[("layer", LAYER | wrong) for wrong in ({"digest": 1}, {"digest": "../x"}, {"size": "1"})],
        *[("paths", value) for value in (None, 1, "abc", {}, [1], [None])],
        *[("findings", value) for value in (None, 1, {}, "", [None], [[]], [["a", 1]])],
        *[("sizes", value) for value in (None, 1, [], "a", {"routes.py": None})],
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
