"""What is said back, in the user's language.

Confirmations, answers about states and errors come from the response templates of
`home-assistant-intents`, so that nothing has to be asked of the model a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ollama_addon.agent.actions.repair_outcome import Repaired
from ollama_addon.agent.replies.phrases import listing, phrase
from ollama_addon.agent.replies.templates import templates_of
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Question
from ollama_addon.understanding.verb_table import TARGETLESS, VERBS
from ollama_addon.understanding.vocabulary import Action, Group, Target

_ENVIRONMENT = ImmutableSandboxedEnvironment(autoescape=False)
_DETAILS: dict[str, dict[str, tuple[float, str]]] = {
    "light": {"brightness": (100 / 255, " %"), "color_temp_kelvin": (1, " K")},
    "cover": {"current_position": (1, " %")},
    "fan": {"percentage": (1, " %")},
    "media_player": {"volume_level": (100, " %"), "source": (0, ""), "media_title": (0, "")},
    "climate": {"temperature": (1, " °"), "humidity": (1, " %")},
    "humidifier": {"humidity": (1, " %")},
    "vacuum": {"battery_level": (1, " %")},
}
"""Attributes worth saying, with what they are multiplied by (0 for words) and their unit."""
_LISTED = 4
_READS = frozenset(verb.intent for verb in (*VERBS, *TARGETLESS) if verb.reads)


@dataclass(frozen=True, slots=True)
class Done:
    """An action and what became of it."""

    action: Action
    target: Target | None
    ok: bool
    failed: tuple[str, ...] = ()
    """Names of those that did not respond, where others did."""
    reason: str = ""
    """What Home Assistant said, in words, when it failed."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What was read, such as the items of a list."""

    @property
    def reads(self) -> bool:
        """Whether it only looked."""
        return self.action.intent in _READS


class _State:
    """A state as the response templates expect it."""

    def __init__(self, entity: Entity, house: House, text: str) -> None:
        state = house.states.get(entity.id)
        self.entity_id = entity.id
        self.domain = entity.domain
        self.name = entity.name
        self.state = state.state if state else "unknown"
        self.attributes = dict(state.attributes) if state else {}
        self.state_with_unit = text


class Replies:
    """Replies of one turn: a language, a house, and the translations of its states."""

    def __init__(
        self, language: str, house: House, translations: Mapping[str, str] | None = None
    ) -> None:
        self._templates = templates_of(language)
        self._house = house
        self._translations = translations or {}
        self.language = language

    def phrase(self, key: str, **values: object) -> str:
        """Return one of the agent's own sentences."""
        return phrase(self.language, key, **values)

    def names(self, targets: Sequence[Target], last: str = "and") -> str:
        """Return the names of targets as people list them."""
        return listing([self._name(target) for target in targets], self.language, last)

    def proposal(self, items: Sequence[Repaired]) -> str:
        """Return the question whether something shall be done, naming what it would be."""
        targets = [item.target for item in items if item.target is not None]
        return self.phrase("sure", names=self.names(targets))

    def error(self, key: str, **values: object) -> str:
        """Return an error of the intents package, such as `no_entity` with its `entity`."""
        template = self._templates.errors.get(key, "")
        return self._render(template, **values) or self.phrase("not_found")

    def combined(self, results: Sequence[Done], text: str, now: datetime) -> str:
        """Return one reply for all that was done and asked for; failures are said."""
        sentences: list[str] = []
        for done in results:
            if not done.ok:
                sentences.append(done.reason or self._no_answer(done))
                continue
            sentence = self._sentence(done, text, now)
            if sentence:
                sentences.append(sentence)
            if done.failed:
                names = listing(list(done.failed), self.language, "and")
                sentences.append(self.phrase("no_answer", names=names))
        unique = list(dict.fromkeys(_closed(sentence) for sentence in sentences if sentence))
        if len(unique) == 1:
            return unique[0]
        return " ".join(unique)

    def state_text(self, entity: Entity) -> str:
        """Return an entity's state in the language of the person: `closed`, `12.5 °C`."""
        state = self._house.states.get(entity.id)
        if state is None:
            return self._translate(entity, "unknown")
        if unit := state.attributes.get("unit_of_measurement"):
            return f"{state.state} {unit}"
        return self._translate(entity, state.state)

    def _sentence(self, done: Done, text: str, now: datetime) -> str:
        intent = done.action.intent
        match intent:
            case "HassGetState":
                return self._answer(done.target)
            case "HassGetCurrentTime":
                return self._respond(intent, "default", slots={"time": now.time()})
            case "HassGetCurrentDate":
                return self._respond(intent, "default", slots={"date": now.date()})
            case "HassGetWeather" if isinstance(done.target, Entity):
                return self._respond(intent, "default", state=self._state(done.target))
            case "todo.get_items" | "calendar.get_events":
                items = [str(item) for item in done.data.get("items", ())]
                return listing(items, self.language, "and") if items else self.phrase("empty")
        return self._confirmation(done) or self._respond("HassBroadcast", "default")

    def _confirmation(self, done: Done) -> str:
        intent = {
            "light.turn_on": "HassLightSet",
            "water_heater.set_temperature": "HassClimateSetTemperature",
            "climate.set_fan_mode": "HassClimateSetFanMode",
        }.get(done.action.intent, done.action.intent)
        keys = self._templates.intents.get(intent, {})
        slots = dict(done.action.slots)
        if intent == "HassLightSet":
            key = next((k for k in ("color", "temperature") if k in slots), "brightness")
        else:
            key = self._templates.key(intent, *_shape(done))
        if key not in keys:
            key = "default" if "default" in keys else next(iter(keys), "")
        target = done.target
        state = self._state(target) if isinstance(target, Entity) else None
        if isinstance(target, Group) and state is None:
            members = target.members(self._house)
            state = self._state(members[0]) if members else None
            # The texts have "the light" for one and their own for many.
            if key == "default" and target.domain == "cover":
                key = "cover"
        if area := self._house.areas.get(str(slots.get("area"))):
            slots["area"] = area.name
        slots.setdefault("media", True)
        slots = {"canceled": 1, **slots, **done.data}
        return self._respond(intent, key, state=state, slots=slots)

    def _answer(self, target: Target | None) -> str:
        if isinstance(target, Entity):
            return self._answer_one(target)
        if isinstance(target, Group):
            members = target.members(self._house)[: _LISTED * 2]
            return "; ".join(f"{each.name}: {self.state_text(each)}" for each in members)
        return ""

    def _answer_one(self, entity: Entity) -> str:
        if entity.domain == "climate":
            answer = self._respond(
                "HassClimateGetTemperature", "default", state=self._state(entity), slots={}
            )
            if answer:
                return f"{_closed(answer)} {self._details(entity)}".strip()
        answer = self._respond(
            "HassGetState", "one", state=self._state(entity), slots={"name": entity.name}
        )
        details = self._details(entity)
        return f"{_closed(answer)} {details}" if answer and details else answer

    def _details(self, entity: Entity) -> str:
        """Return what else an entity shows, in Home Assistant's own words: "Volume: 30 %."."""
        state = self._house.states.get(entity.id)
        base = f"component.{entity.domain}.entity_component._.state_attributes"
        found = []
        for attribute, (factor, unit) in _DETAILS.get(entity.domain, {}).items():
            value = state.attributes.get(attribute) if state else None
            name = self._translations.get(f"{base}.{attribute}.name")
            if value is None or not name:
                continue
            if isinstance(value, (int, float)) and factor:
                value = f"{round(value * factor, 1):g}"
            unit = unit.replace("°", self._house.temperature_unit)
            found.append(f"{name}: {value}{unit}.")
        return " ".join(found)

    def answer(self, question: Question, now: datetime) -> str:
        """Return the answer to a question about the house, empty where it has none."""
        match question.kind:
            case "time":
                return self._respond("HassGetCurrentTime", "default", slots={"time": now.time()})
            case "date":
                day = (now + timedelta(days=question.days)).date()
                return self._respond("HassGetCurrentDate", "default", slots={"date": day})
            case "weather":
                for entity in question.entities[:1]:
                    return self._respond("HassGetWeather", "default", state=self._state(entity))
            case "state" | "which" | "how_many" | "any" | "all" if question.state:
                return self._stated(question)
            case "value" | "where" | "state" | "which":
                return self._valued(question)
        return ""

    def _stated(self, question: Question) -> str:
        """Answer whether, which or how many of some things are in a state."""
        matched: list[_State] = []
        unmatched: list[_State] = []
        for entity in question.entities:
            into = matched if self._is(entity, question.state) else unmatched
            into.append(self._state(entity))
        if question.negated:
            matched, unmatched = unmatched, matched
        first = (matched or unmatched)[0]
        key = {"state": "one_yesno"}.get(question.kind, question.kind)
        return self._respond(
            "HassGetState",
            key,
            state=first,
            slots={"name": first.name, "state": question.state},
            query={"matched": matched, "unmatched": unmatched},
        )

    def _valued(self, question: Question) -> str:
        """Answer what some things are, or how much."""
        parts = []
        for entity in question.entities[: _LISTED * 2]:
            if question.kind == "where":
                area = self._house.area_of(entity)
                parts.append(f"{entity.name}: {area.name if area else self.state_text(entity)}")
                continue
            value = self._attribute(entity, question.attribute)
            if len(question.entities) == 1 and value:
                return value
            if len(question.entities) == 1:
                return self._answer_one(entity)
            parts.append(f"{entity.name}: {value or self.state_text(entity)}")
        return "; ".join(parts)

    def _attribute(self, entity: Entity, attribute: str) -> str:
        """Return the value of what is asked for, empty where the state itself is it."""
        state = self._house.states.get(entity.id)
        if state is None or not attribute or entity.domain == "sensor":
            return ""
        name, factor, unit = {
            "temperature": ("current_temperature", 1.0, self._house.temperature_unit),
            "humidity": ("current_humidity", 1.0, "%"),
            "brightness": ("brightness", 100 / 255, "%"),
            "volume": ("volume_level", 100.0, "%"),
            "position": ("current_position", 1.0, "%"),
            "speed": ("percentage", 1.0, "%"),
        }.get(attribute, ("", 1.0, ""))
        value = state.attributes.get(name)
        if value is None and entity.domain == "weather":
            value = state.attributes.get(attribute)
        return (
            f"{round(float(value) * factor, 1):g} {unit}" if isinstance(value, int | float) else ""
        )

    def _is(self, entity: Entity, asked: str) -> bool:
        state = self._house.states.get(entity.id)
        if state is None:
            return False
        if asked == "on" and entity.domain in ("media_player", "climate", "humidifier"):
            return state.state not in ("off", "unavailable", "unknown", "standby")
        if entity.domain == "binary_sensor":
            asked = {"open": "on", "closed": "off", "motion": "on", "wet": "on"}.get(asked, asked)
        return state.state == asked

    def _state(self, entity: Entity) -> _State:
        return _State(entity, self._house, self.state_text(entity))

    def _translate(self, entity: Entity, state: str) -> str:
        base = f"component.{entity.domain}.entity_component"
        for kind in (entity.device_class, "_"):
            if kind and (text := self._translations.get(f"{base}.{kind}.state.{state}")):
                return text.lower()
        return state.replace("_", " ")

    def _no_answer(self, done: Done) -> str:
        if done.target is None:
            return self.error("handle_error")
        return self.phrase("no_answer", names=self._name(done.target))

    def _name(self, target: Target) -> str:
        if isinstance(target, Entity):
            area = self._house.area_of(target)
            alike = sum(e.name == target.name for e in self._house.entities.values())
            return f"{target.name} ({area.name})" if area and alike > 1 else target.name
        names = [member.name for member in target.members(self._house)]
        return listing(names[:_LISTED], self.language, "and")

    def _respond(self, intent: str, key: str, **values: Any) -> str:
        template = self._templates.intents.get(intent, {}).get(key, "")
        return self._render(template, **values)

    def _render(self, template: str, **values: Any) -> str:
        def state_attr(entity_id: str, name: str) -> Any:
            state = self._house.states.get(entity_id)
            return state.attributes.get(name) if state else None

        try:
            text = _compiled(template).render(state_attr=state_attr, **{"slots": {}, **values})
        except (TemplateError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            return ""
        return " ".join(text.split())


@lru_cache(1024)
def _compiled(template: str) -> Template:
    """Return a template of the intents package, ready to be rendered. Raises TemplateError."""
    return _ENVIRONMENT.from_string(template)


def _shape(done: Done) -> tuple[str, str]:
    """Return the domain of a target and how it was named, as the sentences are sorted by."""
    target = done.target
    if isinstance(target, Entity):
        return target.domain, "name"
    if isinstance(target, Group):
        if target.device_class:
            return target.domain, "device_class"
        place = "area" if target.area_id else "floor" if target.floor_id else "all"
        return target.domain, place
    return "", "default"


def _closed(sentence: str) -> str:
    sentence = sentence.strip()
    return sentence if sentence[-1:] in ".?!:" else f"{sentence}."
