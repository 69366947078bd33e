"""A sentence with several requests, taken apart."""

from __future__ import annotations

import math
import re

from ollama_addon.agent.shortlist import Index
from ollama_addon.agent.words import tokens

_AND = "and|then|und|dann|et|puis|y|e|luego|en|dan|i|oraz|poi|och|og"
_SPLIT = re.compile(rf"\s*[,;]\s*(?:(?:{_AND})\s+)*|\s+(?:(?:{_AND})\s+)+", re.IGNORECASE)

_LEADING = re.compile(rf"^\s*(?:(?:{_AND})\b[\s,]*)+(?=\w)", re.IGNORECASE)
"""What only ties a sentence to the one before: "and the right one", "then turn it off"."""


def clauses(text: str, index: Index, area_id: str | None) -> list[str]:
    """Return the parts of a sentence that each ask for something, in order.

    "the lamp and the fan" shares one verb: a part without words of its own about what to do
    is given those of the part that has them. A sentence is left whole when a part would not
    name anything.
    """
    text = _LEADING.sub("", text) or text
    parts = [part.strip() for part in _SPLIT.split(text) if part and part.strip()]
    if len(parts) < 2:
        return [text]
    found = [index.look_up(part, area_id=area_id) for part in parts]
    speaking = [
        [word for word in tokens(part) if word not in shortlist.named and index.words.knows(word)]
        for part, shortlist in zip(parts, found, strict=True)
    ]
    strengths = [index.words.strength(words) for words in speaking]
    # Who says what to do needs less of a name than who only names; "in blue" does neither.
    if any(
        shortlist.best < (0.4 if strength >= 1.5 else 0.6 if shortlist.named else math.inf)
        for shortlist, strength in zip(found, strengths, strict=True)
    ):
        return [text]
    strongest = max(range(len(parts)), key=lambda number: strengths[number])
    return [
        part
        if strengths[number] >= 1.5 or number == strongest
        else f"{part} {' '.join(speaking[_nearest(number, strengths, strongest)])}"
        for number, part in enumerate(parts)
    ]


def spoken(text: str, index: Index) -> tuple[str, ...]:
    """Return the words of a sentence that say what to do rather than to what."""
    named = index.look_up(text).named
    return tuple(word for word in tokens(text) if word not in named and index.words.knows(word))


def continued(text: str, index: Index, before: tuple[str, ...]) -> str:
    """Return a sentence that goes on where the last one ended, with what that one said to do.

    "and the right one" after "turn on the left lamp". `before` are the `spoken` words of it.
    """
    if not _LEADING.match(text):
        return text
    strength = index.words.strength(spoken(text, index))
    return text if strength >= 1.5 else f"{text} {' '.join(before)}"


def _nearest(number: int, strengths: list[float], strongest: int) -> int:
    """Return the part before that says what to do, else the strongest one."""
    return next(
        (before for before in range(number - 1, -1, -1) if strengths[before] >= 1.5), strongest
    )
