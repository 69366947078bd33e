"""The numbers that a sentence says, in digits or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ollama_addon.understanding.interpretation import Clause, Role
from ollama_addon.understanding.lexicon import lexicon, nearest
from ollama_addon.understanding.numbers import number_words
from ollama_addon.understanding.tokens import tokenize

_DIGITS = re.compile(r"\d+(?:[.,]\d+)?")


def spoken_numbers(clause: Clause, language: str) -> Iterator[float]:
    """Yield the numbers among the values of a clause; words such as "low" are none."""
    tag = nearest(language)
    words = lexicon(tag) if tag else None
    for word in clause.words:
        if word.role is not Role.VALUE:
            continue
        if found := _DIGITS.search(word.text):
            yield float(found[0].replace(",", "."))
        elif words is not None:
            tokens, _ = tokenize(word.text, characters=words.script == "characters")
            number = number_words(words).at(tokens, 0) if tokens else None
            if number is not None:
                yield number[0]
