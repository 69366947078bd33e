"""The tolerant reader: gives each word of a clause a role, and makes a plan that uses them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ollama_addon.home.model import Entity
from ollama_addon.understanding import moods, questions
from ollama_addon.understanding.chart import spans as chart
from ollama_addon.understanding.clauses import Piece, split
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.effects import Values, domains_of, effect
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Context,
    Mood,
    Question,
    Refusal,
    Role,
    Trigger,
    When,
)
from ollama_addon.understanding.lexicon import OPPOSITE
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.noun_phrases import Item, Phrase, Resolution, resolve
from ollama_addon.understanding.phrases import Phrases, read_phrases
from ollama_addon.understanding.plans import MOST, Plan, candidate, plan, refusal, values_of
from ollama_addon.understanding.texts import Text, read_list, read_message, read_search
from ollama_addon.understanding.timers import read_timer
from ollama_addon.understanding.times import TimeReader
from ollama_addon.understanding.triggers import read_triggers
from ollama_addon.understanding.values import Found, read_values
from ollama_addon.understanding.verbs import Said, read_verbs
from ollama_addon.understanding.vocabulary import Action

_IMPLIED = {
    "brighter": "light",
    "dimmer": "light",
    "warmer": "climate",
    "cooler": "climate",
    "louder": "media_player",
    "quieter": "media_player",
    "pause": "media_player",
    "resume": "media_player",
    "next": "media_player",
    "previous": "media_player",
    "mute": "media_player",
    "unmute": "media_player",
    "play": "media_player",
    "clean": "vacuum",
    "mow": "lawn_mower",
    "dock": "vacuum",
    "lock": "lock",
    "unlock": "lock",
    "arm": "alarm_control_panel",
    "disarm": "alarm_control_panel",
}
"""Actions that tell what they are about, when nothing is named."""
_ASKING = ("leave", "weak", "past", "subjects", "auxiliaries", "be", "questions")
"""Words of a question that say nothing but that it is one."""
_FEELINGS = {"brighter", "dimmer", "warmer", "cooler", "quieter", "louder"}
_DIRECTIONS = frozenset("up down brighter dimmer warmer cooler louder quieter open close".split())
_REACHING = (Mood.NEGATED, Mood.QUESTION, Mood.REPORT)
_PLAYING = frozenset({"playing", "paused", "on", "buffering"})


@dataclass(slots=True)
class Carry:
    """What reaches from one clause of a sentence into the next."""

    actions: dict[str, None] = field(default_factory=dict)
    weak: bool = False
    mood: Mood = Mood.ORDER
    entities: tuple[Entity, ...] = ()
    nouns: tuple[Item, ...] = ()
    when: When | None = None


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
        for piece in split(spans, tail, self.index):
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
            clause = _ClauseReader(
                piece, self.index, context, carry, first=not found, corrects=corrects
            ).read()
            if found and not piece.begins:
                found = _reached_back(found, clause)
            found.append(clause)
        return tuple(found)

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
    if clause.when is None or clause.mood is not Mood.ORDER:
        return before
    return [
        replace(each, when=clause.when) if each.mood is Mood.ORDER and each.when is None else each
        for each in before
    ]


class _ClauseReader:
    """Reads one clause."""

    def __init__(
        self,
        piece: Piece,
        index: HouseIndex,
        context: Context,
        carry: Carry,
        *,
        first: bool,
        corrects: bool = False,
    ) -> None:
        self._piece = piece
        self._index = index
        self._house = index.house
        self._carry = carry
        self._first = first
        before = carry.entities or context.previous_entities
        self._context = replace(context, previous_entities=before)
        self._draft = Draft(piece.spans, index)
        self._corrects = corrects
        self._plain = False
        self._strong: dict[str, None] = {}

    def read(self) -> Clause:
        """Return the clause."""
        draft = self._draft
        self._correction()
        carried = Mood.ORDER if self._piece.begins or self._piece.but else self._carry.mood
        timer = read_timer(draft, self._context, asks=self._piece.asks, carried=carried)
        if timer is not None:
            self._carry.mood = timer.mood
            return timer
        listed = read_list(draft, asks=self._piece.asks)
        message = read_message(draft) if listed is None else None
        when = None if message else self._when()
        mood = self._mood()
        if listed is not None or message is not None:
            text = listed or message
            assert text is not None
            return self._text(text, mood, when)
        if mood is Mood.QUESTION:
            return self._question(when)
        if mood in (Mood.REPORT, Mood.WISH):
            return self._told(mood, when)
        return self._order(mood, when)

    # What frames a clause

    def _correction(self) -> None:
        """Take "no, I mean" at the beginning."""
        draft = self._draft
        at = 0
        while at < len(draft) and draft.has(at, "corrections", "openers", "fillers", "and"):
            if draft.has(at, "verbs", "weak", "name", "nouns") and not draft.has(at, "corrections"):
                break
            if draft.has(at, "corrections") and not (
                draft.has(at, "articles", "fillers") and not self._corrects
            ):
                if not moods.corrects(draft, at):
                    break
                if not self._context.previous and not draft.has(at, "no"):
                    break
                self._corrects = True
                draft.take(at, Role.FILLER, "correction")
            elif draft.has(at, "openers", "fillers") and self._first:
                pass
            else:
                break
            at += 1

    def _when(self) -> When | None:
        draft = self._draft
        first = draft.first()
        if draft.has(first, "questions") and (
            self._piece.asks or draft.has(first + 1, "be", "auxiliaries")
        ):
            found = None
            if not draft.has(first, "later.when"):
                found = TimeReader(draft, self._triggers).read()
        else:
            found = TimeReader(draft, self._triggers).read()
        if found is None and self._carry.when is not None and not self._piece.begins:
            return self._carry.when
        return found

    def _triggers(self, draft: Draft, start: int, end: int) -> tuple[Trigger, ...]:
        return read_triggers(draft.spans[start:end], self._index, self._context)

    def _mood(self) -> Mood:
        draft = self._draft
        names = moods.names_anything(draft.spans)
        mood = moods.determine(draft, asks=self._piece.asks, names_something=names)
        carried = self._carry.mood
        reaches = not self._piece.begins and not self._piece.but
        if reaches and mood is Mood.ORDER and carried in _REACHING:
            mood = carried
        if mood is Mood.ORDER and not names and not self._says_something():
            mood = Mood.TALK
        self._carry.mood = mood
        return mood

    def _says_something(self) -> bool:
        """Whether a clause that names nothing says something about a house all the same."""
        draft = self._draft
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

    # Orders

    def _order(self, mood: Mood, when: When | None) -> Clause:
        draft = self._draft
        said = read_verbs(draft)
        found = read_values(draft, frozenset(said.actions))
        actions = self._actions(said, found)
        phrases = read_phrases(draft, found.numbers)
        searched = None
        if "play" in actions:
            searched = self._search(said)
        values = found.values
        self._attribute(phrases, found)
        if searched is not None:
            values = replace(values, text=searched.items[0])
            actions = {"play": None}
            phrases = read_phrases(self._draft, ())
            for doubt in searched.doubts:
                self._draft.doubt(doubt)
        return self._planned(mood, when, said, found, values, actions, phrases)

    def _search(self, said: Said) -> Text | None:
        """Return what is to be played; the words are read anew, since a title can be anything."""
        fresh = Draft(self._piece.spans, self._index)
        for at in range(len(fresh)):
            role = self._draft.role(at)
            if role in (Role.REQUEST, Role.TIME, Role.NEGATION) or (
                role is Role.FILLER and at < min(said.verbs, default=0)
            ):
                fresh.take(at, role)
        players = [e for e in self._house.entities.values() if e.domain == "media_player"]
        weak = any(fresh.has(at, "weak") for at in said.verbs)
        found = read_search(fresh, players, weak=weak)
        if found is None:
            return None
        self._draft = fresh
        for at in said.verbs:
            if fresh.free(at) and fresh.has(at, "verbs"):
                fresh.take(at, Role.VERB, "play")
        return found

    def _actions(self, said: Said, found: Found) -> dict[str, None]:
        """Return what the clause says to do: by verbs, directions, values, or as before."""
        actions = dict(said.actions)
        if found.directions:
            plain = not actions or said.weak or set(actions) <= {"on", "activate", "play"}
            if plain and not (said.particle and not set(actions) <= {"up", "down"}):
                actions = dict(found.directions)
            elif any(OPPOSITE.get(d) in actions for d in found.directions):
                self._draft.doubt("opposite")
            else:
                actions = {**found.directions, **actions}
        if not actions and found.values.any:
            actions = {"set": None}
        if (
            not actions
            and (said.weak or not said.verbs)
            and self._carry.actions
            and (not self._first or self._piece.but)
        ):
            actions = dict(self._carry.actions)
        if not actions:
            actions = self._as_before()
        if said.weak and found.values.any and not said.particle and not found.directions:
            actions = {"set": None, **actions}
        if found.values.any and not {"set", *_DIRECTIONS}.intersection(actions):
            actions = {**actions, "set": None}
        for one in actions:
            other = OPPOSITE.get(one)
            if other in actions and one in said.actions and other in said.actions:
                self._draft.doubt("opposite")
        return actions

    def _as_before(self) -> dict[str, None]:
        """Return the action of the turn before, for "and the hall light" and "a bit more"."""
        draft = self._draft
        previous = self._context.previous
        if not previous:
            return {}
        more = [at for at in draft.all_free() if draft.has(at, "more_of_it")]
        same = [at for at in draft.all_free() if draft.has(at, "same")]
        direction = previous[0].direction
        if more and direction in _DIRECTIONS:
            for at in more:
                draft.take(at, Role.DIRECTION, direction)
            return {direction: None}
        linked = same or (
            self._first
            and (
                self._piece.spans[0].has("and", "openers", "then", "corrections")
                or self._corrects
                or any(span.has("other") for span in self._piece.spans)
            )
        )
        if linked and direction:
            for at in same:
                draft.take(at, Role.PRONOUN, "same")
            return {direction: None}
        return {}

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
            self._draft.take(at, Role.ATTRIBUTE, found.values.attribute)

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
        draft = self._draft
        self._plain = said.weak and not said.particle
        self._strong = said.strong
        values, actions = self._repeated(values, actions)
        if not actions and not said.verbs and _names_only(phrases):
            actions = {"activate": None}
            said.actions["activate"] = None

        def can(entity: Entity) -> bool:
            return not actions or any(
                effect(action, entity, values, self._house) is not None for action in actions
            )

        parts = [resolve(phrase, self._index, can, self._context) for phrase in phrases.targets]
        whole = [phrase.empty or phrase.only_places for phrase in phrases.targets]
        parts = [
            self._implied(phrase, part, actions, values, can) if alone else part
            for phrase, part, alone in zip(phrases.targets, parts, whole, strict=True)
        ]
        if said.pronoun and not phrases.any:
            parts = [resolve(Phrase(pronoun=True), self._index, can, self._context)]
        elif not phrases.any:
            parts = [self._unnamed(actions, values, can)]
        excepted = [
            entity
            for phrase in phrases.excepted
            for entity in _all_of(resolve(phrase, self._index, _anything, self._context))
        ]
        missing = next((part for part in parts if part.missing_place or part.missing_thing), None)
        lost = self._lost(phrases)
        ids = {entity.id for entity in excepted}
        targets = [
            entity
            for entity in dict.fromkeys(e for part in parts for e in part.entities)
            if entity.id not in ids
        ]
        made = plan(actions, targets, values, self._house)
        if made.effects and made.impossible and all(not part.named for part in parts):
            made.impossible.clear()
        self._doubt(parts, phrases, found, made, actions, said)
        for at in said.verbs:
            if made.effects or made.impossible:
                draft.use(at)
        self._use(found, made, values, actions)
        named = tuple(e for part in parts if part.named and part.full for e in part.entities)
        same_name = next((part.same_name for part in parts if part.same_name), ())
        whole_home = any(part.whole_home for part in parts)
        candidates = self._candidates(made, parts, actions, values, excepted, whole_home=whole_home)
        self._carry.actions = actions or self._carry.actions
        self._carry.weak = said.weak
        if targets:
            self._carry.entities = tuple(targets)
        self._carry.when = when
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
        doubts = dict(draft.doubts)
        if any(word.role is Role.UNKNOWN for word in words):
            doubts["unknown"] = None
        if any(not word.used and word.role is not Role.UNKNOWN for word in words):
            doubts["unused"] = None
        if made.impossible and made.effects:
            doubts["cannot"] = None
        if not candidates:
            doubts["nothing"] = None
        if when is not None and not when.understood:
            doubts["when"] = None
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
            refusal=refusal(made, self._house) if not doubts.keys() - {"nothing"} else None,
            when=when,
            forbidden=tuple(excepted),
            named=named,
        )

    def _repeated(self, values: Values, actions: dict[str, None]) -> tuple[Values, dict[str, None]]:
        """Return the values of the turn before where the same is to be done again."""
        if set(actions) == {"set"} and not values.any and self._context.previous:
            before = self._context.previous[0].actions
            if before:
                return values_of(before[0]), actions
        return values, actions

    def _implied(
        self,
        phrase: Phrase,
        part: Resolution,
        actions: dict[str, None],
        values: Values,
        can: object,
    ) -> Resolution:
        """Return what is meant where only a place is named: "make the kitchen brighter"."""
        if part.missing_place or phrase.quantifier == "everything" or part.full:
            return part
        domains = self._domains(actions, values)
        if not domains:
            return part
        members: list[Entity] = []
        for entity in self._house.entities.values():
            if entity.domain not in domains:
                continue
            if not any(
                effect(action, entity, values, self._house) is not None for action in actions
            ):
                continue
            members.append(entity)
        placed = False
        for item in phrase.items:
            if item.is_place or item.areas:
                inside: set[str] = set()
                for area in item.areas:
                    inside |= self._index.by_area[area]
                for floor in item.floors:
                    inside |= self._index.by_floor[floor]
                members = [entity for entity in members if entity.id in inside]
                placed = True
        if phrase.here and self._context.area_id:
            members = [e for e in members if e.area_id == self._context.area_id]
            placed = True
        if phrase.everywhere:
            placed = True
        if not members or not placed:
            return part
        if domains == {"media_player"}:
            members = self._playing(members, actions)
        return Resolution(tuple(members), full=True)

    def _domains(self, actions: dict[str, None], values: Values) -> set[str]:
        """Return the domains that actions and values speak of by themselves."""
        # A verb that means many things tells nothing: "pon" is "put" and "play".
        telling = [a for a in actions if not self._plain or a in self._strong or a in _DIRECTIONS]
        found = {_IMPLIED[action] for action in telling if action in _IMPLIED}
        if values.attribute:
            found |= set(domains_of(values.attribute))
        if values.degrees is not None:
            found.add("climate")
        if values.kelvin is not None or values.color:
            found = {"light"}
        return found

    def _playing(self, members: list[Entity], actions: dict[str, None]) -> list[Entity]:
        """Return the players that play, where one is meant that does."""
        states = self._house.states
        playing = [e for e in members if (s := states.get(e.id)) and s.state == "playing"]
        active = [e for e in members if (s := states.get(e.id)) and s.state in _PLAYING]
        if set(actions) & {"play", "resume"}:
            paused = [e for e in members if (s := states.get(e.id)) and s.state == "paused"]
            return paused or [e for e in members if e not in playing] or members
        return playing or active or members

    def _unnamed(self, actions: dict[str, None], values: Values, can: object) -> Resolution:
        """Return what is meant where nothing is named: what was spoken of, or what is at hand."""
        before = [
            self._house.entities[entity.id]
            for entity in self._context.previous_entities
            if entity.id in self._house.entities
            and any(effect(action, entity, values, self._house) is not None for action in actions)
        ]
        domains = self._domains(actions, values)
        if before and (not domains or any(entity.domain in domains for entity in before)):
            sure = self._corrects or bool(self._context.previous_entities)
            return Resolution(tuple(before), full=sure, named=True)
        if not domains:
            return Resolution(doubts=("no_target",))
        members = [
            entity
            for entity in self._house.entities.values()
            if entity.domain in domains
            and any(effect(action, entity, values, self._house) is not None for action in actions)
        ]
        here = [e for e in members if self._context.area_id and e.area_id == self._context.area_id]
        if domains == {"media_player"}:
            playing = self._playing(members, actions)
            local = [entity for entity in playing if entity in here]
            chosen = local or playing
        else:
            chosen = here or members
        if len(chosen) == 1:
            return Resolution(tuple(chosen), full=True)
        if here and domains == {"light"}:
            return Resolution(tuple(here), full=True)
        return Resolution(same_name=tuple(chosen)) if chosen else Resolution(doubts=("no_target",))

    def _doubt(
        self,
        parts: Sequence[Resolution],
        phrases: Phrases,
        found: Found,
        made: Plan,
        actions: dict[str, None],
        said: Said,
    ) -> None:
        draft = self._draft
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
        if phrases.excepted and not any(
            _all_of(resolve(phrase, self._index, _anything, self._context))
            for phrase in phrases.excepted
        ):
            draft.doubt("exception")
        if phrases.excepted and len(made.effects) < 1:
            draft.doubt("exception")
        if phrases.only and not self._corrects:
            draft.doubt("only")
        if not said.any and not found.directions and not found.values.any and not self._carried():
            draft.doubt("no_verb")
        if len({each.direction for each in made.effects.values()} - {""}) > 1 and any(
            OPPOSITE.get(one) in {e.direction for e in made.effects.values()}
            for one in {e.direction for e in made.effects.values()}
        ):
            draft.doubt("opposite")

    def _carried(self) -> bool:
        return not self._first or bool(self._context.previous)

    def _use(self, found: Found, made: Plan, values: Values, actions: dict[str, None]) -> None:
        """Mark the words of values that the plan uses."""
        draft = self._draft
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

    def _lost(self, phrases: Phrases) -> str:
        """Return an excepted thing or place that is not there."""
        for phrase in phrases.excepted:
            part = resolve(phrase, self._index, lambda entity: True, self._context)
            if part.missing_place or part.missing_thing:
                return part.missing_place or part.missing_thing
        return ""

    def _not_there(
        self,
        mood: Mood,
        when: When | None,
        missing: Resolution | None,
        lost: str,
        candidates: Sequence[Candidate],
        excepted: Sequence[Entity],
    ) -> Clause:
        draft = self._draft
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
        best = candidate(made, self._index, score=score, whole_home=whole_home, excepted=excepted)
        if best is not None:
            found.append(best)
        for part in parts:
            for entity in part.same_name[:MOST]:
                single = candidate(
                    plan(actions, [entity], values, self._house), self._index, score=score * 0.9
                )
                if single is not None:
                    found.append(single)
        return found[:MOST]

    # Texts

    def _text(self, text: Text, mood: Mood, when: When | None) -> Clause:
        draft = self._draft
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
                each = plan([text.action], [entity], Values(text=item), self._house)
                one = candidate(each, self._index, score=1.0)
                if one is None:
                    refused = refusal(each, self._house)
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
        doubts = dict(draft.doubts)
        if any(word.role is Role.UNKNOWN for word in words):
            doubts["unknown"] = None
        if any(not word.used and word.role is not Role.UNKNOWN for word in words):
            doubts["unused"] = None
        if when is not None and not when.understood:
            doubts["when"] = None
        self._carry.entities = text.entities
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

    # What is told and what is asked

    def _told(self, mood: Mood, when: When | None) -> Clause:
        """Return a report or a wish: nothing of it is certain to be done."""
        draft = self._draft
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
            parts = [
                resolve(phrase, self._index, lambda entity: True, self._context)
                for phrase in phrases.targets
            ]
            targets = tuple(e for part in parts for e in part.entities)
        candidates: list[Candidate] = []
        if mood is Mood.WISH and feelings:
            actions = {feelings[0]: None}
            part = self._unnamed(actions, Values(), None)
            made = plan(actions, part.entities or part.same_name, Values(), self._house)
            if (one := candidate(made, self._index, score=0.5)) is not None:
                candidates.append(one)
        self._carry.entities = targets or self._carry.entities
        return Clause(
            draft.text,
            mood,
            tuple(candidates),
            certain=mood is Mood.REPORT,
            words=draft.finish(),
            when=when,
            forbidden=targets if mood is Mood.REPORT else (),
        )

    def _question(self, when: When | None) -> Clause:
        draft = self._draft
        asked = questions.openers(draft)
        if not moods.names_anything(draft.spans) and not self._asks_of_house(asked):
            return Clause(draft.text, Mood.TALK, words=draft.finish(), when=when)
        special = self._special(asked, when)
        if special is not None:
            for at in list(draft.all_free()):
                if draft.has(at, "nouns", "later.clock", "be", "states", "weak"):
                    draft.take(at, Role.KIND)
            words = draft.finish()
            return Clause(draft.text, Mood.QUESTION, certain=True, words=words, question=special)
        state, places = questions.asked_state(draft)
        for at in places:
            draft.take(at, Role.STATE, state)
        found = read_values(draft, frozenset())
        attribute = found.values.attribute
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
        parts = [resolve(phrase, self._index, fits, self._context) for phrase in phrases.targets]
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
            and not any(part.full or part.same_name for part in parts)
            and missing is None
        ):
            doubts.setdefault("partial_name")
        self._carry.entities = entities or self._carry.entities
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
            for span in self._draft.spans
        )

    def _special(self, asked: Sequence[str], when: When | None) -> Question | None:
        """Return a question about the time, the day, the weather, a list or what is planned."""
        draft = self._draft
        for kind in ("time", "date", "planned"):
            if kind in asked:
                days = when.at.days if when is not None and when.at and when.at.days else 0
                return Question(kind, days=days or 0)
        entities = self._house.entities
        for at, span in enumerate(draft.spans):
            nouns = {meaning.partition(":")[0] for meaning in span.meanings("nouns")}
            named = [entities[id_] for id_ in span.meanings("name") if id_ in entities]
            if draft.role(at) is not None:
                continue
            for domain, kind_ in (
                ("weather", "weather"),
                ("todo", "list"),
                ("calendar", "calendar"),
            ):
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
                return Question("list" if kind_ == "list" else "calendar", tuple(mine), days=days)
        return None

    def _outdoors(self, members: Sequence[Entity]) -> list[Entity]:
        """Return what is outside: by its name or its place, else what stands in no area."""
        words = {
            self._index.key(word)
            for phrase in self._index.lexicon.listed("outside")
            for word in phrase.split()
        }
        named = [
            entity
            for entity in members
            if any(words & set(name.keys) for name in self._index.names[entity.id])
            or words & self._index.place_keys.get(f"area:{entity.area_id}", frozenset())
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
                    mine |= self._index.by_area[area]
                for floor in item.floors:
                    mine |= self._index.by_floor[floor]
                inside = mine if inside is None else inside & mine
        if not state and not attribute:
            return Resolution(doubts=("no_target",))
        members = [
            entity
            for entity in self._house.entities.values()
            if fits(entity) and (inside is None or entity.id in inside)
        ]
        outside = any(span.has("outside") for span in self._draft.spans)
        if outside:
            members = self._outdoors(members)
            for at in range(len(self._draft)):
                if self._draft.has(at, "outside"):
                    self._draft.take(at, Role.PLACE, "outside")
        here = [e for e in members if self._context.area_id and e.area_id == self._context.area_id]
        if attribute == "temperature":
            sensors = [e for e in (here or members) if e.domain == "sensor"]
            members = sensors or here or members
        elif inside is None and here and not state:
            members = here
        if inside is None and attribute and len(members) > 1 and not state:
            return Resolution(same_name=tuple(members))
        return Resolution(tuple(members), full=bool(members))


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


def _anything(entity: Entity) -> bool:
    return True


def _all_of(part: Resolution) -> tuple[Entity, ...]:
    """Return all that may be meant, as an exception means it."""
    return part.entities or part.same_name


def _present(when: When) -> bool:
    """Whether a time is now or today, so that the present state answers."""
    return when.at is not None and (when.at.days in (0, None)) and when.at.hour is None
