"""The law of identity on 8 machines that have nothing in common but the input."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from typing import TYPE_CHECKING

import pytest

from tests.repro.product import Product, absences
from tests.repro.variations import FACTORS, ROWS, USUAL, covering
from tests.support.workspace import write

if TYPE_CHECKING:
    from pathlib import Path


def test_eight_builds_cover_every_pair_of_variations() -> None:
    rows = covering(FACTORS)
    assert len(rows) == ROWS
    assert rows[0] == USUAL
    for one, two in combinations(FACTORS, 2):
        met = {(row[one.name] == one.values[0], row[two.name] == two.values[0]) for row in rows}
        assert met == set(product((True, False), repeat=2)), (one.name, two.name)


def test_eight_builds_try_every_value() -> None:
    rows = covering(FACTORS)
    for factor in FACTORS:
        assert {row[factor.name] for row in rows} == set(factor.values)


@pytest.mark.requires("index")
def test_one_input_has_one_digest_whatever_else_differs(tmp_path: Path) -> None:
    absent = absences()
    promised = {part.strip() for part in os.environ.get("XTASK_REQUIRE", "").split(",")}
    assert promised & absent.keys() == set()
    shop = Product(tmp_path / "first", tmp_path)
    shop.first()
    rows = covering([factor for factor in FACTORS if factor.needs not in absent])
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(shop.build, range(ROWS), rows))
    assert found == [""] * ROWS
    write(shop.root, {"cart/src/cart/__init__.py": "changed = True\n"})
    assert shop.build(ROWS, rows[0]).startswith("plan: sources.cart: value: 'sha256:")
