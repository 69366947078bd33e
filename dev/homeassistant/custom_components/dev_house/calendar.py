"""Calendars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .entity import DevEntity, setup


class DevCalendar(DevEntity, CalendarEntity):
    """A calendar with events some days ahead."""

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the events."""
        today = dt_util.start_of_local_day()
        self._events = []
        for event in data.get("events", ()):
            hours, minutes = (int(part) for part in event.get("time", "12:00").split(":"))
            start = today + timedelta(days=event.get("days", 0), hours=hours, minutes=minutes)
            end = start + timedelta(minutes=event.get("minutes", 60))
            self._events.append(CalendarEvent(start=start, end=end, summary=event["summary"]))

    @property
    def event(self) -> CalendarEvent | None:
        """Return the next event."""
        return min(
            (e for e in self._events if e.end > dt_util.now()), key=lambda e: e.start, default=None
        )

    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return the events of a time."""
        return [e for e in self._events if e.start < end_date and e.end > start_date]


async_setup_entry = setup("calendar", DevCalendar)
