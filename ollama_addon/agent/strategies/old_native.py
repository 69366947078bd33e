"""The native strategy: the model's own tool calls.

The tools are Home Assistant's intents by name, few and flat, with only the slots that this
house has a use for. A model calls them as it was trained to; what it calls is repaired like
any other proposal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.replies.replies import Done
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.vocabulary import (
    COLORS,
    FIELD,
    TARGETLESS,
    Action,
    Choice,
    Duration,
    Number,
    Text,
    Value,
    field_values,
    value_of,
    verbs_for,
)

ROUNDS = 3
"""Times that the model is asked in one turn at most."""
LARGE = 7_000_000_000
"""Models with at least so many weights, and trained for tools, call them reliably."""

_SCRIPTS = 12
"""Scripts with fields that get a tool of their own at most."""
_PLACES = 40
"""Areas that are listed in a tool at most; a larger house has them in the prompt only."""

_DESCRIPTIONS = {
    "HassTurnOn": "Turn on, open, lock, press, activate or run",
    "HassTurnOff": "Turn off, close or unlock",
    "HassGetState": "Get the live state of things that were not shown",
    "HassLightSet": "Set lights",
    "HassStartTimer": "Start a timer",
    "HassBroadcast": "Announce a message in the whole home",
}


Call = tuple[str, dict[str, Any]]
"""The name of a tool, and its arguments."""


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


def tools_for(house: House, *, has_satellite: bool) -> Tools:
    """Return the tools for what is exposed; the same house has byte for byte the same."""
    slots: dict[str, dict[str, dict[str, Any]]] = {}
    fixed: dict[str, dict[str, set[Any]]] = {}
    domains: dict[str, set[str]] = {}
    grouped: set[str] = set()
    for entity in sorted(house.entities.values(), key=lambda each: each.id):
        for verb in verbs_for(entity):
            value = value_of(verb, entity, house)
            if (verb.value is not None and value is None) or verb.intent == "script.turn_on":
                continue
            own = slots.setdefault(verb.intent, {})
            if value is not None:
                _widen(own, value)
            for slot, always in verb.slots.items():
                fixed.setdefault(verb.intent, {}).setdefault(slot, set()).add(always)
            domains.setdefault(verb.intent, set()).add(entity.domain)
            if verb.group:
                grouped.add(verb.intent)
    schemas = []
    intents: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for intent in sorted(slots):
        parameters = {
            "name": {"type": "string", "description": "Name of one thing"},
            **(_place_slots(house, domains[intent]) if intent in grouped else {}),
            **slots[intent],
            **{
                slot: _enum(sorted(options, key=str))
                for slot, options in fixed.get(intent, {}).items()
                if slot != "step"
            },
        }
        if "step" in fixed.get(intent, {}):
            parameters["step"] = {"type": "number", "description": "Degrees warmer, or cooler (-)"}
        name = intent.replace(".", "_")
        intents[name] = (intent, {})
        schemas.append(_tool(name, _described(intent), parameters))
    for verb in TARGETLESS:
        if "timer" in verb.domains and not has_satellite:
            continue
        parameters = {unit: {"type": "integer"} for unit in ("hours", "minutes", "seconds")}
        if not isinstance(value_of(verb, None, house), Duration):
            parameters = {}
        if isinstance(value_of(verb, None, house), Text):
            parameters = {"message": {"type": "string"}}
        intents[verb.intent] = (verb.intent, {})
        schemas.append(_tool(verb.intent, _described(verb.intent), parameters))
    for entity in _scripts(house):
        name = f"script_{entity.id.partition('.')[2]}"
        parameters = {field: _schema(value) for field, value in field_values(entity).items()}
        intents[name] = ("script.turn_on", {"name": entity.id})
        schemas.append(_tool(name, f"Run {entity.name}", parameters))
    return Tools(tuple(schemas), intents)


def called(chunks: Iterable[Mapping[str, Any]]) -> list[Call]:
    """Return the calls in Ollama's `message.tool_calls`, names and arguments."""
    found = []
    for call in chunks:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            continue
        arguments = function.get("arguments") or {}
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except ValueError:
                arguments = {}
        if isinstance(arguments, Mapping):
            found.append((str(function.get("name") or ""), dict(arguments)))
    return found


def asked(calls: Sequence[Call], content: str) -> dict[str, Any]:
    """Return the assistant's message that made calls, as the model is shown it again."""
    return {
        "role": "assistant",
        "content": content,
        "tool_calls": [
            {"function": {"name": name, "arguments": dict(arguments)}} for name, arguments in calls
        ],
    }


def told(name: str, result: str) -> dict[str, Any]:
    """Return the message that tells the model what became of a call."""
    return {"role": "tool", "tool_name": name, "content": result}


def outcome(item: Repaired, done: Done, answer: str) -> str:
    """Return what the model is told of a call: done, what was read, or a reason that helps."""
    if item.verdict is Verdict.REFUSED or not done.ok:
        return json.dumps({"error": done.reason or "It did not respond."}, ensure_ascii=False)
    return json.dumps({"result": answer} if answer else {"success": True}, ensure_ascii=False)


def _widen(own: dict[str, dict[str, Any]], value: Value) -> None:
    """Let a slot take what one more entity takes."""
    if isinstance(value, Duration):
        return
    schema = _schema(value)
    before = own.get(value.slot)
    if before is None:
        own[value.slot] = schema
    elif "enum" in before and "enum" in schema:
        own[value.slot] = _enum(list(dict.fromkeys([*before["enum"], *schema["enum"]])))


def _schema(value: Value) -> dict[str, Any]:
    match value:
        case Number(high=100, low=0 | 1):
            return {"type": "integer", "description": "Percent"}
        case Number(step=step):
            return {"type": "integer" if float(step).is_integer() else "number"}
        case Choice(slot="color"):
            return {"type": "string", "description": f"A color, such as {', '.join(COLORS[2:6])}"}
        case Choice(options=options):
            return _enum(list(options))
    return {"type": "string"}


def _enum(options: list[Any]) -> dict[str, Any]:
    kind = "string" if all(isinstance(option, str) for option in options) else "number"
    return {"type": kind, "enum": options}


def _place_slots(house: House, domains: set[str]) -> dict[str, Any]:
    areas = sorted({area.name for area in house.areas.values()})
    floors = sorted({floor.name for floor in house.floors.values()})
    found: dict[str, Any] = {}
    if areas:
        found["area"] = _enum(areas) if len(areas) <= _PLACES else {"type": "string"}
    if floors:
        found["floor"] = _enum(floors) if len(floors) <= _PLACES else {"type": "string"}
    if len(domains) > 1:
        found["domain"] = _enum(sorted(domains))
    return found


def _scripts(house: House) -> list[Entity]:
    scripts = [
        entity
        for entity in house.entities.values()
        if entity.domain == "script" and field_values(entity)
    ]
    return sorted(scripts, key=lambda entity: entity.id)[:_SCRIPTS]


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
