"""A small shop that was built once, and copies of it to change."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.shop import Workspace, write_shop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A shop that was built once, for tests to copy."""
    shop = write_shop(tmp_path_factory.mktemp("built") / "shop")
    shop.built("--reason", "first")
    return shop


@pytest.fixture
def shop(built_shop: Workspace, tmp_path: Path) -> Workspace:
    """A shop with a warm cache and no records, for one test to change."""
    shutil.copytree(built_shop.root, tmp_path / "shop", symlinks=True)
    for path in (tmp_path / "shop" / "releases").glob("records.sqlite3*"):
        path.unlink()
    shutil.rmtree(tmp_path / "shop" / "releases" / "bundles")
    shutil.rmtree(tmp_path / "shop" / "generated")
    return Workspace(tmp_path / "shop")
