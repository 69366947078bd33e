"""A sentence with several requests, taken apart."""

from __future__ import annotations

import re
from functools import cache

from ollama_addon.understanding.shortlist import Index
from ollama_addon.understanding.words import tokens

_AND = {
    "de": "und|dann",
    "fr": "et|puis",
    "es": "y|e|luego",
    "it": "e|poi",
    "pt": "e|depois",
    "nl": "en|dan",
    "pl": "i|oraz|potem",
    "sv": "och|sedan",
    "da": "og|så",
    "nb": "og|så",
}
"""What ties requests to each other, besides English. Dutch "en" is Spanish for "in"."""


@cache
def _split(language: str) -> re.Pattern[str]:
    ties = _ties(language)
    return re.compile(rf"\s*[,;]\s*(?:(?:{ties})\s+)*|\s+(?:(?:{ties})\s+)+", re.IGNORECASE)


@cache
def _leading(language: str) -> re.Pattern[str]:
    """Find what only ties a sentence to the one before: "and the right one", "then open it"."""
    return re.compile(rf"^\s*(?:(?:{_ties(language)})\b[\s,]*)+(?=\w)", re.IGNORECASE)


def _ties(language: str) -> str:
    own = _AND.get(language.partition("-")[0])
    return f"and|then|{own}" if own else "and|then"


def clauses(text: str, index: Index, area_id: str | None) -> list[str]:
    """Return the parts of a sentence that each ask for something, in order.

    "the lamp and the fan" shares one verb: a part without words of its own about what to do
    is given those of the part that has them. A sentence is left whole when a part would not
    name anything.
    """
    language = index.words.language
    text = _leading(language).sub("", text) or text
    parts = [part.strip() for part in _split(language).split(text) if part and part.strip()]
    if len(parts) < 2:
        return [text]
    found = [index.look_up(part, area_id=area_id) for part in parts]
    speaking = [
        [word for word in tokens(part) if word not in shortlist.named and index.words.knows(word)]
        for part, shortlist in zip(parts, found, strict=True)
    ]
    strengths = [index.words.strength(words) for words in speaking]
    # Who says what to do needs less of a name than who only names.
    if any(
        not shortlist.named or shortlist.best < (0.4 if strength >= 1.5 else 0.6)
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
    if not _leading(index.words.language).match(text):
        return text
    strength = index.words.strength(spoken(text, index))
    return text if strength >= 1.5 else f"{text} {' '.join(before)}"


def _nearest(number: int, strengths: list[float], strongest: int) -> int:
    """Return the part before that says what to do, else the strongest one."""
    return next(
        (before for before in range(number - 1, -1, -1) if strengths[before] >= 1.5), strongest
    )
