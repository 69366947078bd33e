"""Sensors."""

from __future__ import annotations

from typing import Any

from homeassistant.components.sensor import SensorEntity

from .entity import DevEntity, setup


class DevSensor(DevEntity, SensorEntity):
    """A sensor that reads what the inventory says."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over the unit."""
        self._attr_native_unit_of_measurement = data.get("unit")

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the reading."""
        self._attr_native_value = data.get("state")

    def put(self, state: Any) -> None:
        """Read something else."""
        self._attr_native_value = state


async_setup_entry = setup("sensor", DevSensor)
