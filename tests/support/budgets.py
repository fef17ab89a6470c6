"""How much hypothesis tries: little in every run, much when `XTASK_CAMPAIGN` gives a number."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_EXAMPLES = int(os.environ.get("XTASK_CAMPAIGN", "0"))


def budget(examples: int) -> settings:
    """Return settings for so many examples; a failure repeats, because nothing is random."""
    return settings(
        max_examples=_EXAMPLES or examples,
        deadline=None,
        derandomize=not _EXAMPLES,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
