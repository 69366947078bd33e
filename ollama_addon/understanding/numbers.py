"""Numbers that are written as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from unicode_rbnf import RbnfEngine

from ollama_addon.understanding.lexicon import Lexicon
from ollama_addon.understanding.tokens import Token, fold, words

_UPPER = 121
"""Every number below this one is known in words."""
_ROUND = (*range(150, 1000, 50), *range(1000, 10001, 500))
_TAGS = {"nb": "no"}
"""Languages that `unicode-rbnf` has rules for under another tag."""


class NumberWords:
    """The number words of one language: how many words make which number."""

    def __init__(self, spoken: Mapping[tuple[str, ...], float]) -> None:
        self._spoken = spoken
        self._longest = max(map(len, spoken), default=0)

    def at(self, tokens: Sequence[Token], start: int) -> tuple[float, int] | None:
        """Return the number that begins at a token, and how many tokens it has."""
        if (number := tokens[start].number) is not None:
            return number, 1
        for length in range(min(self._longest, len(tokens) - start), 0, -1):
            key = tuple(fold(token.plain) for token in tokens[start : start + length])
            if (found := self._spoken.get(key)) is not None:
                return found, length
        return None

    def value(self, word: str) -> float | None:
        """Return what a single word stands for as a number."""
        return self._spoken.get((fold(word),))


@lru_cache
def number_words(lexicon: Lexicon) -> NumberWords:
    """Return the number words of a language, none where no rules are known for it."""
    spoken: dict[tuple[str, ...], float] = {}
    characters = lexicon.script == "characters"
    try:
        engine = RbnfEngine.for_language(_TAGS.get(lexicon.tag, lexicon.tag))
    except ValueError:
        return NumberWords({})
    for number in (*range(_UPPER), *_ROUND):
        for name, text in engine.format_number(number).text_by_ruleset.items():
            if "ordinal" in name or "financial" in name:
                continue
            spelled = text.replace("\xad", "").replace("-", " ")
            key = tuple(fold(word) for word in words(spelled, characters=characters))
            if key and not key[0].isdigit():
                spoken.setdefault(key, float(number))
                if len(key) > 1 and not characters:
                    spoken.setdefault(("".join(key),), float(number))
    for group, phrases in lexicon.lists.items():
        head, _, value = group.partition(".")
        if head == "numbers":
            for phrase in phrases:
                key = tuple(fold(word) for word in words(phrase, characters=characters))
                spoken[key] = float(value)
    return NumberWords(spoken)
