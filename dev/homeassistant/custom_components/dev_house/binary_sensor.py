"""Binary sensors."""

from __future__ import annotations

from typing import Any

from homeassistant.components.binary_sensor import BinarySensorEntity

from .entity import DevEntity, setup


class DevBinarySensor(DevEntity, BinarySensorEntity):
    """A binary sensor that senses what the inventory says."""

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the state."""
        self._attr_is_on = data.get("state", "off") == "on"

    def put(self, state: Any) -> None:
        """Sense something else."""
        self._attr_is_on = state == "on"


async_setup_entry = setup("binary_sensor", DevBinarySensor)
