"""From a sentence to its interpretation, in one house and one language."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.exact import ExactReader
from ollama_addon.understanding.interpretation import Clause, Context, Interpretation, Mood
from ollama_addon.understanding.lexicon import lexicon, nearest
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.tolerant import TolerantReader


class Interpreter:
    """Interprets sentences with two readers. Made once for a house and a language.

    The tolerant reader reads everything in a language that has a file. The exact one is asked
    where that has nothing to say, and reads alone in the other languages. It has no veto: in the
    evaluation it contradicted one of 1,375 certain orders, wrongly, for eight milliseconds each.
    """

    def __init__(self, house: House, language: str) -> None:
        tag = nearest(language)
        self.house = house
        self.language = language
        self.index = HouseIndex(house, lexicon(tag)) if tag else None
        self._tolerant = TolerantReader(self.index) if self.index else None
        self._exact = ExactReader(house, language)

    def choose(self, text: str, among: Sequence[Entity], context: Context) -> tuple[Entity, ...]:
        """Return which of some things an answer names: "the kitchen one", "both", "the left"."""
        if self._tolerant is None:
            return ()
        return self._tolerant.choose(text, among, context)

    def interpret(self, text: str, context: Context | None = None) -> Interpretation:
        """Return what a sentence means. Never raises for any text."""
        context = context or Context()
        took: dict[str, float] = {}
        began = time.perf_counter()
        clauses: tuple[Clause, ...] = ()
        if self._tolerant is not None:
            clauses = self._tolerant.read(text, context)
            took["tolerant"] = _since(began)
        if clauses and not _silent(clauses):
            return Interpretation(text, self.language, clauses, ("tolerant",), None, took)
        began = time.perf_counter()
        reading = self._exact.read(text, context)
        took["exact"] = _since(began)
        if reading is None:
            readers = ("tolerant",) if clauses else ()
            return Interpretation(text, self.language, clauses, readers, None, took)
        alone = self._exact.clause(reading, text)
        if alone is None:
            return Interpretation(text, self.language, clauses, ("exact",), None, took)
        if self._tolerant is not None:
            # The tolerant reader did not understand all of its words.
            alone = replace(alone, certain=False, doubts=(*alone.doubts, "one_reader"))
        return Interpretation(text, self.language, (alone,), ("exact",), None, took)


def _silent(clauses: Sequence[Clause]) -> bool:
    """Whether the tolerant reader has nothing to say about a sentence, not even what is missing."""
    return all(
        clause.mood in (Mood.ORDER, Mood.QUESTION)
        and not clause.candidates
        and not clause.certain
        and not clause.missing_place
        and not clause.missing_thing
        and clause.refusal is None
        and not clause.same_name
        and (clause.question is None or not clause.question.entities)
        for clause in clauses
    )


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
