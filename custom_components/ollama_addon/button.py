"""Buttons of the app."""

from __future__ import annotations

from homeassistant.components.button import ButtonEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import SidecarError
from .const import DOMAIN
from .coordinator import Coordinator, OllamaAddonConfigEntry
from .entity import AddonEntity

PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OllamaAddonConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons of the app."""
    async_add_entities([UnloadButton(entry.runtime_data)])


class UnloadButton(AddonEntity, ButtonEntity):
    """Frees the memory that models take; the next sentence loads one again."""

    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, coordinator: Coordinator) -> None:
        """Make it a part of the app's device."""
        super().__init__(coordinator, "unload")

    async def async_press(self) -> None:
        """Unload every model that is in memory."""
        try:
            for model in self.coordinator.data.status.get("loaded") or ():
                await self.coordinator.client.unload(model)
        except SidecarError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="addon_error",
                translation_placeholders={"message": err.message},
            ) from err
