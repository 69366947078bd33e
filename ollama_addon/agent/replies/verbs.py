"""What an action is called: the key of its verb among the texts, and the value that it sets."""

from __future__ import annotations

from collections.abc import Mapping

from ollama_addon.agent.actions.opposites import target_of
from ollama_addon.agent.replies.formats import Formats
from ollama_addon.home.model import House
from ollama_addon.understanding.lexicon import lexicon, nearest
from ollama_addon.understanding.vocabulary import FIELD, TIMER_VALUES, Action

_OPENED = frozenset({"cover", "valve"})
_ON = {"scene": "activate", "script": "run", "button": "press", "input_button": "press"}
_KEYS = {
    "HassStopMoving": "stop",
    "HassMediaPause": "pause",
    "HassMediaUnpause": "play",
    "HassMediaNext": "next",
    "HassMediaPrevious": "previous",
    "HassMediaPlayerMute": "mute",
    "HassMediaPlayerUnmute": "unmute",
    "HassMediaSearchAndPlay": "search",
    "HassVacuumStart": "start",
    "HassVacuumCleanArea": "start",
    "HassLawnMowerStartMowing": "start",
    "HassVacuumReturnToBase": "dock",
    "HassLawnMowerDock": "dock",
    "HassListAddItem": "add",
    "HassListRemoveItem": "remove",
    "HassListCompleteItem": "complete",
    "HassBroadcast": "announce",
    "HassGetState": "tell",
    "HassGetWeather": "tell",
    "todo.get_items": "tell",
    "calendar.get_events": "tell",
    "script.turn_on": "run",
    "vacuum.stop": "stop",
    "vacuum.pause": "pause",
    "vacuum.locate": "locate",
    "lawn_mower.pause": "pause",
    "alarm_control_panel.alarm_arm_away": "arm",
    "alarm_control_panel.alarm_arm_home": "arm",
    "alarm_control_panel.alarm_disarm": "disarm",
    "automation.turn_on": "on",
    "automation.turn_off": "off",
}
_STEPS = {"brightness_step_pct": ("brighter", "dimmer"), "step": ("warmer", "cooler")}
_PERCENT = frozenset({"brightness", "position", "percentage", "humidity", "volume_level"})
_TARGETS = frozenset({"name", "area", "floor", "domain", "device_class"})
_TEXTS = ("item", "message", "search_query")


def verb_of(action: Action, house: House) -> str:
    """Return the key of what an action does, such as `on`, `open` or `set`."""
    target = target_of(action, house)
    domain = target.domain if target else str(action.slots.get("name", "")).partition(".")[0]
    intent, slots = action.intent, action.slots
    if intent in TIMER_VALUES or "Timer" in intent:
        return "timer"
    if intent in ("HassTurnOn", "HassTurnOff"):
        on = intent == "HassTurnOn"
        if domain in _OPENED:
            return "open" if on else "close"
        if domain == "lock":
            return "lock" if on else "unlock"
        return _ON.get(domain, "on") if on else "off"
    for slot, (more, less) in _STEPS.items():
        if isinstance(step := slots.get(slot), int | float):
            return more if step > 0 else less
    if (step := slots.get("volume_step")) is not None:
        up = step == "up" or (isinstance(step, int | float) and step > 0)
        return "louder" if up else "quieter"
    if intent == "HassBroadcast" and not slots.get("message"):
        return "notify"
    if intent in _KEYS:
        return _KEYS[intent]
    valued = any(slot not in _TARGETS and not slot.startswith(FIELD) for slot in slots)
    return "set" if valued else "other"


def value_of(
    action: Action,
    house: House,
    formats: Formats,
    language: str,
    translations: Mapping[str, str],
) -> str:
    """Return the value that an action sets or carries, as it is said: `40 %`, `21 °C`, `red`."""
    for slot in _TEXTS:
        if text := action.slots.get(slot):
            return str(text)
    parts = []
    for slot, value in action.slots.items():
        if slot in _TARGETS or slot.startswith(FIELD) or isinstance(value, list | tuple):
            continue
        if slot == "temperature":
            kelvin = isinstance(value, int | float) and value > 1000
            parts.append(formats.measured(value, "K" if kelvin else house.temperature_unit))
        elif slot in _PERCENT:
            parts.append(formats.measured(value, "%"))
        elif slot == "color":
            parts.append(_color(language, str(value)))
        elif slot == "hvac_mode":
            key = f"component.climate.entity_component._.state.{value}"
            parts.append(translations.get(key, str(value).replace("_", " ")).lower())
        else:
            parts.append(formats.measured(value))
    return ", ".join(parts)


def _color(language: str, color: str) -> str:
    """Return the first word that a language has for a color."""
    tag = nearest(language)
    listed = lexicon(tag).listed(f"colors.{color}") if tag is not None else ()
    return listed[0] if listed else color
