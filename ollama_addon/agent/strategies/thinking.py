"""Whether a model is told to think, and how its thoughts are kept apart from its answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

Think = bool | Literal["low", "medium", "high"] | None

_BY_LEVEL = ("gpt-oss", "gptoss", "gpt_oss")
"""Families that always think and take a level."""


def think_of(model: str, capabilities: Collection[str], *, wanted: bool, structured: bool) -> Think:
    """Return what `think` is to be in a request; None where a model cannot think.

    Under a schema the answer itself is wanted: models that can are told not to think, those
    that always do, to think little.
    """
    if "thinking" not in capabilities:
        return None
    if any(family in model.lower() for family in _BY_LEVEL):
        return "medium" if wanted and not structured else "low"
    return wanted and not structured


def answer_of(content: str, thinking: str, *, structured: bool) -> str:
    """Return the answer of a whole message.

    Models that always think put a structured answer into their thoughts and leave the content
    empty.
    """
    if content.strip() or not structured:
        return content
    return thinking if "{" in thinking else ""


def is_empty(content: str, calls: Collection[Mapping[str, Any]]) -> bool:
    """Tell whether an answer holds nothing: an error, to be asked once more in another way."""
    return not content.strip() and not calls
