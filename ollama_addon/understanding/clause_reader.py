"""One clause: what frames it, and what kind it is."""

from __future__ import annotations

from ollama_addon.understanding import moods
from ollama_addon.understanding.clause_order import OrderReader
from ollama_addon.understanding.clause_question import QuestionReader
from ollama_addon.understanding.clause_text import read_text
from ollama_addon.understanding.clause_told import read_told
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import (
    Clause,
    Mood,
    Role,
    Trigger,
    When,
)
from ollama_addon.understanding.past import read_past
from ollama_addon.understanding.reading import Reading
from ollama_addon.understanding.texts import read_list, read_message
from ollama_addon.understanding.timers import read_timer
from ollama_addon.understanding.times import TimeReader
from ollama_addon.understanding.triggers import read_triggers

_REACHING = (Mood.NEGATED, Mood.QUESTION, Mood.REPORT)
"""Moods that reach into the next part of a sentence."""


class ClauseReader:
    """Reads one clause."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def read(self) -> Clause:
        """Return the clause."""
        reading = self._reading
        piece, carry = reading.piece, reading.carry
        self._correction()
        draft = reading.draft
        carried = Mood.ORDER if piece.begins or piece.but else carry.mood
        timer = read_timer(draft, reading.context, asks=piece.asks, carried=carried)
        if timer is not None:
            carry.mood = timer.mood
            return timer
        past = read_past(reading)
        if past is not None:
            carry.mood = past.mood
            return past
        listed = read_list(draft, asks=piece.asks)
        message = read_message(draft) if listed is None else None
        when = None if message else self._when()
        mood = self._mood()
        if listed is not None or message is not None:
            text = listed or message
            assert text is not None
            return read_text(self._reading, text, mood, when)
        if mood is Mood.QUESTION:
            return QuestionReader(self._reading).read(when)
        if mood in (Mood.REPORT, Mood.WISH):
            return read_told(self._reading, mood, when)
        return OrderReader(self._reading).read(mood, when)

    def _correction(self) -> None:
        """Take "no, I mean" at the beginning."""
        draft = self._reading.draft
        at = 0
        while at < len(draft) and draft.has(at, "corrections", "openers", "fillers", "and"):
            if draft.has(at, "verbs", "weak", "name", "nouns") and not draft.has(at, "corrections"):
                break
            if draft.has(at, "corrections") and not (
                draft.has(at, "articles", "fillers") and not self._reading.corrects
            ):
                if not moods.corrects(draft, at):
                    break
                if not self._reading.context.previous and not draft.has(at, "no"):
                    break
                self._reading.corrects = True
                draft.take(at, Role.FILLER, "correction")
            elif draft.has(at, "openers", "fillers") and self._reading.first:
                pass
            else:
                break
            at += 1

    def _when(self) -> When | None:
        draft = self._reading.draft
        first = draft.first()
        if draft.has(first, "questions") and (
            self._reading.piece.asks or draft.has(first + 1, "be", "auxiliaries")
        ):
            found = None
            if not draft.has(first, "later.when"):
                found = TimeReader(draft, self._triggers).read()
        else:
            found = TimeReader(draft, self._triggers).read()
        if (
            found is None
            and self._reading.carry.when is not None
            and not self._reading.piece.begins
        ):
            return self._reading.carry.when
        return found

    def _triggers(self, draft: Draft, start: int, end: int) -> tuple[Trigger, ...]:
        return read_triggers(draft.spans[start:end], self._reading.index, self._reading.context)

    def _mood(self) -> Mood:
        draft = self._reading.draft
        names = moods.names_anything(draft.spans)
        mood = moods.determine(draft, asks=self._reading.piece.asks, names_something=names)
        carried = self._reading.carry.mood
        reaches = not self._reading.piece.begins and not self._reading.piece.but
        if reaches and mood is Mood.ORDER and carried in _REACHING:
            mood = carried
        if mood is Mood.ORDER and not names and not self._says_something():
            mood = Mood.TALK
        self._reading.carry.mood = mood
        return mood

    def _says_something(self) -> bool:
        """Whether a clause that names nothing says something about a house all the same."""
        draft = self._reading.draft
        groups = (
            "verbs",
            "weak",
            "particles",
            "directions",
            "levels",
            "colors",
            "whites",
            "pronouns",
            "everything",
            "same",
            "more_of_it",
            "other",
            "attributes",
        )
        return any(
            draft.has(at, *groups) or draft.spans[at].number is not None for at in draft.all_free()
        )
