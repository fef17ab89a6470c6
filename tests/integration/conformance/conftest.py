"""Scenarios that are the same for every target: a new one is a rig and a test file more."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.integration.conformance.scenarios")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask a swarm for nothing that it says as an engine does."""
    items[:] = [
        item
        for item in items
        if not (item.path.name == "test_swarm.py" and item.get_closest_marker("alike"))
    ]
