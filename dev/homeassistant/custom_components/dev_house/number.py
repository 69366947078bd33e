"""Numbers."""

from __future__ import annotations

from typing import Any

from homeassistant.components.number import NumberEntity

from .entity import DevEntity, setup


class DevNumber(DevEntity, NumberEntity):
    """A number that obeys at once."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over limits."""
        self._attr_native_min_value = data.get("min", 0)
        self._attr_native_max_value = data.get("max", 100)
        self._attr_native_step = data.get("step", 1)
        self._attr_native_unit_of_measurement = data.get("unit")

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the value."""
        self._attr_native_value = float(data.get("state", 0))

    async def async_set_native_value(self, value: float) -> None:
        """Set it."""
        self._attr_native_value = value
        self.done()


async_setup_entry = setup("number", DevNumber)
