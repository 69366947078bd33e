"""From a sentence to its interpretation, in one house and one language."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Context, Interpretation
from ollama_addon.understanding.lexicon import lexicon, nearest
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.tolerant import TolerantReader


class Interpreter:
    """Interprets sentences. Made once for a house and a language."""

    def __init__(self, house: House, language: str) -> None:
        tag = nearest(language)
        self.house = house
        self.language = language
        self.index = HouseIndex(house, lexicon(tag)) if tag else None
        self._tolerant = TolerantReader(self.index) if self.index else None

    def choose(self, text: str, among: Sequence[Entity], context: Context) -> tuple[Entity, ...]:
        """Return which of some things an answer names: "the kitchen one", "both", "the left"."""
        if self._tolerant is None:
            return ()
        return self._tolerant.choose(text, among, context)

    def interpret(self, text: str, context: Context | None = None) -> Interpretation:
        """Return what a sentence means. Never raises for any text."""
        context = context or Context()
        began = time.perf_counter()
        if self._tolerant is None:
            return Interpretation(text, self.language, (), readers=())
        clauses = self._tolerant.read(text, context)
        took = (time.perf_counter() - began) * 1000
        return Interpretation(
            text, self.language, clauses, milliseconds={"tolerant": round(took, 3)}
        )
