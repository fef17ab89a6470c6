"""A build that changed nothing is remembered by file signatures, and never too long."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import write
from xtask.files import signature
from xtask.package.sources import source_paths
from xtask.pipeline.building.unchanged import Unchanged, recall, remember

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.shop import Said, Workspace

FOUND = Unchanged("sha256:" + "1" * 64, "sha256:" + "2" * 64)
LATER = 10**12
"""Nanoseconds: so much younger than every file is the moment that a test calls the start."""


def remembered(root: Path) -> Path:
    """Remember a folder with a file, a folder with a file, and an empty folder."""
    write(root / "module", {"a.py": "one", "deep/b.py": "two"})
    (root / "module" / "empty").mkdir()
    cache = root / "cache"
    remember(cache, FOUND, source_paths(root / "module"), time.time_ns() + LATER)
    assert recall(cache, root) == (FOUND, "")
    return cache


def test_what_a_tool_leaves_behind_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "module", {"deep/__pycache__/b.pyc": "", "deep/c.pyc": ""})
    cache = remembered(tmp_path)
    write(tmp_path / "module", {"deep/__pycache__/c.pyc": ""})
    assert recall(cache, tmp_path) == (FOUND, "")


def test_a_copied_workspace_looks_at_its_own_files(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    cache = remembered(original)
    shutil.copytree(original, copy)
    write(copy / "module", {"a.py": "of the copy"})
    assert recall(copy / "cache", copy) == (None, "the workspace was moved or copied")
    assert recall(cache, original) == (FOUND, "")


def edit_and_restore_its_time(module: Path) -> None:
    before = (module / "a.py").stat()
    (module / "a.py").write_text("ONE")
    os.utime(module / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_and_restore_its_time(module: Path) -> None:
    shutil.copy2(module / "a.py", module.parent / "other")
    (module.parent / "other").replace(module / "a.py")


@pytest.mark.parametrize(
    "change",
    [
        edit_and_restore_its_time,
        replace_and_restore_its_time,
        lambda module: (module / "deep" / "b.py").unlink(),
        lambda module: (module / "empty" / "new.py").touch(),
        lambda module: (module / "empty").rmdir(),
        lambda module: (module / "a.py").chmod(0o700),
        shutil.rmtree,
    ],
)
def test_every_change_is_seen(tmp_path: Path, change: Callable[[Path], None]) -> None:
    cache = remembered(tmp_path)
    time.sleep(0.02)  # what changes within one tick of the clock has no other time
    change(tmp_path / "module")
    assert recall(cache, tmp_path)[0] is None


def test_a_file_that_is_as_young_as_the_build_is_not_trusted(tmp_path: Path) -> None:
    write(tmp_path, {"young.py": ""})
    found = signature(tmp_path / "young.py")
    assert found is not None
    remember(tmp_path / "cache", FOUND, [f"{tmp_path}/young.py"], found[1] + 1)
    assert recall(tmp_path / "cache", tmp_path)[0] is None
    remember(tmp_path / "cache", FOUND, [f"{tmp_path}/missing.py"], found[1] + LATER)
    assert recall(tmp_path / "cache", tmp_path)[0] is None


def test_a_young_file_is_named_unless_another_has_changed(tmp_path: Path) -> None:
    write(tmp_path, {"young.py": "", "old.py": ""})
    found = signature(tmp_path / "young.py")
    assert found is not None
    files = [f"{tmp_path}/young.py"]
    remember(tmp_path / "cache", FOUND, files, found[1] + 1)
    _, why = recall(tmp_path / "cache", tmp_path)
    assert why == "too new to trust their times: young.py"
    time.sleep(0.02)
    write(tmp_path, {"young.py": "changed"})
    assert recall(tmp_path / "cache", tmp_path) == (None, "changed: young.py")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"files": []}', b'{"files": {}}'])
def test_damage_is_as_if_nothing_was_remembered(tmp_path: Path, damage: bytes) -> None:
    cache = remembered(tmp_path)
    (cache / "unchanged.json").write_bytes(damage)
    assert recall(cache, tmp_path)[0] is None


def stages(said: Said) -> list[str]:
    return [stage["name"] for stage in said.document["stages"]]


def shop_at_rest(shop: Workspace) -> Workspace:
    """Build until a build neither makes nor reads anything."""
    first = shop.built()
    time.sleep(0.1)
    shop.built()
    third = shop.xtask("build", "--json", "--locked")
    assert "no file has changed" in third.err
    assert stages(third) == ["compose"]
    assert {**third.document, "cached": 0, "stages": 0, "modules": 0} == {
        **first, "cached": 0, "stages": 0, "modules": 0
    }  # fmt: skip
    return shop


def blob(shop: Workspace) -> Path:
    images = json.loads((shop.root / "releases/oci/index.json").read_bytes())
    digest: str = images["manifests"][0]["digest"].removeprefix("sha256:")
    return shop.root / "releases/oci/blobs/sha256" / digest


@pytest.mark.requires("index")
def test_an_unknown_key_a_lost_image_and_lost_records_are_seen_after_a_rest(
    shop: Workspace,
) -> None:
    manifest = shop_at_rest(shop).root / "modules.toml"
    text = manifest.read_text()
    manifest.write_text(text + "\n[unknown]\n")
    assert shop.xtask("build").code == 3
    manifest.write_text(text)
    digest = shop_at_rest(shop).built()["image_digest"]
    blob(shop).unlink()
    assert (again := shop.built())["cached"] is False
    assert again["image_digest"] == digest
    for path in (shop_at_rest(shop).root / "releases").glob("records.sqlite3*"):
        path.unlink()
    assert shop.built()["cached"] is False


@pytest.mark.requires("index")
def test_generated_files_and_the_lock_are_mended_after_a_rest(shop: Workspace) -> None:
    before = shop_at_rest(shop).committed()
    (shop.root / "generated" / "registry.py").write_text("mine")
    (shop.root / "generated" / "extra.py").write_text("mine")
    with (shop.root / "modules.lock").open("a") as lock:
        lock.write("\n# mine\n")
    assert shop.built()["cached"] is True
    assert shop.committed() == before
