"""What is said of the past: a figure with its period."""

from __future__ import annotations

from datetime import datetime, timedelta

from ollama_addon.agent.replies.formats import Formats
from ollama_addon.agent.replies.names import Names
from ollama_addon.agent.replies.states import States
from ollama_addon.agent.replies.texts import Texts
from ollama_addon.home.model import Entity, House
from ollama_addon.home.past import Figure

_BINARY = {"open": "on", "closed": "off", "motion": "on", "wet": "on", "empty": "on"}
"""What a binary sensor calls the states that people ask for."""
_MINUTES_ONLY = 600
"""Seconds from which a length of time is said without its seconds."""
_WHOLE = 100
"""Numbers from this one on are said without places."""


class PastReplies:
    """Says figures of the past in one language."""

    def __init__(
        self, house: House, texts: Texts, formats: Formats, names: Names, states: States
    ) -> None:
        self._house = house
        self._texts = texts
        self._formats = formats
        self._names = names
        self._states = states

    def measured(
        self, entity: Entity, figure: str, found: Figure, period: str, now: datetime
    ) -> str:
        """Return a number of the past with its unit and its period."""
        value = found.value or 0.0
        rounded = round(value) if abs(value) >= _WHOLE else round(value, 1)
        state = self._house.states.get(entity.id)
        unit = str(state.attributes.get("unit_of_measurement") or "") if state else ""
        measured = self._formats.measured(rounded, unit)
        said = self._text(figure, entity, value=measured, period=period)
        return self._with_start(said, found, now)

    def been(
        self, entity: Entity, figure: str, asked: str, found: Figure, period: str, now: datetime
    ) -> str:
        """Return for how long, how often or when last something was in a state."""
        state = self.state(entity, asked)
        length = self._length(found.seconds or 0.0)
        if figure == "count":
            said = self._text("count", entity, found.count or 0, state=state, period=period)
        elif figure == "was":
            key = "was_yes" if found.seconds else "was_no"
            said = self._text(key, entity, duration=length, state=state, period=period)
        elif figure == "duration":
            said = self._text("duration", entity, state=state, duration=length, period=period)
        elif found.moment is None:
            return self.nothing(entity)
        else:
            since = self._length(now.timestamp() - found.moment.timestamp())
            moment = self.moment(found.moment, now)
            return self._text(figure, entity, state=state, moment=moment, duration=since)
        return self._with_start(said, found, now)

    def nothing(self, entity: Entity) -> str:
        """Return that nothing is recorded of an entity."""
        return self._text("none", entity)

    def period(self, name: str, number: float) -> str:
        """Return a period in words: `yesterday`, `in the last 3 hours`."""
        whole = round(number)
        return self._texts.text(f"past.{name}", whole)

    def state(self, entity: Entity, asked: str) -> str:
        """Return the state that was asked for, in words."""
        if entity.domain == "binary_sensor":
            asked = _BINARY.get(asked, asked)
        return self._states.named(entity, asked)

    def moment(self, moment: datetime, now: datetime) -> str:
        """Return when something was: `today at 14:03`."""
        time = self._formats.time(moment)
        day = moment.date()
        if day == now.date():
            said = self._texts.text("past.today")
        elif day == now.date() - timedelta(days=1):
            said = self._texts.text("past.yesterday")
        else:
            said = self._formats.day(day, now.date())
        return self._texts.text("past.at", day=said, time=time)

    def _with_start(self, said: str, found: Figure, now: datetime) -> str:
        if found.recorded_from is None:
            return said
        since = self._texts.text("past.only_since", moment=self.moment(found.recorded_from, now))
        joiner = "" if self._texts.language in ("zh", "ja") else " "
        return f"{said}{joiner}{since}"

    def _length(self, seconds: float) -> str:
        if seconds >= _MINUTES_ONLY:
            seconds = round(seconds / 60) * 60
        return self._formats.duration(seconds)

    def _text(self, key: str, entity: Entity, n: int = 1, **values: object) -> str:
        return self._texts.text(f"past.{key}", n, names=self._names.one(entity), **values)
