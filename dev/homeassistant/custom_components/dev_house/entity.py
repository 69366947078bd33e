"""What all entities of the house share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DOMAIN


class DevEntity(Entity):
    """An entity of the inventory. `begin` sets its initial state."""

    _attr_should_poll = False

    def __init__(self, hass: HomeAssistant, data: dict[str, Any]) -> None:
        house = hass.data[DOMAIN]
        self.entity_id = data["id"]
        self._attr_unique_id = house.unique_id(data["id"])
        self._attr_name = data["name"]
        if "device_class" in data:
            self._attr_device_class = data["device_class"]
        self.describe(data)
        self.begin(data)
        house.live[data["id"]] = self

    def describe(self, data: dict[str, Any]) -> None:
        """Take over what the entity can do."""

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the initial state."""

    def put(self, state: Any) -> None:
        """Take over a state that a scene or a script sets."""

    def done(self) -> None:
        """Tell Home Assistant what was done."""
        self.async_write_ha_state()


def setup(domain: str, kind: type[DevEntity]) -> Callable[..., Any]:
    """Return a platform's `async_setup_entry`."""

    async def async_setup_entry(
        hass: HomeAssistant, entry: ConfigEntry, add: AddConfigEntryEntitiesCallback
    ) -> None:
        add([kind(hass, data) for data in hass.data[DOMAIN].entries(domain)])

    return async_setup_entry
