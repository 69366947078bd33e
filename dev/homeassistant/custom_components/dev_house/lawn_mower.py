"""Lawn mowers."""

from __future__ import annotations

from typing import Any

from homeassistant.components.lawn_mower import (
    LawnMowerActivity,
    LawnMowerEntity,
    LawnMowerEntityFeature,
)

from .entity import DevEntity, setup


class DevLawnMower(DevEntity, LawnMowerEntity):
    """A lawn mower that obeys at once."""

    _attr_supported_features = (
        LawnMowerEntityFeature.START_MOWING
        | LawnMowerEntityFeature.PAUSE
        | LawnMowerEntityFeature.DOCK
    )

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the state."""
        self.put(data.get("state", "docked"))

    def put(self, state: Any) -> None:
        """Set what it does."""
        self._attr_activity = LawnMowerActivity(state)

    async def async_start_mowing(self) -> None:
        """Mow."""
        self._attr_activity = LawnMowerActivity.MOWING
        self.done()

    async def async_dock(self) -> None:
        """Go home."""
        self._attr_activity = LawnMowerActivity.DOCKED
        self.done()

    async def async_pause(self) -> None:
        """Pause."""
        self._attr_activity = LawnMowerActivity.PAUSED
        self.done()


async_setup_entry = setup("lawn_mower", DevLawnMower)
