"""Fans."""

from __future__ import annotations

from typing import Any

from homeassistant.components.fan import FanEntity, FanEntityFeature

from .entity import DevEntity, setup


class DevFan(DevEntity, FanEntity):
    """A fan that obeys at once."""

    _attr_supported_features = (
        FanEntityFeature.SET_SPEED | FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF
    )

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the speed."""
        on = data.get("state", "on" if data.get("percentage") else "off") == "on"
        self._attr_percentage = (data.get("percentage") or 100) if on else 0

    def put(self, state: Any) -> None:
        """Switch it."""
        self._attr_percentage = 100 if state == "on" else 0

    async def async_turn_on(
        self, percentage: int | None = None, preset_mode: str | None = None, **kwargs: Any
    ) -> None:
        """Turn it on."""
        self._attr_percentage = percentage or 100
        self.done()

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off."""
        self._attr_percentage = 0
        self.done()

    async def async_set_percentage(self, percentage: int) -> None:
        """Set its speed."""
        self._attr_percentage = percentage
        self.done()


async_setup_entry = setup("fan", DevFan)
