"""A prompt that is longer than the context window: found out, and shortened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ollama_addon.errors import AddonError

_MARGIN = 8
"""Tokens: a cut prompt fills the window up to a few."""
_HALF = 0.6
"""Of what was guessed, below which a count tells that the head is missing."""
_LONGEST_LINE = 2_000
"""Characters of one line of states that are kept when the newest message has to be shortened."""


def is_overflow(error: AddonError) -> bool:
    """Tell whether the engine refused a prompt because it is too long."""
    return error.code == "context_overflow"


def was_cut(counted: int, guessed: int, window: int) -> bool:
    """Tell by its count whether a server cut a prompt's head without a word.

    `counted` are the tokens that it read, `guessed` about how many were sent, `window` is the
    context window; all in tokens.
    """
    if counted <= 0:
        return False
    return guessed > window and (counted >= window - _MARGIN or counted < guessed * _HALF)


def trimmed(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """Return a shorter prompt: the older half of the turns is left out, then what states there are.

    The system prompt, examples in it and the sentence itself stay. None when nothing can be
    left out any more.
    """
    first = 0
    while first < len(messages) and messages[first]["role"] == "system":
        first += 1
    head, turns, newest = messages[:first], list(messages[first:-1]), dict(messages[-1])
    asks = [number for number, each in enumerate(turns) if each["role"] == "user"]
    if asks:
        middle = asks[len(asks) // 2] if len(asks) > 1 else len(turns)
        return [*map(dict, head), *map(dict, turns[middle:]), newest]
    lines = str(newest.get("content") or "").split("\n")
    longest = max(range(len(lines)), key=lambda number: len(lines[number]))
    if lines[longest].startswith("[") and len(lines[longest]) > 200 and longest < len(lines) - 1:
        half = min(_LONGEST_LINE, len(lines[longest]) // 2)
        lines[longest] = lines[longest][:half].rpartition(";")[0] + "]"
        return [*map(dict, head), {**newest, "content": "\n".join(lines)}]
    return None
