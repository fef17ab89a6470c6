"""A small shop that was built once, and copies of it to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance import shop as shops
from tests.support.office import make_office

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.shop import Workspace
    from tests.support.office import Office


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A shop that was built once, for tests to copy."""
    return shops.built_shop(tmp_path_factory)


@pytest.fixture
def shop(built_shop: Workspace, tmp_path: Path) -> Workspace:
    """A shop with a warm cache and no records, for one test to change."""
    return built_shop.copy(tmp_path / "shop")


@pytest.fixture
def office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Office:
    """A workspace with three builds and no release, in one process."""
    return make_office(tmp_path / "shop", monkeypatch, capsys)
