"""A question about the house, and what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from ollama_addon.home.model import Entity
from ollama_addon.understanding import moods, questions
from ollama_addon.understanding.interpretation import (
    Clause,
    Mood,
    Question,
    Role,
    When,
)
from ollama_addon.understanding.nouns import Resolution
from ollama_addon.understanding.phrases import Phrases, read_phrases
from ollama_addon.understanding.reading import Reading
from ollama_addon.understanding.values import read_values

_ASKING = ("leave", "weak", "past", "subjects", "auxiliaries", "be", "questions")
"""Words of a question that say nothing but that it is one."""


class QuestionReader:
    """Reads a question."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def read(self, when: When | None, state: str = "", attribute: str = "") -> Clause:
        """Return the clause of a question.

        `state` and `attribute` are what is asked for, where that is known already.
        """
        draft = self._reading.draft
        asked = questions.openers(draft)
        known = bool(state or attribute)
        if not known and not moods.names_anything(draft.spans) and not self._asks_of_house(asked):
            return Clause(draft.text, Mood.TALK, words=draft.finish(), when=when)
        special = None if known else self._special(asked, when)
        if special is not None:
            for at in list(draft.all_free()):
                if draft.has(at, "nouns", "later.clock", "be", "states", "weak"):
                    draft.take(at, Role.KIND)
            words = draft.finish()
            return Clause(draft.text, Mood.QUESTION, certain=True, words=words, question=special)
        if not state:
            state, places = questions.asked_state(draft)
            for at in places:
                draft.take(at, Role.STATE, state)
        found = read_values(draft, frozenset())
        attribute = attribute or found.values.attribute
        if "how_warm" in asked:
            attribute = attribute or "temperature"
        if "how_humid" in asked:
            attribute = attribute or "humidity"
        for values in found.at.get("attribute", ()):
            draft.use(values)
        for at in list(draft.all_free()):
            if draft.has(at, *_ASKING) and not draft.has(at, "name", "nouns", "area", "word"):
                draft.take(at, Role.QUESTION)
        phrases = read_phrases(draft, found.numbers)
        fits = questions.can_be(state) if state else questions.can_tell(attribute)
        if attribute in ("temperature", "humidity"):
            self._measured(phrases, attribute)
        parts = [self._reading.resolve(phrase, fits) for phrase in phrases.targets]
        if not phrases.any or all(part.doubts == ("no_kind",) for part in parts):
            parts = [self._asked_about(asked, state, attribute, phrases)]
        missing = next((part for part in parts if part.missing_place or part.missing_thing), None)
        several = any(
            item.plural or item.number in ("mass", "any")
            for phrase in phrases.targets
            for item in phrase.kinds
        ) or any(
            phrase.quantifier in ("all", "any", "both", "everything") for phrase in phrases.targets
        )
        entities = tuple(
            dict.fromkeys(e for part in parts for e in (part.entities or part.same_name))
        )
        quantifier = next((p.quantifier for p in phrases.targets if p.quantifier), "")
        if not quantifier and any(
            draft.has(at, "one_unit") and draft.has(at + 1, "nouns", "word", "name")
            for at in range(len(draft))
        ):
            quantifier = "any"  # "ist ein Fenster offen"
        kind = questions.kind_of(
            asked, state, several=several, quantifier=quantifier, counted=len(entities)
        )
        words = draft.finish()
        doubts = dict(draft.doubts)
        if any(word.role is Role.UNKNOWN for word in words):
            doubts["unknown"] = None
        if phrases.fuzzy:
            doubts["fuzzy"] = None
        if not entities:
            doubts["nothing"] = None
        if missing is not None:
            doubts["missing"] = None
        if when is not None and not _present(when):
            doubts["when"] = None
        if any("no_effect" in part.doubts for part in parts):
            doubts["no_effect"] = None
        if (
            kind == "value"
            and len(entities) > 1
            and not several
            and any(p.same_name for p in parts)
        ):
            doubts["same_name"] = None
        if (
            phrases.any
            and not any(part.full or part.same_name or part.whole_home for part in parts)
            and missing is None
        ):
            doubts.setdefault("partial_name")
        self._reading.carry.entities = entities or self._reading.carry.entities
        return Clause(
            draft.text,
            Mood.QUESTION,
            certain=not doubts,
            doubts=tuple(doubts),
            words=words,
            missing_place=missing.missing_place if missing else "",
            missing_thing=missing.missing_thing if missing else "",
            question=Question(
                kind if entities or missing else "other",
                entities,
                state,
                attribute,
                detail={"quantifier": quantifier} if quantifier else {},
            ),
            when=when,
            forbidden=entities,
        )

    def _asks_of_house(self, asked: Sequence[str]) -> bool:
        """Whether a question that names nothing is about the house all the same."""
        about = {"time", "date", "planned", "how_warm", "how_humid"}
        return bool(about & set(asked)) or any(
            span.has(
                "attributes",
                "states",
                "pronouns",
                "everything",
                "house",
                "here",
                "outside",
                "timer",
            )
            for span in self._reading.draft.spans
        )

    def _special(self, asked: Sequence[str], when: When | None) -> Question | None:
        """Return a question about the time, the day, the weather, a list or what is planned."""
        draft = self._reading.draft
        for kind in ("time", "date", "planned"):
            if kind in asked:
                days = when.at.days if when is not None and when.at and when.at.days else 0
                return Question(kind, days=days or 0)
        entities = self._reading.house.entities
        for at, span in enumerate(draft.spans):
            nouns = {meaning.partition(":")[0] for meaning in span.meanings("nouns")}
            named = [entities[id_] for id_ in span.meanings("name") if id_ in entities]
            if draft.role(at) is not None:
                continue
            for domain in ("weather", "todo", "calendar"):
                mine = [entity for entity in named if entity.domain == domain]
                if not mine and domain not in nouns:
                    continue
                if domain == "weather" and not set(asked) & {
                    "which",
                    "how",
                    "ask",
                    "yes_no",
                    "any",
                }:
                    continue
                if not mine:
                    mine = [e for e in entities.values() if e.domain == domain]
                draft.take(at, Role.NAME, domain)
                days = 0
                if when is not None and when.at is not None:
                    days = when.at.days or 0
                if domain == "weather" and when is not None and days:
                    return Question("forecast", tuple(mine[:1]), days=days)
                if domain == "weather":
                    return Question("weather", tuple(mine[:1]))
                return Question("list" if domain == "todo" else "calendar", tuple(mine), days=days)
        return None

    def _outdoors(self, members: Sequence[Entity]) -> list[Entity]:
        """Return what is outside: by its name or its place, else what stands in no area."""
        words = {
            self._reading.index.key(word)
            for phrase in self._reading.index.lexicon.listed("outside")
            for word in phrase.split()
        }
        named = [
            entity
            for entity in members
            if any(words & set(name.keys) for name in self._reading.index.names[entity.id])
            or words & self._reading.index.place_keys.get(f"area:{entity.area_id}", frozenset())
        ]
        placeless = [e for e in members if e.area_id is None and e.domain != "climate"]
        sensors = [e for e in placeless if e.domain == "sensor"]
        return named or sensors or placeless

    def _measured(self, phrases: Phrases, attribute: str) -> None:
        """Leave out the noun that says what is measured: what is left says where."""
        for phrase in phrases.targets:
            rest = [
                item
                for item in phrase.items
                if f"sensor.{attribute}" not in item.kinds or item.names
            ]
            phrase.items = rest or phrase.items

    def _asked_about(
        self, asked: Sequence[str], state: str, attribute: str, phrases: Phrases
    ) -> Resolution:
        """Return what a question is about that names a place only, or nothing."""
        fits = questions.can_be(state) if state else questions.can_tell(attribute)
        inside: set[str] | None = None
        for phrase in phrases.targets:
            if phrase.places:
                return Resolution(missing_place=phrase.places[0])
            for item in phrase.items:
                mine: set[str] = set()
                for area in item.areas:
                    mine |= self._reading.index.by_area[area]
                for floor in item.floors:
                    mine |= self._reading.index.by_floor[floor]
                inside = mine if inside is None else inside & mine
        if not state and not attribute:
            return Resolution(doubts=("no_target",))
        members = [
            entity
            for entity in self._reading.house.entities.values()
            if fits(entity) and (inside is None or entity.id in inside)
        ]
        outside = any(span.has("outside") for span in self._reading.draft.spans)
        if outside:
            members = self._outdoors(members)
            for at in range(len(self._reading.draft)):
                if self._reading.draft.has(at, "outside"):
                    self._reading.draft.take(at, Role.PLACE, "outside")
        here = [
            e
            for e in members
            if self._reading.context.area_id and e.area_id == self._reading.context.area_id
        ]
        if attribute == "temperature":
            sensors = [e for e in (here or members) if e.domain == "sensor"]
            members = sensors or here or members
        elif inside is None and here and not state:
            members = here
        if inside is None and attribute and len(members) > 1 and not state:
            return Resolution(same_name=tuple(members))
        return Resolution(tuple(members), full=bool(members))


def _present(when: When) -> bool:
    """Whether a time is now or today, so that the present state answers."""
    return when.at is not None and (when.at.days in (0, None)) and when.at.hour is None
