"""A clause with a text of the person's own: an item, a message, something to play."""

from __future__ import annotations

from ollama_addon.understanding.effect_types import Values
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Mood,
    Refusal,
    When,
)
from ollama_addon.understanding.plans import MOST, candidate, plan, refusal
from ollama_addon.understanding.reading import Reading, open_doubts
from ollama_addon.understanding.texts import Text
from ollama_addon.understanding.vocabulary import Action


def read_text(reading: Reading, text: Text, mood: Mood, when: When | None) -> Clause:
    """Return the clause of a text for a list, for the house or for a player."""
    draft = reading.draft
    for doubt in text.doubts:
        draft.doubt(doubt)
    if text.same_name:
        draft.doubt("same_name")
    made: list[Candidate] = []
    if text.action == "announce":
        action = Action("HassBroadcast", {"message": text.items[0]})
        made.append(Candidate((action,), (), f"broadcast: {text.items[0]}", 1.0, "announce"))
    refused: Refusal | None = None
    for entity in text.entities[:MOST]:
        actions: list[Action] = []
        phrases: list[str] = []
        for item in text.items:
            each = plan([text.action], [entity], Values(text=item), reading.house)
            one = candidate(each, reading.index, score=1.0)
            if one is None:
                refused = refusal(each, reading.house)
                continue
            actions += one.actions
            phrases.append(one.phrase)
        if actions:
            made.append(
                Candidate(tuple(actions), (entity,), " and ".join(phrases), 1.0, text.action)
            )
    if not text.entities and text.action != "announce":
        draft.doubt("nothing")
    words = draft.finish()
    doubts = open_doubts(draft, words, when)
    reading.carry.entities = text.entities
    ordered = mood is Mood.ORDER
    return Clause(
        draft.text,
        mood,
        tuple(made) if mood in (Mood.ORDER, Mood.WISH) else (),
        certain=mood is Mood.NEGATED or (ordered and not doubts and bool(made)),
        doubts=tuple(doubts),
        words=words,
        same_name=text.entities if text.same_name else (),
        refusal=refused if not made else None,
        when=when,
        forbidden=text.entities if mood is Mood.NEGATED else (),
    )
