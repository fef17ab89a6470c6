"""A small shop that was built once, and copies of it to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance import shop as shops

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.shop import Workspace


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A shop that was built once, for tests to copy."""
    return shops.built_shop(tmp_path_factory)


@pytest.fixture
def shop(built_shop: Workspace, tmp_path: Path) -> Workspace:
    """A shop with a warm cache and no records, for one test to change."""
    return built_shop.copy(tmp_path / "shop")
