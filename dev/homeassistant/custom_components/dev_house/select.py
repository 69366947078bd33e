"""Selects."""

from __future__ import annotations

from typing import Any

from homeassistant.components.select import SelectEntity

from .entity import DevEntity, setup


class DevSelect(DevEntity, SelectEntity):
    """A select that obeys at once."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over the options."""
        self._attr_options = list(data.get("options", ()))

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the option."""
        self._attr_current_option = data.get("state")

    async def async_select_option(self, option: str) -> None:
        """Select one."""
        self._attr_current_option = option
        self.done()


async_setup_entry = setup("select", DevSelect)
