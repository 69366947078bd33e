"""Orders and automations in words: what will be done, and when, in the person's language.

The sentences stand in `texts/`, a file for each spoken language; times, dates and lengths of
time are written by CLDR's rules (Babel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton, format_time, format_timedelta

from ollama_addon.agent.actions.opposites import members_of, target_of
from ollama_addon.home.model import House
from ollama_addon.understanding.vocabulary import FIELD, TIMER_VALUES, Action

_TEXTS = Path(__file__).parent / "texts"
LANGUAGES = tuple(sorted(path.stem for path in _TEXTS.glob("*.yaml")))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Many times faster where PyYAML was built with it: the first order of a language waits for it."""
_NAMED = 4
"""Names that are said of a group; of larger ones, how many more there are."""
_SOON = 120.0
"""Seconds up to which a length of time is said and not a time of day."""
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
    "alarm_control_panel.alarm_arm_away": "arm",
    "alarm_control_panel.alarm_arm_home": "arm",
    "alarm_control_panel.alarm_disarm": "disarm",
    "automation.turn_on": "on",
    "automation.turn_off": "off",
}
_STEPS = {"brightness_step_pct": ("brighter", "dimmer"), "step": ("warmer", "cooler")}
_UNITS = {
    "brightness": " %",
    "position": " %",
    "percentage": " %",
    "humidity": " %",
    "volume_level": " %",
}
_TARGETS = frozenset({"name", "area", "floor", "domain", "device_class"})


class Words:
    """What is said of orders in one language; `country` decides how times are written."""

    def __init__(self, language: str, country: str = "") -> None:
        self.language = language
        self._texts = _texts(language)
        self._locale = _locale(language, country)

    def text(self, key: str, **values: object) -> str:
        """Return one of the sentences; parts of `key` are divided by dots."""
        found: Any = self._texts
        for part in key.split("."):
            found = found[part]
        return str(found).format(**values)

    @property
    def spaced(self) -> bool:
        """Whether the language puts spaces between words."""
        return bool(self._texts["space"])

    def weekday(self, day: int) -> str:
        """Return the name of a day of the week; 0 is Monday."""
        return str(self._texts["automations"]["days"][day])

    def listing(self, parts: Sequence[str]) -> str:
        """Return words as people list them: `A, B and C`."""
        comma = ", " if self.spaced else "、"
        last = self._texts["and"]
        return last.join(filter(None, (comma.join(parts[:-1]), parts[-1]))) if parts else ""

    # Times

    def time(self, moment: datetime) -> str:
        """Return a time of day: `21:40`, `9:40 PM`."""
        return format_time(moment, "short", locale=self._locale).replace("\u202f", " ")

    def when(self, moment: datetime, now: datetime) -> str:
        """Return when something will be, as seen from now: `tomorrow at 7:00`."""
        ahead = moment.timestamp() - now.timestamp()
        if 0 < ahead < _SOON:
            return self.text("times.delay", duration=self.duration(ahead))
        days = (moment.date() - now.date()).days
        time = self.time(moment)
        if days == 0:
            return self.text("times.today", time=time)
        if days == 1:
            return self.text("times.tomorrow", time=time)
        if 1 < days < 7:
            weekday = self._texts["weekdays"][moment.weekday()]
            return self.text("times.weekday", weekday=weekday, time=time)
        return self.text("times.date", date=self.date(moment, now), time=time)

    def date(self, moment: datetime, now: datetime) -> str:
        """Return a date; with the year where that is not clear."""
        skeleton = "MMMMd" if (moment.date() - now.date()).days in range(300) else "yMMMMd"
        return str(format_skeleton(skeleton, moment, locale=self._locale))

    def duration(self, seconds: float) -> str:
        """Return a length of time: `1 hour and 30 minutes`."""
        left = max(1, round(seconds))
        parts = []
        for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
            number, left = divmod(left, size)
            if number:
                length = timedelta(seconds=number * size)
                parts.append(
                    format_timedelta(length, unit, threshold=1e9, locale=self._locale)  # type: ignore[arg-type]
                )
        return self.listing([part.replace("\u202f", " ").replace("\xa0", " ") for part in parts])

    # Actions

    def actions(self, actions: Sequence[Action], house: House) -> str:
        """Return what actions do: `turn off TV and turn on Desk lamp`."""
        return self.listing([self.action(action, house) for action in actions])

    def action(self, action: Action, house: House) -> str:
        """Return what an action does: `turn off TV`, `set Thermostat to 21 °C`."""
        key = _key(action, house)
        names = self.names(action, house)
        if key == "set":
            return self.text("actions.set", names=names, value=_value(action, house))
        if key in ("add", "remove", "complete", "announce"):
            value = action.slots.get("item") or action.slots.get("message") or ""
            return self.text(f"actions.{key}", names=names, value=value)
        return self.text(f"actions.{key}", names=names)

    def names(self, action: Action, house: House) -> str:
        """Return what an action is about, by name."""
        members = members_of(action, house)
        names = []
        for member in members:
            area = house.area_of(member)
            alike = sum(other.name == member.name for other in house.entities.values())
            names.append(f"{member.name} ({area.name})" if area and alike > 1 else member.name)
        if not names:
            # Not exposed any more: what it is known by still tells a person which it was.
            return str(action.slots.get("name") or action.slots.get("domain") or "")
        more = len(names) - _NAMED
        return self.listing(names if more < 2 else [*names[:_NAMED], f"+{more}"])


@cache
def words_for(language: str, country: str = "") -> Words:
    """Return the words of a language; English where there is no file for it."""
    base = language.replace("_", "-").partition("-")[0].casefold()
    base = {"no": "nb"}.get(base, base)
    return Words(base if base in LANGUAGES else "en", country.upper())


@cache
def _texts(language: str) -> Mapping[str, Any]:
    text = (_TEXTS / f"{language}.yaml").read_text("utf-8")
    texts: Mapping[str, Any] = yaml.load(text, _LOADER)
    return texts


def _locale(language: str, country: str) -> Locale:
    for tag in (f"{language}_{country}", "en_GB" if language == "en" else language):
        try:
            return Locale.parse(tag)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en_GB")


def _key(action: Action, house: House) -> str:
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
    return "set" if _value(action, house) else "other"


def _value(action: Action, house: House) -> str:
    parts = []
    for slot, value in action.slots.items():
        if slot in _TARGETS or slot.startswith(FIELD):
            continue
        if isinstance(value, list | tuple):
            continue
        text = f"{value:g}" if isinstance(value, int | float) else str(value)
        if slot == "temperature":
            kelvin = isinstance(value, int | float) and value > 1000
            text += " K" if kelvin else f" {house.temperature_unit}"
        parts.append(text + _UNITS.get(slot, ""))
    return ", ".join(parts)
