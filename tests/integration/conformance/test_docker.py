"""The scenarios on a Docker Engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conformance.on_docker import DockerRig
from tests.integration.conformance.scenarios import *  # noqa: F403
from tests.integration.conftest import Shop, remove_everything

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.image.base.values import Base
    from xtask.image.layout import Layout

pytestmark = pytest.mark.requires("docker")


@pytest.fixture
def rig(engine: Any, packed: tuple[Layout, Base]) -> Iterator[DockerRig]:
    shop = Shop(*packed)
    yield DockerRig(shop, engine)
    remove_everything(engine, shop.app)
