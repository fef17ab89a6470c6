"""What a process that was killed, or a loss of power, has left in a workspace harms nobody."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.shop import Workspace

pytestmark = pytest.mark.requires("index")


def left_behind(root: Path) -> list[Path]:
    """Write what a build leaves that is killed while it writes; the lock shows that it was."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    places = ("bundles", "oci/blobs/sha256", "cache/layers")
    found = [root / "releases" / place / f".x.{process.pid}.a_1.tmp" for place in places]
    for folder in found:
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")
    found.append(root / f".modules.lock.{process.pid}.tmp")
    found[-1].write_bytes(b"half")
    (root / "releases" / ".build.lock").write_bytes(b"!")
    return found


def test_the_next_build_removes_what_a_killed_one_left(shop: Workspace) -> None:
    found = left_behind(shop.root)
    shop.built()
    assert [path for path in found if path.exists()] == []
    assert (shop.root / "releases" / ".build.lock").read_bytes() == b""


def test_gc_takes_half_a_bundle_for_none_and_removes_it(shop: Workspace) -> None:
    shop.built()
    *found, _ = left_behind(shop.root)
    said = shop.xtask("gc", "--json")
    assert said.code == 0, said.err
    assert [path for path in found if path.exists()] == []


def test_half_a_file_of_an_unpacked_layer_is_made_anew(shop: Workspace) -> None:
    (file,) = (shop.root / "releases/cache/layers").glob("*/unpacked/app/site/cart/api.py")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    build = shop.built()
    assert {module["id"]: module["cached"] for module in build["modules"]} == {
        "host": True, "cart": True,
    }  # fmt: skip
    assert file.read_bytes() == whole
