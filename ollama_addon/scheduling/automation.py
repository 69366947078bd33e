"""An automation made of what was said: its triggers, conditions and actions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ollama_addon.home.model import House
from ollama_addon.scheduling.moments import PART_SPANS, MomentError, Place, next_time
from ollama_addon.scheduling.services import AutomationError, ServiceCall
from ollama_addon.scheduling.triggers import (
    Config,
    at_minute,
    clock,
    condition,
    event_trigger,
    interval_trigger,
    moment_trigger,
    weekday_condition,
    window_condition,
)
from ollama_addon.understanding.interpretation import Moment, Repeat, Trigger, When

ITSELF: ServiceCall = {
    "action": "automation.turn_off",
    "target": {"entity_id": "{{ this.entity_id }}"},
    "data": {"stop_actions": False},
}
"""How an automation that is to run once ends."""
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Built:
    """An automation without its name."""

    config: Config
    once: bool
    """Whether it ends after it ran."""
    expires: float | None = None
    """When it is removed although it did not run, in seconds since the epoch."""


def build(
    when: When,
    calls: Sequence[ServiceCall],
    undoing: Sequence[ServiceCall],
    *,
    once: bool,
    house: House,
    now: datetime,
) -> Built:
    """Return the automation that does `calls` whenever it was said. Raises AutomationError.

    `undoing` is done after the length of time that was said, or at its end.
    """
    builder = _Builder(when, list(calls), list(undoing), once, house, now)
    if when.every is not None:
        return builder.repeating(when.every)
    if when.at is not None:
        return builder.on_a_day(when.at)
    return builder.on_events()


class _Builder:
    def __init__(
        self,
        when: When,
        calls: list[ServiceCall],
        undoing: list[ServiceCall],
        once: bool,
        house: House,
        now: datetime,
    ) -> None:
        self._when = when
        self._calls = calls
        self._undoing = undoing
        self._once = once
        self._house = house
        self._now = now
        self._events = [each for each in when.triggers if not each.condition]
        self._conditions = [each for each in when.triggers if each.condition]

    def repeating(self, every: Repeat) -> Built:
        """Every day, on weekdays, every so many minutes."""
        at = every.at or self._when.at
        days = weekday_condition(days_of(every.weekdays, at))
        if every.interval is not None:
            return self._built([interval_trigger(every.interval)], days + self._so())
        if at is not None and not self._events:
            return self._at(at, every.weekdays, days)
        if at is None and self._events:
            return self._built(self._happenings(self._events), days + self._so())
        raise AutomationError("unclear")

    def on_a_day(self, at: Moment) -> Built:
        """Once, at a time or in a part of a day, if something is so then."""
        place = Place.of(self._house)
        if at.hour is None and not at.sun and at.part in PART_SPANS:
            return self._within(at, place)
        if self._events:
            raise AutomationError("unclear")
        try:
            moment = next_time(at, self._now, place)
        except MomentError as error:
            raise AutomationError(error.problem) from None
        self._once = True
        that_day = f"{{{{ now().date().isoformat() == '{moment.date().isoformat()}' }}}}"
        trigger = moment_trigger(replace(at, hour=moment.hour, half_day=False, part=""))
        if self._undoing and self._when.length is not None:
            self._calls += [_delay(self._when.length), *self._undoing]
        # Whether it is so is looked at once, and then it is over.
        self._calls = [{"if": self._so(), "then": self._calls}] if self._so() else self._calls
        built = self._built([trigger], [{"condition": "template", "value_template": that_day}], ())
        return replace(built, expires=moment.timestamp() + 86_400)

    def on_events(self) -> Built:
        """Whenever something happens, or comes to be so."""
        if not self._events and not self._conditions:
            raise AutomationError("unclear")
        return self._built(self._happenings(self._events or self._conditions), self._so())

    # Parts

    def _at(self, at: Moment, weekdays: Sequence[int], days: list[Config]) -> Built:
        start = moment_trigger(at)
        shift = self._shift(at)
        if shift is None or not self._undoing:
            return self._built([start], days + self._so(), ())
        # An end of its own, which comes also when Home Assistant was restarted in between.
        end = moment_trigger(at, shift)
        if self._when.until is not None:
            end = moment_trigger(self._when.until)
        later = weekday_condition(days_of(weekdays, at, shift))
        choose = [
            {
                "conditions": [{"condition": "trigger", "id": "start"}, *days, *self._so()],
                "sequence": self._calls,
            },
            {
                "conditions": [{"condition": "trigger", "id": "end"}, *later],
                "sequence": self._undoing,
            },
        ]
        config: Config = {
            "triggers": [{**start, "id": "start"}, {**end, "id": "end"}],
            "conditions": [],
            "actions": [{"choose": choose}],
            "mode": "single",
        }
        return Built(config, once=False)

    def _shift(self, at: Moment) -> float | None:
        """Return after how many seconds it is undone."""
        if self._when.length is not None:
            return self._when.length
        if (until := self._when.until) is None:
            return None
        if until.sun or at.sun:
            return 0.0
        return float((clock(until) - clock(at)) % _DAY_MINUTES * 60)

    def _within(self, at: Moment, place: Place) -> Built:
        span = PART_SPANS[at.part]
        end = self._end_of(at, span, place)
        happening = self._events or self._conditions
        if not happening:
            raise AutomationError("unclear")
        triggers = self._happenings(happening)
        if not self._events:
            # It may be so already when that part of the day begins.
            triggers.append({"trigger": "time", "at": at_minute(span[0] * 60)})
        self._once = True
        built = self._built(triggers, [window_condition(span), *self._so()])
        return replace(built, expires=end.timestamp())

    def _end_of(self, at: Moment, span: tuple[int, int], place: Place) -> datetime:
        day = self._now.date() + timedelta(days=at.days or 0)
        if at.weekday is not None:
            day += timedelta(days=(at.weekday - day.weekday()) % 7)
        elif at.days is None and span[1] > span[0] and self._now.hour >= span[1]:
            day += timedelta(days=1)
        if span[1] <= span[0]:
            day += timedelta(days=1)
        midnight = datetime.combine(day, datetime.min.time(), place.zone)
        return midnight + timedelta(hours=span[1])

    def _happenings(self, triggers: Sequence[Trigger]) -> list[Config]:
        return [event_trigger(each, self._house) for each in triggers]

    def _so(self) -> list[Config]:
        """Return what has to be so."""
        # Of several events any one is enough; of several conditions all have to be so.
        return [condition(each, self._house) for each in self._conditions]

    def _built(
        self,
        triggers: list[Config],
        conditions: list[Config],
        undoing: Sequence[ServiceCall] | None = None,
    ) -> Built:
        when = self._when
        actions: list[dict[str, Any]] = []
        if when.delay:
            actions.append(_delay(when.delay))
        actions += self._calls
        undoing = self._undoing if undoing is None else undoing
        if undoing and when.length is not None:
            actions += [_delay(when.length), *undoing]
        elif undoing:
            raise AutomationError("unclear")
        if self._once:
            actions.append(ITSELF)
        waits = any("delay" in each for each in actions)
        config: Config = {
            "triggers": triggers,
            "conditions": conditions,
            "actions": actions,
            "mode": "restart" if waits else "single",
        }
        return Built(config, self._once)


def days_of(weekdays: Sequence[int], at: Moment | None, shift: float = 0) -> list[int]:
    """Return the weekdays on which the clock shows a time that is said for these.

    What is after midnight is a day later; `shift` is in seconds.
    """
    over = 0 if at is None or at.sun else (clock(at) + round(shift / 60)) // _DAY_MINUTES
    return [(day + over) % 7 for day in weekdays]


def _delay(seconds: float) -> dict[str, Any]:
    return {"delay": {"seconds": round(seconds)}}
