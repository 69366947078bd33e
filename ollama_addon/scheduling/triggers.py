"""What was said of when, as the triggers and conditions of an automation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ollama_addon.home.model import House
from ollama_addon.scheduling.moments import hours
from ollama_addon.scheduling.services import AutomationError
from ollama_addon.understanding.interpretation import Moment, Trigger

Config = dict[str, Any]
"""A part of an automation, as Home Assistant's editor writes it."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 86_400
_BINARY = {
    **dict.fromkeys(
        ("open", "opened", "wet", "motion", "detected", "home", "unlocked", "occupied", "running"),
        "on",
    ),
    **dict.fromkeys(
        ("closed", "dry", "clear", "idle", "not_home", "locked", "empty", "stopped"), "off"
    ),
}
"""The words of people for the two states of a binary sensor."""
_MANY_STATES = frozenset({"climate", "media_player", "water_heater"})
"""Domains for which "on" is any state but `off`."""


def clock(moment: Moment) -> int:
    """Return the minute of the day that a moment means whenever it comes again."""
    return hours(moment, another_day=True)[0] * 60 + moment.minute


def at_minute(minute: int) -> str:
    """Return a minute of a day as an automation writes it: `07:30:00`."""
    return f"{minute // 60 % 24:02}:{minute % 60:02}:00"


def sun_trigger(event: str, offset: float = 0) -> Config:
    """Return the trigger of a sunrise or a sunset."""
    trigger: Config = {"trigger": "sun", "event": event}
    if offset:
        sign, seconds = "-" if offset < 0 else "", round(abs(offset))
        trigger["offset"] = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return trigger


def moment_trigger(moment: Moment, shift: float = 0) -> Config:
    """Return the trigger of a time of day; `shift` is in seconds."""
    if moment.sun:
        return sun_trigger(moment.sun, moment.offset + shift)
    return {"trigger": "time", "at": at_minute(clock(moment) + round(shift / 60))}


def interval_trigger(seconds: float) -> Config:
    """Return the trigger that comes every so many seconds. Raises AutomationError.

    Home Assistant can count in steps that divide a minute, an hour or a day.
    """
    for unit, size, most in (("seconds", 1, 60), ("minutes", 60, 60), ("hours", 3600, 24)):
        steps, rest = divmod(round(seconds), size)
        if not rest and 0 < steps < most and most % steps == 0:
            return {"trigger": "time_pattern", unit: f"/{steps}"}
    if round(seconds) == _DAY:
        return {"trigger": "time_pattern", "hours": "0"}
    raise AutomationError("unclear")


def weekday_condition(weekdays: Sequence[int]) -> list[Config]:
    """Return the condition of some weekdays; none where it is every day."""
    if not weekdays or len(set(weekdays)) == 7:
        return []
    return [{"condition": "time", "weekday": [WEEKDAYS[day % 7] for day in sorted(set(weekdays))]}]


def window_condition(span: tuple[int, int]) -> Config:
    """Return the condition of a part of the day, from an hour to an hour."""
    after, before = span
    condition: Config = {"condition": "time", "after": at_minute(after * 60)}
    if before < 24:
        condition["before"] = at_minute(before * 60)
    return condition


def event_trigger(trigger: Trigger, house: House) -> Config:
    """Return the trigger of something that happens. Raises AutomationError."""
    if trigger.kind == "sun":
        return sun_trigger(trigger.event or "sunset")
    ids = _ids(trigger, house)
    found: Config
    if trigger.kind == "numeric":
        found = {"trigger": "numeric_state", "entity_id": ids, **_limits(trigger)}
    elif trigger.kind in ("state", "zone"):
        found = {"trigger": "state", "entity_id": ids, **_change(trigger, house)}
    else:
        raise AutomationError("unclear")
    if trigger.lasting:
        found["for"] = {"seconds": round(trigger.lasting)}
    return found


def condition(trigger: Trigger, house: House) -> Config:
    """Return the condition that something is so. Raises AutomationError."""
    if trigger.kind == "sun":
        below = trigger.event != "sunrise"
        state = "below_horizon" if below else "above_horizon"
        return {"condition": "state", "entity_id": "sun.sun", "state": state}
    ids = _ids(trigger, house)
    if trigger.kind == "numeric":
        return {"condition": "numeric_state", "entity_id": ids, **_limits(trigger)}
    if trigger.kind not in ("state", "zone") or not trigger.to:
        raise AutomationError("unclear")
    domain = trigger.entities[0].domain
    state = state_of(trigger)
    if _is_away(state, domain):
        # Nobody: none of them, wherever else they are.
        anybody = {"condition": "state", "entity_id": ids, "match": "any", "state": "home"}
        return {"condition": "not", "conditions": [anybody]}
    if state == "on" and domain in _MANY_STATES:
        resting = {"condition": "state", "entity_id": ids, "match": "any", "state": "off"}
        return {"condition": "not", "conditions": [resting]}
    found: Config = {"condition": "state", "entity_id": ids, "state": state}
    if trigger.lasting:
        found["for"] = {"seconds": round(trigger.lasting)}
    return found


def _ids(trigger: Trigger, house: House) -> list[str]:
    if not trigger.entities:
        raise AutomationError("unclear")
    if any(entity.id not in house.entities for entity in trigger.entities):
        raise AutomationError("not_exposed")
    return [entity.id for entity in trigger.entities]


def _limits(trigger: Trigger) -> Config:
    found: Config = {}
    if trigger.above is not None:
        found["above"] = trigger.above
    if trigger.below is not None:
        found["below"] = trigger.below
    if not found:
        raise AutomationError("unclear")
    if trigger.attribute:
        found["attribute"] = trigger.attribute
    return found


def _change(trigger: Trigger, house: House) -> Config:
    if not trigger.to:
        return {"to": None}  # any other state, and not only another attribute
    domain = trigger.entities[0].domain
    state = state_of(trigger)
    if _is_away(state, domain):
        # Who goes to a zone with a name is away as well.
        return {"from": "home", "not_to": ["unavailable", "unknown"]}
    if state == "on" and domain in _MANY_STATES:
        return {"from": "off", "not_to": ["unavailable", "unknown"]}
    return {"to": state}


def state_of(trigger: Trigger) -> str:
    """Return the state that is meant, as the entity has it: an open window's sensor is `on`."""
    sensor = trigger.entities[0].domain == "binary_sensor"
    return _BINARY.get(trigger.to, trigger.to) if sensor else trigger.to


def _is_away(state: str, domain: str) -> bool:
    return state == "not_home" and domain in ("person", "device_tracker")
