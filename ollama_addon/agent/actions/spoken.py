"""What the words of a sentence say besides its plan: numbers, and that something was done."""

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


def tells_of_past(clause: Clause, language: str) -> bool:
    """Tell whether a clause has a word for something that was done: "turned off", "opened"."""
    tag = nearest(language)
    if tag is None:
        return False
    words = lexicon(tag)
    for word in clause.words:
        tokens, _ = tokenize(word.text, characters=words.script == "characters")
        found = words.senses(tuple(token.plain for token in tokens))
        if any(sense.group == "past" for sense in found):
            return True
    return False
