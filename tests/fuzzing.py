"""How long and how fuzzing is done: short and the same each time, or as `script/fuzz` says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
"""How many times as many examples as in the tests."""
SEED = int(os.environ.get("FUZZ_SEED", "9"))


def relaxed(examples: int) -> settings:
    """Return settings with so many examples, whatever they cost."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
