"""The scenarios on Kubernetes, as far as an API server of our own is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.conformance.on_kubernetes import one_cluster
from tests.integration.conformance.scenarios import *  # noqa: F403

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.conformance.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with one_cluster(tmp_path) as made:
        yield made
