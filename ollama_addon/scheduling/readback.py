"""An automation read back to the person: when it runs and what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ollama_addon.home.model import Entity, House
from ollama_addon.scheduling.automation import days_of
from ollama_addon.scheduling.moments import PART_SPANS, MomentError, Place, hours, next_time
from ollama_addon.scheduling.triggers import state_of
from ollama_addon.scheduling.words import Words
from ollama_addon.understanding.interpretation import Moment, Repeat, Trigger, When
from ollama_addon.understanding.vocabulary import Action

_WORKDAYS = (0, 1, 2, 3, 4)
_WEEKEND = (5, 6)


class ReadBack:
    """Says automations in one language; `states` are Home Assistant's names of states."""

    def __init__(
        self, words: Words, house: House, now: datetime, states: Mapping[str, str]
    ) -> None:
        self._words = words
        self._house = house
        self._now = now
        self._states = states

    def when(self, when: When, *, once: bool) -> str:
        """Return when an automation runs: `every day at 07:00, if Ann is home`."""
        parts = []
        if when.every is not None:
            parts.append(self._repeat(when.every, when.at))
        elif when.at is not None:
            parts.append(self._moment(when.at))
        alone = not parts and all(each.condition for each in when.triggers)
        parts += [self._trigger(each, event=alone or not each.condition) for each in when.triggers]
        text = (", " if self._words.spaced else "，").join(filter(None, parts))
        if once:
            text = self._words.text("automations.once", when=text)
        return text[:1].upper() + text[1:]

    def what(self, actions: Sequence[Action], undoing: Sequence[Action], when: When) -> str:
        """Return what an automation does: `turn on Desk lamp, 15 minutes later turn it off`."""
        said = self._words.actions(actions, self._house)
        if when.delay:
            delay = self._words.duration(when.delay)
            said = self._words.text("automations.later", duration=delay, what=said)
        if not undoing:
            return said
        then = self._words.actions(undoing, self._house)
        if when.length is not None:
            duration = self._words.duration(when.length)
            then = self._words.text("automations.later", duration=duration, what=then)
        elif when.until is not None:
            then = f"{self._time(when.until)}{self._words.text('space')}{then}"
        return f"{said}, {then}" if self._words.spaced else f"{said}，{then}"

    def happened(self, when: When) -> str:
        """Return what is told when an event has come: `Washing machine: off`."""
        said = [self._fact(each) for each in when.triggers if not each.condition]
        return self._words.listing(said)

    def _fact(self, trigger: Trigger) -> str:
        if trigger.kind == "sun":
            text = self._words.text(f"automations.{trigger.event or 'sunset'}")
            return text[:1].upper() + text[1:]
        names = self._words.listing([entity.name for entity in trigger.entities])
        if trigger.kind == "numeric":
            above = (
                [f"> {self._value(trigger, trigger.above)}"] if trigger.above is not None else []
            )
            below = (
                [f"< {self._value(trigger, trigger.below)}"] if trigger.below is not None else []
            )
            return f"{names}: {', '.join(above + below)}"
        if not trigger.to:
            return names
        return f"{names}: {self._state(trigger.entities[0], state_of(trigger))}"

    def _repeat(self, every: Repeat, at: Moment | None) -> str:
        if every.interval is not None and round(every.interval) != 86_400:
            duration = self._words.duration(every.interval)
            return self._words.text("automations.interval", duration=duration)
        days = tuple(sorted(set(days_of(every.weekdays, every.at or at))))
        if not days or len(days) == 7:
            said = self._words.text("automations.every_day")
        elif days == _WORKDAYS:
            said = self._words.text("automations.workdays")
        elif days == _WEEKEND:
            said = self._words.text("automations.weekend")
        else:
            names = [self._words.weekday(day) for day in days]
            said = self._words.text("automations.on_days", days=self._words.listing(names))
        at = every.at or at
        if at is None:
            return said
        return self._words.text("automations.repeat", days=said, time=self._time(at))

    def _time(self, at: Moment) -> str:
        """Return a time of day that comes again."""
        if at.sun:
            if not at.offset:
                return self._words.text(f"automations.{at.sun}")
            side = "before" if at.offset < 0 else "after"
            duration = self._words.duration(abs(at.offset))
            return self._words.text(f"automations.{side}_{at.sun}", duration=duration)
        hour = hours(at, another_day=True)[0] % 24
        time = self._words.time(self._now.replace(hour=hour, minute=at.minute))
        return self._words.text("times.today", time=time)

    def _moment(self, at: Moment) -> str:
        """Return a time that comes once."""
        if at.hour is None and not at.sun and at.part in PART_SPANS:
            return self._words.text(f"automations.{at.part}")
        try:
            moment = next_time(at, self._now, Place.of(self._house))
        except MomentError:
            return ""
        return self._words.when(moment, self._now)

    def _trigger(self, trigger: Trigger, *, event: bool) -> str:
        if trigger.kind == "sun":
            if event:
                return self._words.text(f"automations.{trigger.event or 'sunset'}")
            dark = "light" if trigger.event == "sunrise" else "dark"
            return self._words.text(f"automations.if_{dark}")
        names = self._words.listing([entity.name for entity in trigger.entities])
        prefix = "automations." if event else "automations.if_"
        if trigger.kind == "numeric":
            limits = [("above", trigger.above), ("below", trigger.below)]
            said = self._words.listing(
                [
                    self._words.text(f"{prefix}{key}", names=names, value=self._value(trigger, at))
                    for key, at in limits
                    if at is not None
                ]
            )
        elif not trigger.to:
            said = self._words.text("automations.changes", names=names)
        elif trigger.entities[0].domain in ("person", "device_tracker") and trigger.to in (
            "home",
            "not_home",
        ):
            key = "home" if trigger.to == "home" else "away"
            said = self._words.text(f"{prefix}{key}", names=names)
        else:
            state = self._state(trigger.entities[0], state_of(trigger))
            said = self._words.text(f"{prefix}state", names=names, state=state)
        if trigger.lasting:
            duration = self._words.duration(trigger.lasting)
            said = self._words.text("automations.lasting", when=said, duration=duration)
        return said

    def _value(self, trigger: Trigger, value: float) -> str:
        entity = trigger.entities[0]
        state = self._house.states.get(entity.id)
        unit = state.attributes.get("unit_of_measurement", "") if state else ""
        if not unit and "temperature" in trigger.attribute:
            unit = self._house.temperature_unit
        return f"{value:g} {unit}".strip()

    def _state(self, entity: Entity, state: str) -> str:
        base = f"component.{entity.domain}.entity_component"
        for kind in (entity.device_class, "_"):
            if kind and (name := self._states.get(f"{base}.{kind}.state.{state}")):
                return name.lower() if self._words.language != "de" else name
        return state.replace("_", " ")
