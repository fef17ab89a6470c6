"""More modules than an image may have layers: several share one, and which ones stays as it is."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import PROJECT, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.requires("index")

NUMBER = 200
MODULE = '[module]\nname = "{name}"\nversion = "1.0.0"\n\n[requires]\nhost = "^1.0"\n'


def add(shop: Workspace, names: list[str]) -> None:
    for name in names:
        root = shop.root / "modules" / name
        (root / "src" / name).mkdir(parents=True)
        (root / "src" / name / "__init__.py").write_text(f"NAME = {name!r}\n")
        (root / "module.toml").write_text(MODULE.format(name=name))
        (root / "pyproject.toml").write_text(PROJECT.format(name=name))
    lines = "".join(f'{name} = {{ path = "modules/{name}" }}\n' for name in names)
    shop.edit("modules.toml", "[modules]\n", f"[modules]\n{lines}")


def diff_ids(shop: Workspace, document: Any) -> list[str]:
    described = (shop.root / document["bundle"] / "image.json").read_bytes()
    return list(json.loads(described)["diff_ids"])


@pytest.fixture(scope="module")
def many(built_shop: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("many") / "shop"
    shutil.copytree(built_shop.root, root, symlinks=True)
    shop = Workspace(root)
    add(shop, [f"part{number:03}" for number in range(NUMBER - 2)])
    shop.built()
    return shop


@pytest.fixture
def large(many: Workspace, tmp_path: Path) -> Workspace:
    """A shop with 200 modules, for one test to change."""
    shutil.copytree(many.root, tmp_path / "large", symlinks=True)
    return Workspace(tmp_path / "large")


def test_two_hundred_modules_are_no_more_than_120_layers(large: Workspace) -> None:
    built = large.built()
    assert len(built["modules"]) == NUMBER
    assert NUMBER // 4 < len(diff_ids(large, built)) <= 120
    shared = [module["layer_digest"] for module in built["modules"]]
    assert None not in shared
    assert len(set(shared)) < NUMBER


@pytest.mark.parametrize("change", ["one more", "one less", "one changed"])
def test_one_module_changes_one_layer_beside_the_composition(
    large: Workspace, change: str, record_property: Callable[[str, object], None]
) -> None:
    before = diff_ids(large, large.built())
    if change == "one more":
        add(large, ["newcomer"])
    elif change == "one less":
        large.edit("modules.toml", 'part007 = { path = "modules/part007" }\n', "")
    else:
        large.edit("modules/part007/src/part007/__init__.py", "part007", "changed")
    start = time.perf_counter()
    after = diff_ids(large, large.built())
    record_property(f"{NUMBER} modules, {change}", f"{time.perf_counter() - start:.2f} s")
    changed = 1 if change == "one changed" else 2
    assert changed == len(set(after) - set(before)) == len(set(before) - set(after))
    assert [one for one in before if one in after] == [one for one in after if one in before]
