"""A build says why it made what it made, to people on plain lines and to programs in JSON."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.acceptance.shop import Workspace

pytestmark = pytest.mark.requires("index")


def of_modules(document: Any) -> dict[str, str]:
    return {module["id"]: module["reason"] for module in document["modules"] if module["reason"]}


def of_stages(document: Any) -> dict[str, str]:
    return {stage["name"]: stage["reason"] for stage in document["stages"] if stage["reason"]}


def test_every_reason_is_told(shop: Workspace) -> None:
    shop.built()
    assert of_modules(shop.built()) == {}
    shop.edit("modules/cart/src/cart/api.py", "object()", "list()")
    said = shop.xtask("build", "--json")
    document = said.document
    assert of_modules(document) == {"cart": "source changed: src/cart/api.py"}
    stages = of_stages(document)
    assert stages["secrets"] == "cart: source changed: src/cart/api.py"
    assert stages["package"] == "cart: source changed: src/cart/api.py"
    assert stages["layers"].startswith("cart: wheel changed: cart-")
    assert stages["image"] == "no build has this manifest hash"
    assert {stage["name"] for stage in document["stages"] if stage["cached"]} >= {
        "lock", "base", "generate"
    }  # fmt: skip
    assert "            cart: source changed: src/cart/api.py\n" in said.err
    assert [line for line in said.err.splitlines() if len(line) > 80] == []


def test_a_second_build_says_that_files_are_too_new(shop: Workspace) -> None:
    shop.built()
    assert of_stages(shop.built())["compose"].startswith("too new to trust their times: ")
    shop.built()
    shop.edit("modules/cart/src/cart/api.py", "object()", "list()")
    shop.built()
    assert of_stages(shop.built())["compose"].startswith("too new to trust their times: ")


def test_a_change_is_named_after_a_build_without_one(shop: Workspace) -> None:
    for _ in range(3):
        shop.built()
    shop.edit("modules/cart/src/cart/api.py", "object()", "list()")
    stages = of_stages(shop.built())
    assert stages["compose"] == "changed: modules/cart/src/cart/api.py"


def test_what_is_gone_from_the_cache_is_told(shop: Workspace) -> None:
    first = shop.built()
    shutil.rmtree(shop.root / "releases/cache/layers")
    for path in (shop.root / "releases/cache/wheels").glob("*/*.whl"):
        path.unlink()
    for path in (shop.root / "releases/bundles").glob("*/image.json"):
        path.unlink()
    document = shop.built()
    reasons = of_modules(document)
    assert set(reasons.values()) == {"was gone from the cache"}
    assert set(reasons) == {module["id"] for module in first["modules"]}
    assert of_stages(document)["image"] == "not all of it is here"


def test_a_change_of_facts_is_named_by_its_module(shop: Workspace) -> None:
    shop.built()
    shop.edit("modules/cart/module.toml", 'prefix = "/api/', 'prefix = "/api/v2/')
    stages = of_stages(shop.built())
    assert stages["generate"] == "manifest changed: cart"
    assert "the composition: generated file changed: " in stages["layers"]
