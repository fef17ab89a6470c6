"""Any history of builds and releases keeps the rules."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.operating import Operating


def test_any_history_keeps_the_nine_rules() -> None:
    run_state_machine_as_test(
        Operating,
        settings=settings(
            max_examples=20, stateful_step_count=50, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck), database=None,
        ),
    )  # fmt: skip
