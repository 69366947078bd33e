"""An order: what is to be done, with what, and what is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ollama_addon.home.model import Entity
from ollama_addon.understanding.clause_actions import actions_of
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.effect_types import Values
from ollama_addon.understanding.effects import domains_of, effect
from ollama_addon.understanding.implied import Implied
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Mood,
    Role,
    When,
)
from ollama_addon.understanding.lexicon import OPPOSITE
from ollama_addon.understanding.nouns import Phrase, Resolution
from ollama_addon.understanding.phrases import Phrases, read_phrases
from ollama_addon.understanding.plans import MOST, Plan, candidate, plan, refusal, values_of
from ollama_addon.understanding.reading import Reading, anything, open_doubts
from ollama_addon.understanding.texts import Text, read_search
from ollama_addon.understanding.values import Found, read_values
from ollama_addon.understanding.verbs import Said, read_verbs


class OrderReader:
    """Reads an order."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def read(self, mood: Mood, when: When | None) -> Clause:
        """Return the clause of an order."""
        draft = self._reading.draft
        said = read_verbs(draft)
        found = read_values(draft, frozenset(said.actions))
        actions = actions_of(self._reading, said, found)
        phrases = read_phrases(draft, found.numbers)
        searched = None
        if "play" in actions:
            searched = self._search(said)
        values = found.values
        self._attribute(phrases, found)
        if searched is not None:
            values = replace(values, text=searched.items[0])
            actions = {"play": None}
            phrases = read_phrases(self._reading.draft, ())
            for doubt in searched.doubts:
                self._reading.draft.doubt(doubt)
        return self._planned(mood, when, said, found, values, actions, phrases)

    def _search(self, said: Said) -> Text | None:
        """Return what is to be played; the words are read anew, since a title can be anything."""
        fresh = Draft(self._reading.piece.spans, self._reading.index)
        for at in range(len(fresh)):
            role = self._reading.draft.role(at)
            if role in (Role.REQUEST, Role.TIME, Role.NEGATION) or (
                role is Role.FILLER and at < min(said.verbs, default=0)
            ):
                fresh.take(at, role)
        players = [e for e in self._reading.house.entities.values() if e.domain == "media_player"]
        weak = any(fresh.has(at, "weak") for at in said.verbs)
        found = read_search(fresh, players, weak=weak)
        if found is None:
            return None
        self._reading.draft = fresh
        for at in said.verbs:
            if fresh.free(at) and fresh.has(at, "verbs"):
                fresh.take(at, Role.VERB, "play")
        return found

    def _attribute(self, phrases: Phrases, found: Found) -> None:
        """Decide whether a word such as "temperature" is what is changed, or a thing."""
        if not found.values.attribute:
            return
        domains = domains_of(found.values.attribute)
        for phrase in phrases.targets:
            others = [
                item
                for item in phrase.items
                if not any(kind.startswith("sensor.") for kind in item.kinds)
            ]
            if len(others) < len(phrase.items) and domains:
                phrase.items = others
        phrases.targets = [phrase for phrase in phrases.targets if not phrase.empty]
        for at in found.at.get("attribute", ()):
            self._reading.draft.take(at, Role.ATTRIBUTE, found.values.attribute)

    def _planned(
        self,
        mood: Mood,
        when: When | None,
        said: Said,
        found: Found,
        values: Values,
        actions: dict[str, None],
        phrases: Phrases,
    ) -> Clause:
        """Make the plan of an order, and say what is in doubt."""
        draft, house = self._reading.draft, self._reading.house
        values, actions = self._repeated(values, actions)
        if not actions and not said.verbs and _names_only(phrases):
            actions = {"activate": None}
            said.actions["activate"] = None
        implied = Implied(self._reading, said, actions, values)

        def can(entity: Entity) -> bool:
            return not actions or any(
                effect(action, entity, values, house) is not None for action in actions
            )

        parts = [self._reading.resolve(phrase, can) for phrase in phrases.targets]
        whole = [phrase.empty or phrase.only_places for phrase in phrases.targets]
        parts = [
            implied.in_place(phrase, part) if alone else part
            for phrase, part, alone in zip(phrases.targets, parts, whole, strict=True)
        ]
        if said.pronoun and not phrases.any:
            parts = [self._reading.resolve(Phrase(pronoun=True), can)]
        elif not phrases.any:
            parts = [implied.unnamed()]
        left_out = [self._reading.resolve(phrase, anything) for phrase in phrases.excepted]
        excepted = [entity for part in left_out for entity in _all_of(part)]
        missing = next((part for part in parts if part.missing_place or part.missing_thing), None)
        lost = next(
            (name for part in left_out if (name := part.missing_place or part.missing_thing)), ""
        )
        ids = {entity.id for entity in excepted}
        targets = [
            entity
            for entity in dict.fromkeys(e for part in parts for e in part.entities)
            if entity.id not in ids
        ]
        made = plan(actions, targets, values, self._reading.house)
        if made.effects and made.impossible and all(not part.named for part in parts):
            made.impossible.clear()
        self._doubt(parts, phrases, excepted, found, made, actions, said)
        for at in said.verbs:
            if made.effects or made.impossible:
                draft.use(at)
        self._use(found, made, values, actions)
        named = tuple(e for part in parts if part.named and part.full for e in part.entities)
        same_name = next((part.same_name for part in parts if part.same_name), ())
        whole_home = any(part.whole_home for part in parts)
        candidates = self._candidates(made, parts, actions, values, excepted, whole_home=whole_home)
        self._reading.carry.actions = actions or self._reading.carry.actions
        self._reading.carry.weak = said.weak
        if targets:
            self._reading.carry.entities = tuple(targets)
        self._reading.carry.when = when
        if mood is Mood.NEGATED:
            words = draft.finish()
            return Clause(
                draft.text,
                mood,
                certain=True,
                words=words,
                when=when,
                forbidden=(*targets, *excepted),
                named=named,
                missing_place=missing.missing_place if missing else "",
            )
        if mood is Mood.TALK or (mood is Mood.ORDER and not actions and not phrases.any):
            return Clause(draft.text, Mood.TALK, words=draft.finish(), when=when)
        if missing is not None or lost:
            return self._not_there(mood, when, missing, lost, candidates, excepted)
        words = draft.finish()
        doubts = open_doubts(draft, words, when)
        if made.impossible and made.effects:
            doubts["cannot"] = None
        if not candidates:
            doubts["nothing"] = None
        if when is not None and not when.understood:
            candidates = []
        if same_name:
            doubts["same_name"] = None
        return Clause(
            draft.text,
            mood,
            tuple(candidates),
            certain=not doubts and mood is Mood.ORDER and bool(candidates),
            doubts=tuple(doubts),
            words=words,
            same_name=same_name,
            refusal=refusal(made, self._reading.house) if not doubts.keys() - {"nothing"} else None,
            when=when,
            forbidden=tuple(excepted),
            named=named,
        )

    def _repeated(self, values: Values, actions: dict[str, None]) -> tuple[Values, dict[str, None]]:
        """Return the values of the turn before where the same is to be done again."""
        if set(actions) == {"set"} and not values.any and self._reading.context.previous:
            before = self._reading.context.previous[0].actions
            if before:
                return values_of(before[0]), actions
        return values, actions

    def _doubt(
        self,
        parts: Sequence[Resolution],
        phrases: Phrases,
        excepted: Sequence[Entity],
        found: Found,
        made: Plan,
        actions: dict[str, None],
        said: Said,
    ) -> None:
        draft = self._reading.draft
        for part in parts:
            for doubt in part.doubts:
                draft.doubt(doubt)
            if not part.full and not part.doubts and not part.same_name:
                draft.doubt("partial_name")
        if phrases.fuzzy:
            draft.doubt("fuzzy")
        if found.several:
            draft.doubt("two_values")
        if found.no_preposition and set(actions) & {"dimmer", "brighter"} and found.values.percent:
            draft.doubt("to_or_by")
        if phrases.excepted and not (excepted and made.effects):
            draft.doubt("exception")
        if phrases.only and not self._reading.corrects:
            draft.doubt("only")
        if not said.any and not found.directions and not found.values.any and not self._carried():
            draft.doubt("no_verb")
        if len({each.direction for each in made.effects.values()} - {""}) > 1 and any(
            OPPOSITE.get(one) in {e.direction for e in made.effects.values()}
            for one in {e.direction for e in made.effects.values()}
        ):
            draft.doubt("opposite")

    def _carried(self) -> bool:
        return not self._reading.first or bool(self._reading.context.previous)

    def _use(self, found: Found, made: Plan, values: Values, actions: dict[str, None]) -> None:
        """Mark the words of values that the plan uses."""
        draft = self._reading.draft
        if made.impossible and not made.effects:
            # It was understood, and cannot be done: "to 140 percent".
            for places in found.at.values():
                draft.use(*places)
        for name, places in found.at.items():
            if name in made.used or (name == "attribute" and made.effects):
                draft.use(*places)
        for at, span in enumerate(draft.spans):
            if draft.role(at) is Role.DIRECTION and made.effects:
                meanings = span.meanings("directions")
                directions = {each.direction for each in made.effects.values()}
                if (
                    not meanings
                    or directions & set(meanings)
                    or set(meanings) & {"up", "down"}
                    or made.used
                ):
                    draft.use(at)

    def _not_there(
        self,
        mood: Mood,
        when: When | None,
        missing: Resolution | None,
        lost: str,
        candidates: Sequence[Candidate],
        excepted: Sequence[Entity],
    ) -> Clause:
        draft = self._reading.draft
        return Clause(
            draft.text,
            mood,
            (),
            doubts=("missing",),
            words=draft.finish(),
            missing_place=missing.missing_place if missing else "",
            missing_thing=(missing.missing_thing if missing else "") or lost,
            when=when,
            forbidden=tuple(excepted),
        )

    def _candidates(
        self,
        made: Plan,
        parts: Sequence[Resolution],
        actions: dict[str, None],
        values: Values,
        excepted: Sequence[Entity],
        *,
        whole_home: bool,
    ) -> list[Candidate]:
        score = min((part.score for part in parts), default=0.5)
        found: list[Candidate] = []
        best = candidate(
            made, self._reading.index, score=score, whole_home=whole_home, excepted=excepted
        )
        if best is not None:
            found.append(best)
        for part in parts:
            for entity in part.same_name[:MOST]:
                single = candidate(
                    plan(actions, [entity], values, self._reading.house),
                    self._reading.index,
                    score=score * 0.9,
                )
                if single is not None:
                    found.append(single)
        return found[:MOST]


def _names_only(phrases: Phrases) -> bool:
    """Whether nothing is said but the name of a scene, a script or a button."""
    if len(phrases.targets) != 1 or phrases.excepted or phrases.stray:
        return False
    items = phrases.targets[0].items
    return (
        len(items) == 1
        and all(
            name.partition(".")[0] in ("scene", "script", "button", "input_button")
            for name in items[0].names
        )
        and bool(items[0].names)
    )


def _all_of(part: Resolution) -> tuple[Entity, ...]:
    """Return all that may be meant, as an exception means it."""
    return part.entities or part.same_name
