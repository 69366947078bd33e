"""Answers to questions about the house, from its states and from what was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.replies.formats import Formats
from ollama_addon.agent.replies.names import Names
from ollama_addon.agent.replies.states import AWAY, States
from ollama_addon.agent.replies.texts import Texts
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Question

_TOLD = 8
"""Things of which each is told by itself."""
_EVENTS = 5


class Answers:
    """Answers in one language about one house."""

    def __init__(
        self, house: House, texts: Texts, formats: Formats, names: Names, states: States
    ) -> None:
        self._house = house
        self._texts = texts
        self._formats = formats
        self._names = names
        self._states = states

    def answer(self, question: Question, now: datetime) -> str:
        """Return the answer to a question, empty where the states do not have it."""
        match question.kind:
            case "time":
                return self.time(now)
            case "date":
                return self.date(now, question.days)
            case "weather":
                return self.weather(question.entities[0]) if question.entities else ""
        if not question.entities:
            return ""
        match question.kind:
            case "state" if question.state:
                return self._yes_no(question)
            case "any" if question.state:
                return self._any(question)
            case "all" if question.state:
                return self._all(question)
            case "which" if question.state:
                matched, _, _ = self._sorted(question)
                return self._sentence(
                    self._stated(matched, self._asked(question))
                ) or self._texts.text("nothing")
            case "how_many" if question.state:
                return self._how_many(question)
            case "how_many":
                entities = question.entities
                counted = self._names.counted(entities)
                return self._texts.text(
                    "counted", count=counted, names=self._names.listed(entities)
                )
            case "where":
                return " ".join(self._where(each) for each in question.entities[:_TOLD])
            case "value" | "state" | "which":
                return self._valued(question)
        return ""

    def time(self, now: datetime) -> str:
        """Return what time it is."""
        return self._texts.text("time", time=self._formats.time(now))

    def date(self, now: datetime, days: int = 0) -> str:
        """Return which day it is, or will be in so many days."""
        day = (now + timedelta(days=days)).date()
        key = "will_be" if days else "date"
        return self._texts.text(key, date=self._formats.date(day))

    def states(self, entities: Sequence[Entity]) -> str:
        """Return how things are, each with what it shows besides its state."""
        return " ".join(self._full(entity) for entity in entities[:_TOLD])

    def weather(self, entity: Entity) -> str:
        """Return the weather as it is now."""
        state = self._house.states.get(entity.id)
        if state is None or state.state in AWAY:
            return self._away([entity])
        parts = [self._states.text(entity)]
        value = state.attributes.get("temperature")
        if value is not None:
            unit = state.attributes.get("temperature_unit") or self._house.temperature_unit
            parts.append(self._formats.measured(value, str(unit)))
        return self._sentence(_capital(self._texts.text("comma").join(parts)))

    def forecast(self, entity: Entity, data: Mapping[str, Any], days: int, now: datetime) -> str:
        """Return the forecast of a day out of what `weather.get_forecasts` gave (`forecast`)."""
        wanted = (now + timedelta(days=days)).date()
        entries = [
            entry
            for entry in data.get("forecast") or ()
            if _day(entry.get("datetime"), now) == wanted
        ]
        if not entries:
            return self._texts.text("no_forecast")
        parts = []
        if condition := next((e["condition"] for e in entries if e.get("condition")), ""):
            parts.append(self._states.named(entity, str(condition)))
        highs = _numbers(entry.get("temperature") for entry in entries)
        lows = _numbers(entry.get("templow") for entry in entries) or highs
        if highs:
            parts.append(self._span(min(lows), max(highs)))
        chances = _numbers(entry.get("precipitation_probability") for entry in entries)
        if chances and max(chances) > 0:
            parts.append(self._rain(max(chances)))
        weather = self._texts.text("comma").join(parts)
        day = self._formats.day(wanted, now.date())
        return self._texts.text("forecast", day=day, weather=weather)

    def read(self, done: Done, now: datetime) -> str:
        """Return what was read of a list or a calendar."""
        name = self._names.one(done.target) if isinstance(done.target, Entity) else ""
        items = [str(item) for item in done.data.get("items") or ()]
        if done.action.intent == "todo.get_items":
            if not items:
                return self._texts.text("list_empty", names=name)
            return self._texts.text("list", names=name, items=self._texts.listing(items))
        events = list(done.data.get("events") or ())
        if not events:
            return self._texts.text("no_events", names=name)
        told = [self._event(event, now) for event in events[:_EVENTS]]
        if more := len(events) - len(told):
            told.append(self._texts.text("more", more))
        return self._texts.text("list", names=name, items="; ".join(told))

    def timers(self, data: Mapping[str, Any]) -> str:
        """Return how long the timers of a satellite still run."""
        timers = [each for each in data.get("timers") or () if isinstance(each, Mapping)]
        if not timers:
            return self._texts.text("timer_none")
        told = []
        for timer in timers:
            left = self._formats.duration(float(timer.get("total_seconds_left") or 0))
            name = str(timer.get("name") or "")
            key = "timer_named_left" if name else "timer_left"
            told.append(self._texts.text(key, duration=left, name=name))
        return self._sentence(_capital(self._texts.listing(told)))

    def _sorted(self, question: Question) -> tuple[list[Entity], list[Entity], list[Entity]]:
        """Return what is in the state that was asked for, what is not, and what cannot tell."""
        matched: list[Entity] = []
        unmatched: list[Entity] = []
        away: list[Entity] = []
        for entity in question.entities:
            if self._states.raw(entity) in AWAY:
                away.append(entity)
            elif self._states.is_in(entity, question.state) is not question.negated:
                matched.append(entity)
            else:
                unmatched.append(entity)
        return matched, unmatched, away

    def _asked(self, question: Question) -> str:
        return "" if question.negated else question.state

    def _yes_no(self, question: Question) -> str:
        matched, unmatched, away = self._sorted(question)
        if away and not unmatched:
            return self._away(away)
        if unmatched:
            return self._texts.text("no", what=self._stated(unmatched))
        return self._texts.text("yes", what=self._stated(matched, self._asked(question)))

    def _any(self, question: Question) -> str:
        matched, unmatched, away = self._sorted(question)
        if matched:
            return self._texts.text("yes", what=self._stated(matched, self._asked(question)))
        if not unmatched:
            return self._away(away)
        none = self._texts.text("none")
        if len(unmatched) == 1:
            none = self._texts.text("no", what=self._stated(unmatched))
        # What cannot tell may be just what was asked for.
        return f"{none} {self._away(away)}" if away else none

    def _all(self, question: Question) -> str:
        matched, unmatched, away = self._sorted(question)
        if unmatched:
            return self._texts.text("no", what=self._stated(unmatched))
        if away:
            return self._away(away)
        if len(matched) == 1:
            return self._texts.text("yes", what=self._stated(matched))
        return self._texts.text("yes_all")

    def _how_many(self, question: Question) -> str:
        matched, _, _ = self._sorted(question)
        if not matched:
            return self._texts.text("nothing")
        return self._texts.text(
            "counted", count=self._names.counted(matched), names=self._names.listed(matched)
        )

    def _where(self, entity: Entity) -> str:
        area = self._house.area_of(entity)
        mobile = entity.domain in ("person", "device_tracker")
        value = self._states.text(entity) if mobile or area is None else area.name
        return self._texts.text("value", names=self._names.one(entity), value=value)

    def _valued(self, question: Question) -> str:
        """Answer what some things are, or how much."""
        return " ".join(
            self._texts.text("value", names=self._names.one(entity), value=value)
            if (value := self._states.attribute(entity, question.attribute))
            else self._full(entity)
            for entity in question.entities[:_TOLD]
        )

    def _full(self, entity: Entity) -> str:
        """Return the state of one thing, with what else it shows."""
        raw = self._states.raw(entity)
        if raw in AWAY and entity.domain not in ("scene", "button", "input_button", "event"):
            return self._away([entity])
        text, name = self._states.text(entity), self._names.one(entity)
        if entity.domain in ("climate", "water_heater"):
            parts = [text, self._states.attribute(entity, "temperature"), self._aim(entity)]
            text = self._texts.text("comma").join(filter(None, parts))
            return self._texts.text("value", names=name, value=text)
        if entity.domain == "weather":
            return self.weather(entity)
        if entity.domain in ("sensor", "number", "input_number"):
            return self._texts.text("value", names=name, value=text)
        if shown := self._states.shown(entity):
            text = self._texts.text("comma").join([text, shown])
        return self._sentence(self._texts.text("is", names=name, state=text))

    def _aim(self, entity: Entity) -> str:
        """Return the temperature that a thermostat is set to, if any."""
        state = self._house.states.get(entity.id)
        aim = state.attributes.get("temperature") if state else None
        if aim is None:
            return ""
        value = self._formats.measured(aim, self._house.temperature_unit)
        return self._texts.text("set_to", value=value)

    def _stated(self, entities: Sequence[Entity], asked: str = "") -> str:
        """Return how things are, those in one state together, without a full stop.

        All of them are in the state that was `asked` for, if there is one: a television that
        plays is on, and needs no group of its own.
        """
        by_state: dict[str, list[Entity]] = {}
        for entity in entities:
            text = self._states.text(entity)
            if asked == "on":
                text = next(iter(by_state), self._states.named(entities[0], "on"))
            by_state.setdefault(text, []).append(entity)
        return self._texts.listing(
            [
                self._texts.text("is", len(those), names=self._names.listed(those), state=state)
                for state, those in by_state.items()
            ]
        )

    def _away(self, entities: Sequence[Entity]) -> str:
        state = self._texts.text("states.unavailable")
        names = self._names.listed(entities)
        return self._sentence(self._texts.text("is", len(entities), names=names, state=state))

    def _sentence(self, text: str) -> str:
        """Return a text with the full stop of the language, empty where it is."""
        if not text or text[-1] in ".?!。？！":
            return text
        return text + self._texts.text("stop")

    def _span(self, low: float, high: float) -> str:
        unit = self._house.temperature_unit
        if low == high:
            return self._formats.measured(high, unit)
        return self._texts.text(
            "low_high", low=self._formats.number(low), high=self._formats.measured(high, unit)
        )

    def _rain(self, chance: float) -> str:
        return self._texts.text("rain", percent=self._formats.number(chance))

    def _event(self, event: Mapping[str, Any], now: datetime) -> str:
        """Return an event with its day, and its time where it has one."""
        what, start = str(event.get("summary") or ""), str(event.get("start") or "")
        day = _day(start, now)
        if day is None:
            return what
        when = self._formats.day(day, now.date())
        if "T" in start or " " in start.strip():
            moment = datetime.fromisoformat(start)
            moment = moment.astimezone(now.tzinfo) if moment.tzinfo else moment
            when = f"{when} {self._formats.time(moment)}"
        return self._texts.text("event", what=what, when=when)


def _day(value: Any, now: datetime) -> date | None:
    """Return the day, in the zone of the home, of an ISO date or time."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (moment.astimezone(now.tzinfo) if moment.tzinfo else moment).date()


def _numbers(values: Iterable[Any]) -> list[float]:
    return [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
