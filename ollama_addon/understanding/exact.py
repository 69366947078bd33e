"""The exact reader: Home Assistant's own sentences, with the names of this house.

It reads what the `home-assistant-intents` package knows in 65 languages, and nothing else. Beside
the tolerant reader it has a veto; for languages without a file of ours it is the only reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from hassil.intents import Intents, SlotList, TextSlotList
from hassil.recognize import RecognizeResult, recognize_best
from hassil.util import normalize_whitespace
from home_assistant_intents import get_intents

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Context,
    Mood,
    Question,
    QuestionKind,
    Role,
    Word,
)
from ollama_addon.understanding.names import labels_of
from ollama_addon.understanding.verb_table import VERBS, verbs_for
from ollama_addon.understanding.vocabulary import Action, Group

_PLACES = frozenset({"name", "area", "floor", "preferred_area_id"})
_TEXTS = frozenset({"item", "message", "search_query", "conversation_command"})
_READING = {
    "HassGetState",
    "HassClimateGetTemperature",
    "HassGetWeather",
    "HassGetCurrentTime",
    "HassGetCurrentDate",
    "HassTimerStatus",
}
_KINDS: Mapping[str, QuestionKind] = {
    "one_yesno": "state",
    "any": "any",
    "all": "all",
    "which": "which",
    "how_many": "how_many",
    "where": "where",
}
_NOTHING = {"HassNevermind": Mood.NEVER_MIND, "HassRespond": Mood.TALK}
_OWN = frozenset(verb.intent for verb in VERBS)
_TIMERS = "Timer"


@dataclass(frozen=True, slots=True)
class Reading:
    """What Home Assistant's own grammar makes of a sentence."""

    intent: str
    entities: frozenset[str]
    """The ids of all exposed entities that it is about."""
    slots: Mapping[str, Any] = field(default_factory=dict)
    group: Group | None = None
    response: str = ""
    named: str = ""
    """The entity id of the name that was said."""
    shared_name: bool = False
    """Whether other things have that name too: it takes the first."""
    wildcard: bool = False
    """Whether a part of it was taken as it stands, such as the item for a list."""

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return self.intent in _READING


@lru_cache(4)
def _intents(language: str) -> Intents | None:
    data = get_intents(language)
    return Intents.from_dict({**data, "language": language}) if data else None


class ExactReader:
    """Reads sentences about one house in one language of the intents package."""

    def __init__(self, house: House, language: str) -> None:
        self._house = house
        self._intents = _intents(language)
        self._language = language
        names = Counter(
            name.casefold()
            for entity in house.entities.values()
            for name in (entity.name, *entity.aliases)
        )
        self._shared = {name for name, count in names.items() if count > 1}
        self._lists: dict[str, SlotList] = {
            "name": TextSlotList.from_tuples(self._names(), allow_template=False),
            "area": TextSlotList.from_tuples(
                (
                    (name, area.id)
                    for area in house.areas.values()
                    for name in (area.name, *area.aliases)
                ),
                allow_template=False,
            ),
            "floor": TextSlotList.from_tuples(
                (
                    (name, floor.id)
                    for floor in house.floors.values()
                    for name in (floor.name, *floor.aliases)
                ),
                allow_template=False,
            ),
        }

    def _names(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for entity in self._house.entities.values():
            context: dict[str, Any] = {"domain": entity.domain}
            if entity.device_class:
                context["device_class"] = entity.device_class
            for name in (entity.name, *entity.aliases):
                if name.strip():
                    yield name, entity.id, context

    def read(self, text: str, context: Context) -> Reading | None:
        """Return what a sentence means by the grammar, None when it is none of its sentences."""
        if self._intents is None:
            return None
        said = normalize_whitespace(text).strip().rstrip(".!?。？！")
        area = self._house.areas.get(context.area_id or "")
        try:
            found = recognize_best(
                said,
                self._intents,
                slot_lists=self._lists,
                intent_context={"area": area.id} if area else {},
                language=self._language,
                best_slot_name="name",
            )
        except (ValueError, KeyError, IndexError, RecursionError):
            # Some languages have ranges that raise at the first number.
            return None
        return self._reading(found) if found is not None else None

    def _reading(self, found: RecognizeResult) -> Reading:
        slots = {name: entity.value for name, entity in found.entities.items()}
        wildcard = any(entity.is_wildcard for entity in found.entities.values())
        named = str(slots.get("name") or "")
        said = found.entities["name"].text.strip().casefold() if "name" in found.entities else ""
        values = {name: value for name, value in slots.items() if name not in _PLACES}
        domain = values.pop("domain", None)
        device_class = values.pop("device_class", None)
        state = values.pop("state", None)
        group: Group | None = None
        members: list[Entity] = []
        if named in self._house.entities:
            members = [self._house.entities[named]]
        elif domain or device_class:
            domains = domain if isinstance(domain, list) else [domain]
            for each in domains:
                group = Group(
                    str(each or _domain_of(device_class, self._house)),
                    slots.get("area") or slots.get("preferred_area_id"),
                    slots.get("floor"),
                    str(device_class) if isinstance(device_class, str) else None,
                )
                members += group.members(self._house)
            if len(domains) > 1:
                group = None
        if state is not None:
            values["state"] = state
        return Reading(
            found.intent.name,
            frozenset(entity.id for entity in members),
            values,
            group,
            found.response or "",
            named,
            said in self._shared,
            wildcard,
        )

    def clause(self, reading: Reading, text: str) -> Clause | None:
        """Return a reading as the only clause of a sentence; None for what we cannot do."""
        house = self._house
        words = (Word(text, 0, Role.TEXT, reading.intent, used=True),)
        if (mood := _NOTHING.get(reading.intent)) is not None:
            return Clause(text, mood, certain=mood is not Mood.TALK, words=words)
        entities = tuple(house.entities[id_] for id_ in sorted(reading.entities))
        if reading.asks:
            question = _question(reading, entities)
            return Clause(
                text, Mood.QUESTION, certain=bool(question), words=words, question=question
            )
        action = self._action(reading)
        if action is None:
            return None
        phrase = f"{reading.intent.removeprefix('Hass')} " + ", ".join(
            labels_of(house)[entity.id] for entity in entities[:4]
        )
        candidate = Candidate((action,), entities, phrase.strip(), 0.8, "")
        return Clause(
            text,
            Mood.ORDER,
            (candidate,),
            certain=not (reading.shared_name or reading.wildcard),
            doubts=("shared_name",)
            if reading.shared_name
            else ("text",)
            if reading.wildcard
            else (),
            words=words,
            named=entities if reading.named else (),
        )

    def _action(self, reading: Reading) -> Action | None:
        values = dict(reading.slots)
        if _TIMERS in reading.intent or reading.intent == "HassBroadcast":
            return None if "conversation_command" in values else Action(reading.intent, values)
        if reading.intent not in _OWN or not reading.entities:
            return None
        able = [
            entity
            for id_ in reading.entities
            for entity in [self._house.entities[id_]]
            if any(verb.intent == reading.intent for verb in verbs_for(entity))
        ]
        if len(able) != len(reading.entities):
            return None
        if reading.named:
            return Action(reading.intent, {"name": reading.named, **values})
        if reading.group is None:
            return None
        slots = {
            "domain": reading.group.domain,
            "device_class": reading.group.device_class,
            "area": reading.group.area_id,
            "floor": reading.group.floor_id,
        }
        return Action(reading.intent, {**{k: v for k, v in slots.items() if v}, **values})


def _question(reading: Reading, entities: tuple[Entity, ...]) -> Question | None:
    match reading.intent:
        case "HassGetCurrentTime":
            return Question("time")
        case "HassGetCurrentDate":
            return Question("date")
        case "HassTimerStatus":
            return Question("timer")
    if not entities:
        return None
    if reading.intent == "HassGetWeather":
        return Question("weather", entities)
    if reading.intent == "HassClimateGetTemperature":
        return Question("value", entities, attribute="temperature")
    state = str(reading.slots.get("state") or "")
    return Question(_KINDS.get(reading.response, "value"), entities, state)


def _domain_of(device_class: Any, house: House) -> str:
    return next((e.domain for e in house.entities.values() if e.device_class == device_class), "")
