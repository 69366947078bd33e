"""What is said back, in the user's language.

Confirmations, answers about states and errors come from the response templates of
`home-assistant-intents`, so that nothing has to be asked of the model a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ollama_addon.agent.replies.phrases import listing, phrase
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.vocabulary import TARGETLESS, VERBS, Action, Group, Target
from ollama_addon.understanding.words import Words, tokens

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
        self, words: Words, house: House, translations: Mapping[str, str] | None = None
    ) -> None:
        self._words = words
        self._house = house
        self._translations = translations or {}
        self.language = words.language

    def phrase(self, key: str, **values: object) -> str:
        """Return one of the agent's own sentences."""
        return phrase(self.language, key, **values)

    def names(self, targets: Sequence[Target], last: str = "and") -> str:
        """Return the names of targets as people list them."""
        return listing([self._name(target) for target in targets], self.language, last)

    def error(self, key: str, **values: object) -> str:
        """Return an error of the intents package, such as `no_entity` with its `entity`."""
        template = self._words.responses.get("errors", {}).get(key, "")
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
                return self._answer(done.target, text)
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
        keys = self._words.responses.get("intents", {}).get(intent, {})
        slots = dict(done.action.slots)
        if intent == "HassLightSet":
            key = next((k for k in ("color", "temperature") if k in slots), "brightness")
        else:
            key = self._words.response_key(intent, *_shape(done))
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

    def _answer(self, target: Target | None, text: str) -> str:
        if isinstance(target, Entity):
            return self._answer_one(target, text)
        if isinstance(target, Group):
            return self._answer_many(target, text)
        return ""

    def _answer_one(self, entity: Entity, text: str) -> str:
        if entity.domain == "climate":
            answer = self._respond(
                "HassClimateGetTemperature", "default", state=self._state(entity), slots={}
            )
            if answer:
                return f"{_closed(answer)} {self._details(entity)}".strip()
        asked = self._asked_state(entity.domain, text)
        state = self._house.states.get(entity.id)
        if asked is not None and state is not None:
            matched = self._is(entity, asked)
            return self._respond(
                "HassGetState",
                "one_yesno",
                state=self._state(entity),
                slots={"name": entity.name, "state": asked},
                query={"matched": [self._state(entity)] if matched else [], "unmatched": []},
            )
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

    def _answer_many(self, group: Group, text: str) -> str:
        members = group.members(self._house)
        asked = self._asked_state(group.domain, text)
        if asked is None:
            return "; ".join(f"{m.name}: {self.state_text(m)}" for m in members[: _LISTED * 2])
        matched = [self._state(m) for m in members if self._is(m, asked)]
        unmatched = [self._state(m) for m in members if not self._is(m, asked)]
        said = " ".join(tokens(text))
        return self._respond(
            "HassGetState",
            self._words.question_key(said),
            state=(matched or unmatched)[0],
            slots={"name": "", "state": asked},
            query={"matched": matched, "unmatched": unmatched},
        )

    def _asked_state(self, domain: str, text: str) -> str | None:
        """Return the state that a question asks about, as Home Assistant names it."""
        said = f" {' '.join(tokens(text))} "
        lists = {
            "cover": ("cover_states",),
            "valve": ("cover_states",),
            "lock": ("lock_states",),
            "binary_sensor": ("bs_open_states", "bs_occupancy_states", "on_off_states"),
        }.get(domain, ("on_off_states",))
        found: tuple[int, str] | None = None
        for name in lists:
            for word, out in self._words.states[name].items():
                if f" {word} " in said and (found is None or len(word) > found[0]):
                    found = (len(word), str(out))
        return found[1] if found else None

    def _is(self, entity: Entity, asked: str) -> bool:
        state = self._house.states.get(entity.id)
        if state is None:
            return False
        if asked == "on" and entity.domain in ("media_player", "climate", "humidifier"):
            return state.state not in ("off", "unavailable", "unknown", "standby")
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
        template = self._words.responses.get("intents", {}).get(intent, {}).get(key, "")
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
