"""Switches."""

from __future__ import annotations

from typing import Any

from homeassistant.components.switch import SwitchEntity

from .entity import DevEntity, setup


class DevSwitch(DevEntity, SwitchEntity):
    """A switch that obeys at once."""

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the state."""
        self.put(data.get("state", "off"))

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


async_setup_entry = setup("switch", DevSwitch)
