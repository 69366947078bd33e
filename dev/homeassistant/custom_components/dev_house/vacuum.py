"""Vacuum cleaners."""

from __future__ import annotations

from typing import Any

from homeassistant.components.vacuum import (
    StateVacuumEntity,
    VacuumActivity,
    VacuumEntityFeature,
)

from .entity import DevEntity, setup


class DevVacuum(DevEntity, StateVacuumEntity):
    """A vacuum that obeys at once."""

    _attr_supported_features = (
        VacuumEntityFeature.START
        | VacuumEntityFeature.PAUSE
        | VacuumEntityFeature.STOP
        | VacuumEntityFeature.RETURN_HOME
        | VacuumEntityFeature.STATE
    )

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the state."""
        self.put(data.get("state", "docked"))

    def put(self, state: Any) -> None:
        """Set what it does."""
        self._attr_activity = VacuumActivity(state)

    async def async_start(self) -> None:
        """Clean."""
        self._attr_activity = VacuumActivity.CLEANING
        self.done()

    async def async_pause(self) -> None:
        """Pause."""
        self._attr_activity = VacuumActivity.PAUSED
        self.done()

    async def async_stop(self, **kwargs: Any) -> None:
        """Stop."""
        self._attr_activity = VacuumActivity.IDLE
        self.done()

    async def async_return_to_base(self, **kwargs: Any) -> None:
        """Go home."""
        self._attr_activity = VacuumActivity.RETURNING
        self.done()


async_setup_entry = setup("vacuum", DevVacuum)
