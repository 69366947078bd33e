"""What is told: a report or a wish. Nothing of it is certain to be done."""

from __future__ import annotations

from ollama_addon.home.model import Entity
from ollama_addon.understanding.effect_types import Values
from ollama_addon.understanding.implied import Implied
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Mood,
    When,
)
from ollama_addon.understanding.phrases import read_phrases
from ollama_addon.understanding.plans import candidate, plan
from ollama_addon.understanding.reading import Reading, anything
from ollama_addon.understanding.values import read_values
from ollama_addon.understanding.verbs import Said, read_verbs

_FEELINGS = {"brighter", "dimmer", "warmer", "cooler", "quieter", "louder"}


def read_told(reading: Reading, mood: Mood, when: When | None) -> Clause:
    """Return a report or a wish: nothing of it is certain to be done."""
    draft = reading.draft
    feelings = [
        meaning
        for span in draft.spans
        for meaning in span.meanings("feelings")
        if meaning in _FEELINGS
    ]
    read_verbs(draft)
    found = read_values(draft, frozenset())
    phrases = read_phrases(draft, found.numbers)
    targets: tuple[Entity, ...] = ()
    if phrases.any:
        parts = [reading.resolve(phrase, anything) for phrase in phrases.targets]
        targets = tuple(e for part in parts for e in part.entities)
    candidates: list[Candidate] = []
    if mood is Mood.WISH and feelings:
        actions = {feelings[0]: None}
        part = Implied(reading, Said(), actions, Values()).unnamed()
        made = plan(actions, part.entities or part.same_name, Values(), reading.house)
        if (one := candidate(made, reading.index, score=0.5)) is not None:
            candidates.append(one)
    reading.carry.entities = targets or reading.carry.entities
    return Clause(
        draft.text,
        mood,
        tuple(candidates),
        certain=mood is Mood.REPORT,
        words=draft.finish(),
        when=when,
        forbidden=targets if mood is Mood.REPORT else (),
    )
