"""The tolerant reader: gives each word of a clause a role, and makes a plan that uses them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ollama_addon.home.model import Entity
from ollama_addon.understanding import moods
from ollama_addon.understanding.chart import spans as chart
from ollama_addon.understanding.clause_reader import ClauseReader
from ollama_addon.understanding.clauses import split
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import (
    Clause,
    Context,
    Mood,
    Role,
)
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.noun_phrases import resolve
from ollama_addon.understanding.phrases import Phrases, read_phrases
from ollama_addon.understanding.reading import Carry, Reading
from ollama_addon.understanding.verbs import read_verbs


class TolerantReader:
    """Reads sentences about one house in one language."""

    def __init__(self, index: HouseIndex) -> None:
        self.index = index

    def read(self, text: str, context: Context) -> tuple[Clause, ...]:
        """Return the clauses of a sentence."""
        spans, tail = chart(text, self.index)
        if not spans:
            return (Clause(text, Mood.TALK, doubts=("empty",)),)
        mood = moods.whole(spans, asked=context.asked)
        if mood is not None:
            draft = Draft(spans, self.index)
            for at in range(len(spans)):
                draft.take(at, Role.TALK)
            return (Clause(text, mood, certain=mood is not Mood.TALK, words=draft.finish()),)
        carry = Carry()
        corrects = False
        found: list[Clause] = []
        replaces = False
        pieces = split(spans, tail)
        for piece in pieces:
            if (
                piece is not pieces[-1]
                and not context.asked
                and found
                and found[-1].mood is Mood.ORDER
                and found[-1].candidates
                and all(span.has("corrections", "fillers", "openers") for span in piece.spans)
                and any(span.has("corrections") for span in piece.spans)
            ):
                # "Close the bedroom blind, no sorry, the one in the hall"
                best = found[-1].candidates[0]
                context = replace(context, previous=(best,), previous_entities=best.entities)
                replaces = corrects = True
                continue
            answer = moods.whole(piece.spans, asked=context.asked)
            if answer in (Mood.YES, Mood.NO, Mood.NEVER_MIND) and len(spans) > len(piece.spans):
                draft = Draft(piece.spans, self.index)
                for at in range(len(piece.spans)):
                    draft.take(at, Role.TALK)
                clause = Clause(draft.text, answer, certain=True, words=draft.finish())
                if answer is Mood.NO and not found and context.previous and not context.asked:
                    corrects = True  # "no, the humidifier"
                    continue
                found = [*_reached_back(found, clause), clause]
                continue
            if piece.begins:
                carry = Carry(entities=carry.entities, actions=carry.actions, nouns=carry.nouns)
            before = carry.entities or context.previous_entities
            reading = Reading(
                piece,
                self.index,
                replace(context, previous_entities=before),
                carry,
                Draft(piece.spans, self.index),
                first=not found,
                corrects=corrects,
            )
            clause = ClauseReader(reading).read()
            if replaces:
                found = _replaced(found, clause)
                replaces = corrects = False
                continue
            if found and not piece.begins:
                found = _reached_back(found, clause)
            found.append(clause)
        return tuple(_with_what_stands_beside(found))

    def choose(self, text: str, among: Sequence[Entity], context: Context) -> tuple[Entity, ...]:
        """Return which of some things an answer names; empty when it names none of them.

        The words need not be a whole name: they only have to tell the things apart.
        """
        spans, _ = chart(text, self.index)
        draft = Draft(spans, self.index)
        moods.determine(draft, asks=False, names_something=True)
        read_verbs(draft)
        phrases = read_phrases(draft, [at for at, s in enumerate(spans) if s.number is not None])
        ids = {entity.id for entity in among}
        chosen: list[Entity] = []
        for phrase in phrases.targets:
            if phrase.quantifier in ("all", "both", "everything") and not phrase.items:
                return tuple(among)
            part = resolve(phrase, self.index, lambda entity: entity.id in ids, context)
            found = [e for e in part.entities or part.same_name if e.id in ids]
            if len(found) == 1 or (found and phrase.quantifier in ("all", "both")):
                chosen += found
        if not chosen:
            chosen = self._told_apart(phrases, among)
        return tuple(dict.fromkeys(chosen))

    def _told_apart(self, phrases: Phrases, among: Sequence[Entity]) -> list[Entity]:
        """Return the one thing that has a word which the others lack."""
        said = {key for phrase in phrases.targets for item in phrase.items for key in item.keys}
        fitting = [
            entity
            for entity in among
            if said
            & (
                {key for name in self.index.names[entity.id] for key in name.keys}
                | self.index.place_keys.get(f"area:{entity.area_id}", frozenset())
            )
        ]
        return fitting if len(fitting) == 1 else []


def _replaced(before: list[Clause], clause: Clause) -> list[Clause]:
    """Return clauses whose last one was corrected; where that is unclear, it is not certain."""
    if clause.mood is Mood.ORDER and clause.candidates:
        return [*before[:-1], clause]
    last = before[-1]
    return [
        *before[:-1],
        replace(last, certain=False, doubts=(*last.doubts, "correction")),
        clause,
    ]


_LEFT_OVER = (Role.EXCEPTION, Role.NAME, Role.KIND, Role.AREA, Role.FLOOR, Role.PLACE)


def _with_what_stands_beside(clauses: list[Clause]) -> list[Clause]:
    """Return clauses of which no order is certain while a part of the sentence says more.

    A part without a verb that names something, or a time, belongs to an order in a way that was
    not understood: every word has to be accounted for before anything is done.
    """
    talk = [clause for clause in clauses if clause.mood is Mood.TALK]
    whens = [clause.when for clause in talk if clause.when is not None]
    named = any(word.role in _LEFT_OVER for clause in talk for word in clause.words)
    vague = any(not when.understood for when in whens)
    return [
        replace(clause, certain=False, doubts=(*clause.doubts, "beside"))
        if clause.mood is Mood.ORDER and (named or vague or (whens and clause.when is None))
        else clause
        for clause in clauses
    ]


def _reached_back(before: list[Clause], clause: Clause) -> list[Clause]:
    """Return the clauses before one, with what reaches back into them.

    A time behind the last of several orders is that of all of them, and "no, don't" behind an
    order takes it back.
    """
    taken_back = clause.mood in (Mood.NEGATED, Mood.NO, Mood.NEVER_MIND) and not any(
        word.role in (Role.NAME, Role.KIND, Role.AREA, Role.VERB) for word in clause.words
    )
    words = clause.words
    if clause.mood is Mood.NEGATED and words and words[-1].role is Role.NEGATION:
        # "… and the door locked, not": whether it is about the last only cannot be told.
        taken_back = taken_back or any(word.role is Role.VERB for word in words)
    if taken_back:
        return [
            replace(each, mood=Mood.NEGATED, candidates=(), forbidden=each.candidates[0].entities)
            if each.mood is Mood.ORDER and each.candidates
            else each
            for each in before
        ]
    if clause.when is None or clause.mood not in (Mood.ORDER, Mood.TALK):
        return before
    if clause.mood is Mood.ORDER and _begins_with_time(clause):
        return before  # "Turn off the TV, and in ten minutes turn off the light"
    about = {entity.id for each in clause.candidates for entity in each.entities}
    return [
        replace(each, when=clause.when)
        if each.mood is Mood.ORDER
        and each.when is None
        # "Turn on the lamp and turn it off in ten minutes": one after the other.
        and not any(entity.id in about for c in each.candidates for entity in c.entities)
        else each
        for each in before
    ]


def _begins_with_time(clause: Clause) -> bool:
    """Whether the time of a clause stands in front of all that it says to do."""
    roles = [word.role for word in clause.words if word.role is not Role.FILLER]
    said = (Role.VERB, Role.NAME, Role.KIND, Role.PARTICLE, Role.AREA)
    first = next((at for at, role in enumerate(roles) if role in said), len(roles))
    return Role.TIME in roles[:first]
