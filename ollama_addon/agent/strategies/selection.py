"""Which strategy a model gets, and why: by its size, and by what it was trained for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Strategy = Literal["instant", "tiny", "structured", "native"]
"""`instant` asks no model; `tiny` lets it choose between what the sentence can mean."""

TINY = 1_000_000_000
"""Parameters below which a model only chooses between what the sentence can mean."""
LARGE = 7_000_000_000
"""Parameters from which on a model that was trained for tools calls them reliably."""

Reason = Literal[
    "no_model",  # no model is set
    "set",  # the strategy was set by a person
    "no_tools",  # native was set, and the model was not trained for tools
    "tiny",  # the model is too small to be left free
    "large",  # large, and trained for tools
    "small",  # trained for tools, and too small to call them reliably
    "without_tools",  # large enough, and not trained for tools
    "unknown_size",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """The strategy of an agent, with a code for why, to be worded by the panel."""

    strategy: Strategy
    reason: Reason
    parameters: int = 0
    """Of the model, 0 where that is not known."""


def select(
    wanted: str, model: str, parameters: int | None, capabilities: Collection[str]
) -> Selection:
    """Return the strategy for a model.

    `wanted` is the agent's option: `auto`, `structured` or `native`; `parameters` and
    `capabilities` are what the engine says of the model.
    """
    size = parameters or 0
    tools = "tools" in capabilities
    if not model:
        return Selection("instant", "no_model")
    if wanted == "native" and tools:
        return Selection("native", "set", size)
    if 0 < size < TINY:
        return Selection("tiny", "tiny", size)
    if wanted == "native":
        return Selection("structured", "no_tools", size)
    if wanted == "structured":
        return Selection("structured", "set", size)
    if size >= LARGE:
        return Selection(
            "native" if tools else "structured", "large" if tools else "without_tools", size
        )
    if not size:
        return Selection("structured", "unknown_size")
    return Selection("structured", "small" if tools else "without_tools", size)
