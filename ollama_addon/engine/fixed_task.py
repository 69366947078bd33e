"""The task that tells how fast a model is here: the same for every model and machine."""

from __future__ import annotations

import secrets
from typing import Any

_ROOMS = " ".join(
    f"Room {number} has {number + 2} lamps and one window." for number in range(1, 25)
)
OPTIONS = {"num_predict": 24, "temperature": 0.0, "seed": 1}
"""An answer of so many tokens is long enough to be measured, and soon over."""


def fixed_task() -> list[dict[str, Any]]:
    """Return the messages of a chat.

    They begin with something new each time, so that nothing of them can be cached.
    """
    content = f"{secrets.token_hex(4)} {_ROOMS} Count the lamps of each room, one after another."
    return [{"role": "user", "content": content}]
