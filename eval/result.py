"""What became of a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case, in values that JSON can hold."""

    id: str
    kind: str
    set: str
    home: str
    language: str
    passed: bool
    problems: list[str]
    touched: list[str]
    turns: list[dict[str, Any]]
    """For each turn what was `said`, the `reply` and the `actions`."""
    calls: int
    tokens: int
    """Read and written by the model."""
    seconds: float
