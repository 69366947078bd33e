"""Replies in languages without texts of ours: the responses of `home-assistant-intents`."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.replies.states import States
from ollama_addon.agent.replies.templates import templates_of
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Question
from ollama_addon.understanding.vocabulary import Group

_ENVIRONMENT = ImmutableSandboxedEnvironment(autoescape=False)
_ALIKE = {
    "light.turn_on": "HassLightSet",
    "water_heater.set_temperature": "HassClimateSetTemperature",
    "climate.set_fan_mode": "HassClimateSetFanMode",
}
_QUESTIONS = {"state": "one_yesno", "any": "any", "all": "all", "which": "which"}


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


class Foreign:
    """Sentences of Home Assistant in one language; empty where it has none."""

    def __init__(self, language: str, house: House, states: States) -> None:
        self._templates = templates_of(language)
        self._house = house
        self._states = states

    def not_understood(self) -> str:
        """Return that a sentence was not understood."""
        return _closed(self._render(self._templates.errors.get("no_intent", "")))

    def confirmation(self, done: Done) -> str:
        """Return what was done."""
        intent = _ALIKE.get(done.action.intent, done.action.intent)
        keys = self._templates.intents.get(intent, {})
        # As text: the templates compare and join words.
        slots: dict[str, Any] = {k: _text(v) for k, v in done.action.slots.items()}
        if intent == "HassLightSet":
            key = next((k for k in ("color", "temperature") if k in slots), "brightness")
        else:
            key = self._templates.key(intent, *_shape(done))
        if key not in keys:
            key = "default" if "default" in keys else next(iter(keys), "")
        target = done.target
        entity = target if isinstance(target, Entity) else None
        if isinstance(target, Group):
            entity = next(iter(target.members(self._house)), None)
            # The texts have "the light" for one and their own for many.
            if key == "default" and target.domain == "cover":
                key = "cover"
        if entity is not None and "name" in slots:
            slots["name"] = entity.name
        if area := self._house.areas.get(str(slots.get("area"))):
            slots["area"] = area.name
        slots.setdefault("media", True)
        slots = {"canceled": 1, **slots, **done.data}
        state = self._state(entity) if entity is not None else None
        return _closed(self._respond(intent, key, state=state, slots=slots))

    def answer(self, question: Question, now: datetime) -> str:
        """Return the answer to a question about the house."""
        entities = question.entities
        match question.kind:
            case "time":
                return _closed(self._respond("HassGetCurrentTime", slots={"time": now.time()}))
            case "date":
                day = (now + timedelta(days=question.days)).date()
                return _closed(self._respond("HassGetCurrentDate", slots={"date": day}))
            case "weather" if entities:
                return _closed(self._respond("HassGetWeather", state=self._state(entities[0])))
        if question.state and question.kind in _QUESTIONS and entities:
            return self._stated(question)
        return " ".join(self.state(each) for each in entities[:8])

    def state(self, entity: Entity) -> str:
        """Return the state of one thing."""
        state = self._state(entity)
        return _closed(
            self._respond("HassGetState", "one", state=state, slots={"name": state.name})
        )

    def _stated(self, question: Question) -> str:
        matched: list[_State] = []
        unmatched: list[_State] = []
        for entity in question.entities:
            fits = self._states.is_in(entity, question.state) is not question.negated
            (matched if fits else unmatched).append(self._state(entity))
        first = (matched or unmatched)[0]
        return _closed(
            self._respond(
                "HassGetState",
                _QUESTIONS[question.kind],
                state=first,
                slots={"name": first.name, "state": question.state},
                query={"matched": matched, "unmatched": unmatched},
            )
        )

    def _state(self, entity: Entity) -> _State:
        return _State(entity, self._house, self._states.text(entity))

    def _respond(self, intent: str, key: str = "default", **values: Any) -> str:
        return self._render(self._templates.intents.get(intent, {}).get(key, ""), **values)

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


def _text(value: object) -> object:
    """Return a number as the text that a sentence would have held."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return f"{value:g}"


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
    return sentence if not sentence or sentence[-1] in ".?!:。？！" else f"{sentence}."
