"""The tools of a house, for models that call tools: few, flat, and no more than fit.

They are Home Assistant's intents by name, with only the slots that this house has a use for.
Where they are too long for their share of the context window, enums go first, then the scripts'
own tools, then what is rarely said.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.verb_table import TARGETLESS, verbs_for
from ollama_addon.understanding.vocabulary import (
    COLORS,
    FIELD,
    Action,
    Choice,
    Duration,
    Number,
    Text,
    Value,
    field_values,
    value_of,
)

_SCRIPTS = 12
"""Scripts with fields that get a tool of their own at most."""
_PLACES = 40
"""Areas that are listed in a tool at most; a larger house has them in the prompt only."""
_OPTIONS = 24
"""Choices that are listed in a tool at most."""
READING = "GetLiveContext"
"""Core's name of the tool that reads states."""
_RARE = frozenset(
    "HassMediaNext HassMediaPrevious HassMediaPlayerMute HassMediaPlayerUnmute HassStopMoving "
    "HassHumidifierMode HassListCompleteItem HassListRemoveItem HassIncreaseTimer "
    "HassDecreaseTimer HassPauseTimer HassUnpauseTimer HassCancelAllTimers HassGetCurrentTime "
    "HassGetCurrentDate media_player.select_source climate.set_preset_mode climate.set_fan_mode "
    "HassVacuumCleanArea HassLawnMowerDock automation.turn_on automation.turn_off".split()
)
_DESCRIPTIONS = {
    "HassTurnOn": "Turn on, open, lock, press, activate or run",
    "HassTurnOff": "Turn off, close or unlock",
    "HassLightSet": "Set lights",
    "HassStartTimer": "Start a timer",
    "HassBroadcast": "Announce a message in the whole home",
}

Fits = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one house."""

    schemas: tuple[dict[str, Any], ...]
    """As `/api/chat` takes them."""
    intents: Mapping[str, tuple[str, Mapping[str, Any]]]
    """What each tool stands for: its intent (or service), and slots that are always sent."""

    @property
    def names(self) -> frozenset[str]:
        """The tools' names."""
        return frozenset(self.intents)

    def action(self, name: str, arguments: Mapping[str, Any]) -> Action:
        """Return what a call proposes. Made valid it is by repair, not here."""
        intent, fixed = self.intents.get(name, (name, {}))
        slots = {str(key): value for key, value in arguments.items() if value not in (None, "")}
        if intent == "script.turn_on":
            slots = {f"{FIELD}{key}": value for key, value in slots.items()}
        return Action(intent, {**slots, **fixed})


def tools_for(house: House, *, has_satellite: bool, fits: Fits = lambda text: True) -> Tools:
    """Return the tools for what is exposed; the same house has byte for byte the same.

    `fits` tells whether their text is short enough.
    """
    steps: tuple[tuple[bool, int, Collection[str]], ...] = (
        (True, _SCRIPTS, ()),
        (False, _SCRIPTS, ()),
        (False, 0, ()),
        (False, 0, _RARE),
    )
    made = Tools((), {})
    for enums, scripts, left_out in steps:
        made = _made(house, has_satellite, enums, scripts, left_out)
        if fits(json.dumps(made.schemas, ensure_ascii=False)):
            break
    return made


def _made(
    house: House, has_satellite: bool, enums: bool, scripts: int, left_out: Collection[str]
) -> Tools:
    schemas: list[dict[str, Any]] = []
    intents: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for intent, parameters in _acting(house, enums):
        if intent not in left_out:
            name = intent.replace(".", "_")
            intents[name] = (intent, {})
            schemas.append(_tool(name, _described(intent), parameters))
    for intent, parameters in _targetless(house, has_satellite):
        if intent not in left_out:
            intents[intent] = (intent, {})
            schemas.append(_tool(intent, _described(intent), parameters))
    for entity in _scripts(house)[:scripts]:
        name = f"script_{entity.id.partition('.')[2]}"
        fields = {field: _schema(value, enums) for field, value in field_values(entity).items()}
        intents[name] = ("script.turn_on", {"name": entity.id})
        schemas.append(_tool(name, f"Run {entity.name}", fields))
    places = {slot: {"type": "string"} for slot in ("name", "area", "domain")}
    intents[READING] = ("HassGetState", {})
    schemas.append(_tool(READING, "Read the live states of things that were not shown", places))
    return Tools(tuple(schemas), intents)


def _acting(house: House, enums: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the intents of what is exposed, with their slots."""
    slots: dict[str, dict[str, dict[str, Any]]] = {}
    fixed: dict[str, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    domains: dict[str, set[str]] = defaultdict(set)
    grouped: set[str] = set()
    for entity in sorted(house.entities.values(), key=lambda each: each.id):
        for verb in verbs_for(entity):
            value = value_of(verb, entity, house)
            if (verb.value is not None and value is None) or verb.intent == "script.turn_on":
                continue
            if verb.intent == "HassGetState":
                continue
            own = slots.setdefault(verb.intent, {})
            if value is not None:
                _widen(own, value, enums)
            for slot, always in verb.slots.items():
                fixed[verb.intent][slot].add(always)
            domains[verb.intent].add(entity.domain)
            if verb.group:
                grouped.add(verb.intent)
    for intent in sorted(slots):
        parameters: dict[str, Any] = {"name": {"type": "string"}}
        if intent in grouped:
            parameters |= _place_slots(house, domains[intent], enums)
        parameters |= slots[intent]
        for slot, options in fixed[intent].items():
            parameters[slot] = _enum(sorted(options, key=str))
        if "step" in fixed[intent]:
            parameters["step"] = {"type": "number", "description": "Degrees warmer, or cooler (-)"}
        yield intent, parameters


def _targetless(house: House, has_satellite: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for verb in TARGETLESS:
        if "timer" in verb.domains and not has_satellite:
            continue
        value = value_of(verb, None, house)
        parameters: dict[str, Any] = {}
        if isinstance(value, Duration):
            parameters = {unit: {"type": "integer"} for unit in ("hours", "minutes", "seconds")}
        elif isinstance(value, Text):
            parameters = {"message": {"type": "string"}}
        yield verb.intent, parameters


def _widen(own: dict[str, dict[str, Any]], value: Value, enums: bool) -> None:
    """Let a slot take what one more entity takes."""
    if isinstance(value, Duration):
        return
    schema = _schema(value, enums)
    before = own.get(value.slot)
    if before is None:
        own[value.slot] = schema
    elif "enum" in before and "enum" in schema:
        own[value.slot] = _enum(list(dict.fromkeys([*before["enum"], *schema["enum"]])))


def _schema(value: Value, enums: bool) -> dict[str, Any]:
    match value:
        case Number(high=100, low=0 | 1):
            return {"type": "integer", "description": "Percent"}
        case Number(step=step):
            return {"type": "integer" if float(step).is_integer() else "number"}
        case Choice(slot="color"):
            return {"type": "string", "description": f"A color, such as {', '.join(COLORS[2:6])}"}
        case Choice(options=options) if enums and len(options) <= _OPTIONS:
            return _enum(list(options))
    return {"type": "string"}


def _enum(options: list[Any]) -> dict[str, Any]:
    kind = "string" if all(isinstance(option, str) for option in options) else "number"
    return {"type": kind, "enum": options}


def _place_slots(house: House, domains: set[str], enums: bool) -> dict[str, Any]:
    areas = sorted({area.name for area in house.areas.values()})
    floors = sorted({floor.name for floor in house.floors.values()})
    found: dict[str, Any] = {}
    if areas:
        found["area"] = _enum(areas) if enums and len(areas) <= _PLACES else {"type": "string"}
    if floors:
        found["floor"] = _enum(floors) if enums and len(floors) <= _PLACES else {"type": "string"}
    if len(domains) > 1:
        found["domain"] = _enum(sorted(domains))
    return found


def _scripts(house: House) -> list[Entity]:
    scripts = [
        entity
        for entity in house.entities.values()
        if entity.domain == "script" and field_values(entity)
    ]
    return sorted(scripts, key=lambda entity: entity.id)


def _described(intent: str) -> str:
    """Return a few words about an intent: its own name taken apart, where none are better."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", intent.removeprefix("Hass"))
    return _DESCRIPTIONS.get(intent, plain.replace(".", " ").replace("_", " ").capitalize())


def _tool(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {"type": "object", "properties": dict(parameters), "required": []},
        },
    }
