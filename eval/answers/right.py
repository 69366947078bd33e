"""The actions that a capable model would answer a sentence with, made from what has to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eval.cases import Case, Outcome
from eval.home import Home
from ollama_addon.home.model import House
from ollama_addon.understanding.vocabulary import COLORS, Action

_STATES: Mapping[str, str] = {
    "on": "HassTurnOn",
    "off": "HassTurnOff",
    "open": "HassTurnOn",
    "closed": "HassTurnOff",
    "locked": "HassTurnOn",
    "unlocked": "HassTurnOff",
    "paused": "HassMediaPause",
    "playing": "HassMediaUnpause",
    "cleaning": "HassVacuumStart",
    "returning": "HassVacuumReturnToBase",
    "mowing": "HassLawnMowerStartMowing",
    "activated": "HassTurnOn",
    "pressed": "HassTurnOn",
    "ran": "HassTurnOn",
}
_VALUES: Mapping[str, tuple[str, str, float]] = {
    "brightness_pct": ("HassLightSet", "brightness", 1),
    "color": ("HassLightSet", "color", 1),
    "color_temp_kelvin": ("HassLightSet", "temperature", 1),
    "temperature": ("HassClimateSetTemperature", "temperature", 1),
    "current_position": ("HassSetPosition", "position", 1),
    "percentage": ("HassFanSetSpeed", "percentage", 1),
    "volume_level": ("HassSetVolume", "volume_level", 100),
    "humidity": ("HassHumidifierSetpoint", "humidity", 1),
    "source": ("media_player.select_source", "source", 1),
}
"""What a value is set by: its intent, its slot, and what it is multiplied with there."""
_LISTS = {
    "added": "HassListAddItem",
    "completed": "HassListCompleteItem",
    "removed": "HassListRemoveItem",
}


def right_actions(case: Case, home: Home, house: House) -> list[Action]:
    """Return what is right for a case; empty where that cannot be told from its outcome.

    What is common to all of a kind in a place is one action for the kind.
    """
    outcome = case.outcomes[0]
    found: list[Action] = []
    for selector, wanted in outcome.change.items():
        kind, _, place = selector.partition("@")
        targets = [each for each in home.select(selector) if each in house.entities]
        if not targets:
            return []
        for entity_id in targets:
            actions = list(_for_entity(entity_id, wanted))
            if not actions:
                return []
            found += actions
        if "." not in kind and len(targets) > 1:
            first = list(_for_entity(targets[0], wanted))
            found = found[: -len(targets) * len(first)]
            found += [_grouped(each, kind, place, house) for each in first]
    return found + list(_timers(outcome))


def _for_entity(entity_id: str, wanted: Any) -> Iterator[Action]:
    name = {"name": entity_id}
    if isinstance(wanted, str):
        domain = entity_id.partition(".")[0]
        if wanted in _STATES:
            yield Action(_STATES[wanted], name)
        elif domain == "climate":
            yield Action("climate.set_hvac_mode", {**name, "hvac_mode": wanted})
        return
    if not isinstance(wanted, Mapping):
        return
    slots: dict[str, dict[str, Any]] = {}
    for key, value in wanted.items():
        if key in _LISTS:
            for item in value:
                yield Action(_LISTS[key], {**name, "item": item.partition("|")[0]})
            continue
        if key == "is_volume_muted":
            yield Action("HassMediaPlayerMute" if value else "HassMediaPlayerUnmute", name)
            continue
        if key not in _VALUES:
            continue
        intent, slot, factor = _VALUES[key]
        if isinstance(value, list):
            if not all(isinstance(each, int | float) for each in value):
                continue
            value = sum(value) / len(value)
        if slot == "color" and value not in COLORS:
            continue
        if isinstance(value, int | float):
            value = round(value * factor, 1)
        slots.setdefault(intent, {})[slot] = value
    for intent, given in slots.items():
        yield Action(intent, {**name, **given})


def _grouped(action: Action, domain: str, place: str, house: House) -> Action:
    slots = {slot: value for slot, value in action.slots.items() if slot != "name"}
    slots["domain"] = domain
    if place in house.areas:
        slots["area"] = place
    elif place:
        slots["floor"] = place
    return Action(action.intent, slots)


def _timers(outcome: Outcome) -> Iterator[Action]:
    for timer in outcome.timers:
        minutes, seconds = divmod(timer.seconds, 60)
        slots = {"minutes": minutes, "seconds": seconds}
        yield Action("HassStartTimer", {slot: value for slot, value in slots.items() if value})
