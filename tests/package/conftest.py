"""One locked build environment and one locked package, resolved once for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xtask.package.requirements import resolve_builds, resolve_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.resolve.lock import BuildEnvironment, Package


@pytest.fixture(scope="session")
def hatchling() -> BuildEnvironment:
    """Return the locked environment of modules that hatchling builds."""
    return resolve_builds([("hatchling",)], ())[0]


@pytest.fixture(scope="session")
def packages() -> tuple[Package, ...]:
    """Return one small locked distribution."""
    return resolve_requirements({"shop": ("pluggy>=1.0",)}, ())


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache that tests share, so that a build environment is made once."""
    return tmp_path_factory.mktemp("cache")
