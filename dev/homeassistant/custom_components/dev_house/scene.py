"""Scenes."""

from __future__ import annotations

from typing import Any

from homeassistant.components.scene import Scene

from . import DOMAIN
from .entity import DevEntity, setup


class DevScene(DevEntity, Scene):
    """A scene that sets states at once."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over what it sets."""
        self._sets = dict(data.get("sets", {}))

    async def async_activate(self, **kwargs: Any) -> None:
        """Set the states."""
        for entity_id, state in self._sets.items():
            self.hass.data[DOMAIN].put(entity_id, state)


async_setup_entry = setup("scene", DevScene)
