"""Which way an action changes a thing, in one word such as `on`, `open` or `brighter`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.lexicon import OPPOSITE
from ollama_addon.understanding.vocabulary import Action

_ON = {"lock": "lock", "cover": "open", "valve": "open"}
_OFF = {"lock": "unlock", "cover": "close", "valve": "close"}
_BY_INTENT = {
    "HassMediaPause": "pause",
    "HassMediaUnpause": "resume",
    "HassMediaPlayerMute": "mute",
    "HassMediaPlayerUnmute": "unmute",
    "HassMediaNext": "next",
    "HassMediaPrevious": "previous",
    "HassStopMoving": "stop",
    "HassVacuumReturnToBase": "dock",
    "HassLawnMowerDock": "dock",
    "HassVacuumStart": "start",
    "HassLawnMowerStartMowing": "start",
    "HassListAddItem": "add",
    "HassListRemoveItem": "remove",
    "HassListCompleteItem": "complete",
    "alarm_control_panel.alarm_arm_away": "arm",
    "alarm_control_panel.alarm_arm_home": "arm",
    "alarm_control_panel.alarm_disarm": "disarm",
    "automation.turn_on": "on",
    "automation.turn_off": "off",
}
_STEPS = {
    "brightness_step_pct": ("brighter", "dimmer"),
    "step": ("warmer", "cooler"),
    "volume_step": ("louder", "quieter"),
}
_LEVELS = {
    "brightness": ("brighter", "dimmer"),
    "temperature": ("warmer", "cooler"),
    "volume_level": ("louder", "quieter"),
    "percentage": ("up", "down"),
    "position": ("open", "close"),
}
"""Values that change a thing one way or the other, by what they were."""
_ATTRIBUTES = {
    "brightness": ("brightness", 100 / 255),
    "temperature": ("temperature", 1.0),
    "volume_level": ("volume_level", 100.0),
    "percentage": ("percentage", 1.0),
    "position": ("current_position", 1.0),
    "humidity": ("humidity", 1.0),
}
"""Where a value stands in a state, and what it is multiplied with."""
_AGAINST = {
    "brighter": {"off"},
    "warmer": {"off"},
    "louder": {"off", "mute", "pause"},
    "resume": {"off"},
    "play": {"off", "pause"},
    "start": {"off", "stop", "dock"},
    "add": {"remove", "complete"},
    "remove": {"add"},
    "complete": {"add"},
    "up": {"dimmer", "cooler", "quieter", "close", "off"},
    "down": {"brighter", "warmer", "louder", "open", "on"},
}
"""What contradicts a direction besides its own opposite."""


def direction(action: Action, entity: Entity | None, house: House) -> str:
    """Return the word for what an action does to an entity; empty where it has none."""
    slots = action.slots
    for slot, (more, less) in _STEPS.items():
        if slot in slots:
            value = slots[slot]
            return (
                less if value == "down" or (isinstance(value, int | float) and value < 0) else more
            )
    if action.intent in _BY_INTENT:
        return _BY_INTENT[action.intent]
    domain = entity.domain if entity else str(slots.get("domain") or "")
    if action.intent == "HassTurnOn":
        return _ON.get(domain, "on")
    if action.intent == "HassTurnOff":
        return _OFF.get(domain, "off")
    for slot, (more, less) in _LEVELS.items():
        value = slots.get(slot)
        if not isinstance(value, int | float):
            continue
        if slot == "position" and value in (0, 100):
            return "open" if value else "close"
        if slot in ("brightness", "percentage") and value == 0:
            return "off"
        if slot == "temperature" and domain == "light":
            return ""  # The color of white.
        before = level(slot, entity, house)
        if before is None or before == value:
            return ""
        return more if value > before else less
    return ""


def contradicts(done: str, said: str) -> bool:
    """Tell whether one direction is the contrary of another."""
    return bool(done and said) and (
        OPPOSITE.get(said) == done
        or done in _AGAINST.get(said, ())
        or said in _AGAINST.get(done, ())
    )


def level(slot: str, entity: Entity | None, house: House) -> float | None:
    """Return what a value of an entity is now, in the unit of the slot; None when unknown."""
    state = house.states.get(entity.id) if entity else None
    if state is None:
        return None
    attributes: Mapping[str, Any] = state.attributes
    name, factor = _ATTRIBUTES.get(slot, ("", 1.0))
    found = attributes.get(name)
    if isinstance(found, int | float):
        return round(found * factor, 1)
    return 0.0 if state.state == "off" and slot in ("brightness", "percentage") else None
