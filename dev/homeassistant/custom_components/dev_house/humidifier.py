"""Humidifiers."""

from __future__ import annotations

from typing import Any

from homeassistant.components.humidifier import HumidifierEntity, HumidifierEntityFeature

from .entity import DevEntity, setup


class DevHumidifier(DevEntity, HumidifierEntity):
    """A humidifier that obeys at once."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over limits and modes."""
        self._attr_min_humidity = data.get("min_humidity", 30)
        self._attr_max_humidity = data.get("max_humidity", 80)
        modes = data.get("available_modes", data.get("modes"))
        self._attr_available_modes = list(modes) if modes else None
        if modes:
            self._attr_supported_features = HumidifierEntityFeature.MODES

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the state."""
        self._attr_is_on = data.get("state", "off") == "on"
        self._attr_target_humidity = data.get("humidity", 50)
        self._attr_current_humidity = data.get("current_humidity")
        self._attr_mode = data.get("mode", (self._attr_available_modes or [None])[0])

    def put(self, state: Any) -> None:
        """Switch it."""
        self._attr_is_on = state == "on"

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on."""
        self._attr_is_on = True
        self.done()

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off."""
        self._attr_is_on = False
        self.done()

    async def async_set_humidity(self, humidity: int) -> None:
        """Set what it shall reach."""
        self._attr_target_humidity = humidity
        self.done()

    async def async_set_mode(self, mode: str) -> None:
        """Set its mode."""
        self._attr_mode = mode
        self.done()


async_setup_entry = setup("humidifier", DevHumidifier)
