"""What is done when a length of time is over: the opposite of what was ordered.

What was switched on is switched off, what was opened is closed. What was switched off or closed
comes back only where it was on or open before. Only values return to what they were; what was
off before a value was set is off afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ollama_addon.home.model import Entity, House, State
from ollama_addon.understanding.vocabulary import Action, Group, Target

_RESTING = frozenset({"off", "closed", "idle", "standby", "unavailable", "unknown", "paused"})
_OFF = "HassTurnOff"
_ON = "HassTurnOn"
_PAIRS = {
    "HassMediaPause": "HassMediaUnpause",
    "HassMediaUnpause": "HassMediaPause",
    "HassMediaPlayerMute": "HassMediaPlayerUnmute",
    "HassMediaPlayerUnmute": "HassMediaPlayerMute",
    "HassVacuumStart": "HassVacuumReturnToBase",
    "HassLawnMowerStartMowing": "HassLawnMowerDock",
    "automation.turn_on": "automation.turn_off",
    "automation.turn_off": "automation.turn_on",
}
_NO_WAY_BACK = frozenset({"scene", "script", "button", "input_button"})


def target_of(action: Action, house: House) -> Target | None:
    """Return what a repaired action is about; None for what has no target or is not exposed."""
    if name := action.slots.get("name"):
        return house.entities.get(str(name))
    if domain := action.slots.get("domain"):
        return Group(
            str(domain),
            action.slots.get("area"),
            action.slots.get("floor"),
            action.slots.get("device_class"),
        )
    return None


def members_of(action: Action, house: House) -> list[Entity]:
    """Return the exposed entities that a repaired action is about."""
    target = target_of(action, house)
    if isinstance(target, Entity):
        return [target]
    return target.members(house) if target is not None else []


def opposites(actions: Sequence[Action], house: House) -> tuple[Action, ...] | None:
    """Return what undoes actions that are about to be done, as the house is now.

    Empty when nothing has to be undone; None when one of them cannot be.
    """
    found: list[Action] = []
    for action in actions:
        undoing = _opposite(action, house)
        if undoing is None:
            return None
        found += undoing
    return tuple(dict.fromkeys(reversed(found)))


def plain_opposites(actions: Sequence[Action], house: House) -> tuple[Action, ...] | None:
    """Return what undoes actions whatever the house will be like then, for an automation.

    None where one of them has no plain opposite: what a value was before is not known then.
    """
    found: list[Action] = []
    for action in actions:
        target = target_of(action, house)
        if target is None or target.domain in _NO_WAY_BACK:
            return None
        intent = {**_PAIRS, _ON: _OFF, _OFF: _ON}.get(action.intent)
        if intent is None or (target.domain == "lock" and intent == _OFF):
            return None
        found.append(Action(intent, _target_slots(action)))
    return tuple(dict.fromkeys(reversed(found)))


def _opposite(action: Action, house: House) -> list[Action] | None:
    members = members_of(action, house)
    target = target_of(action, house)
    if target is None or not members or target.domain in _NO_WAY_BACK:
        return None
    if action.intent in _PAIRS:
        return [Action(_PAIRS[action.intent], _target_slots(action))]
    if action.intent == _ON:
        if target.domain == "lock":
            return None  # it would unlock by itself
        return [Action(_OFF, _target_slots(action))]
    if action.intent == _OFF:
        if target.domain == "lock":
            return [Action(_ON, _target_slots(action))]
        active = [member for member in members if not _rests(member, house)]
        return [Action(_ON, {"name": member.id}) for member in active]
    if (back := _VALUES.get(action.intent)) is None:
        return None
    undoing: list[Action] = []
    for member in members:
        state = house.states.get(member.id, State("unknown"))
        if _rests(member, house) and member.domain in _SWITCHED:
            undoing.append(Action(_OFF, {"name": member.id}))
            continue
        restoring = back(state.attributes, state.state, action.slots)
        if restoring is None:
            return None
        intent, values = restoring
        undoing.append(Action(intent, {"name": member.id, **values}))
    return undoing


_SWITCHED = frozenset({"light", "fan", "climate", "humidifier", "media_player", "water_heater"})
"""What a value switches on where it was off."""
_TARGETS = ("name", "domain", "area", "floor", "device_class")


def _target_slots(action: Action) -> dict[str, Any]:
    return {slot: action.slots[slot] for slot in _TARGETS if action.slots.get(slot)}


def _rests(entity: Entity, house: House) -> bool:
    state = house.states.get(entity.id)
    return state is None or state.state in _RESTING


Restoring = tuple[str, dict[str, Any]] | None
_Back = Callable[[Mapping[str, Any], str, Mapping[str, Any]], Restoring]


def _light(before: Mapping[str, Any], state: str, slots: Mapping[str, Any]) -> Restoring:
    if "temperature" in slots and (kelvin := before.get("color_temp_kelvin")):
        return "HassLightSet", {"temperature": kelvin}
    if ("color" in slots or "temperature" in slots) and (rgb := before.get("rgb_color")):
        return "light.turn_on", {"rgb_color": list(rgb)}
    brightness = before.get("brightness")
    if brightness is None:
        return None
    return "HassLightSet", {"brightness": max(1, round(brightness / 2.55))}


def _attribute(intent: str, slot: str, attribute: str, factor: float = 1) -> _Back:
    def back(before: Mapping[str, Any], state: str, slots: Mapping[str, Any]) -> Restoring:
        value = before.get(attribute)
        if value is None:
            return None
        if factor != 1 and isinstance(value, int | float):
            value = round(value * factor)
        return intent, {slot: value}

    return back


def _state(intent: str, slot: str) -> _Back:
    def back(before: Mapping[str, Any], state: str, slots: Mapping[str, Any]) -> Restoring:
        if state in ("unknown", "unavailable"):
            return None
        try:
            return intent, {slot: float(state) if slot == "value" else state}
        except ValueError:
            return None

    return back


_VALUES: dict[str, _Back] = {
    "HassLightSet": _light,
    "light.turn_on": _light,
    "HassSetPosition": _attribute("HassSetPosition", "position", "current_position"),
    "HassClimateSetTemperature": _attribute(
        "HassClimateSetTemperature", "temperature", "temperature"
    ),
    "climate.set_hvac_mode": _state("climate.set_hvac_mode", "hvac_mode"),
    "climate.set_preset_mode": _attribute("climate.set_preset_mode", "preset_mode", "preset_mode"),
    "climate.set_fan_mode": _attribute("climate.set_fan_mode", "fan_mode", "fan_mode"),
    "water_heater.set_temperature": _attribute(
        "water_heater.set_temperature", "temperature", "temperature"
    ),
    "HassFanSetSpeed": _attribute("HassFanSetSpeed", "percentage", "percentage"),
    "HassHumidifierSetpoint": _attribute("HassHumidifierSetpoint", "humidity", "humidity"),
    "HassHumidifierMode": _attribute("HassHumidifierMode", "mode", "mode"),
    "HassSetVolume": _attribute("HassSetVolume", "volume_level", "volume_level", 100),
    "HassSetVolumeRelative": _attribute("HassSetVolume", "volume_level", "volume_level", 100),
    "media_player.select_source": _attribute("media_player.select_source", "source", "source"),
    "number.set_value": _state("number.set_value", "value"),
    "input_number.set_value": _state("input_number.set_value", "value"),
    "select.select_option": _state("select.select_option", "option"),
    "input_select.select_option": _state("input_select.select_option", "option"),
}
"""What brings a value back, by the intent that sets it."""
