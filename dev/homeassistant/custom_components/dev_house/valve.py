"""Valves."""

from __future__ import annotations

from typing import Any

from homeassistant.components.valve import ValveEntity, ValveEntityFeature

from .entity import DevEntity, setup


class DevValve(DevEntity, ValveEntity):
    """A valve that obeys at once. One without `position` only opens and closes."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over what it can do."""
        self._attr_reports_position = "position" in data
        self._attr_supported_features = ValveEntityFeature.OPEN | ValveEntityFeature.CLOSE
        if self._attr_reports_position:
            self._attr_supported_features |= ValveEntityFeature.SET_POSITION

    def begin(self, data: dict[str, Any]) -> None:
        """Take over position and state."""
        is_open = data.get("state", "closed") == "open"
        self._move(data.get("position", 100 if is_open else 0))

    def put(self, state: Any) -> None:
        """Open or close it."""
        self._move(100 if state == "open" else 0)

    def _move(self, position: int) -> None:
        self._attr_is_closed = position == 0
        self._attr_current_valve_position = position if self._attr_reports_position else None

    async def async_open_valve(self) -> None:
        """Open it."""
        self._move(100)
        self.done()

    async def async_close_valve(self) -> None:
        """Close it."""
        self._move(0)
        self.done()

    async def async_set_valve_position(self, position: int) -> None:
        """Move it."""
        self._move(position)
        self.done()


async_setup_entry = setup("valve", DevValve)
