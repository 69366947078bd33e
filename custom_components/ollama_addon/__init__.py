"""The agents of the Ollama app, in Assist."""

from __future__ import annotations

from homeassistant.const import CONF_ID, CONF_TOKEN, CONF_URL, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType

from . import services, turns
from .client import Client
from .const import DOMAIN
from .coordinator import Coordinator, OllamaAddonConfigEntry

PLATFORMS = [Platform.AI_TASK, Platform.BUTTON, Platform.CONVERSATION, Platform.SENSOR]
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Offer the actions, and the command that the app acts by."""
    turns.async_setup(hass)
    services.async_setup(hass)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: OllamaAddonConfigEntry) -> bool:
    """Keep the app's own id beside what the entry is known by: that was its id before."""
    if entry.version > 1:
        return False
    if entry.minor_version < 2:
        data = {CONF_ID: entry.unique_id, **entry.data}
        hass.config_entries.async_update_entry(entry, data=data, minor_version=2)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: OllamaAddonConfigEntry) -> bool:
    """Connect to an app."""
    client = Client(async_get_clientsession(hass), entry.data[CONF_URL], entry.data[CONF_TOKEN])
    coordinator = Coordinator(hass, entry, client)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        name=entry.title,
        entry_type=dr.DeviceEntryType.SERVICE,
    )
    coordinator.device_id = device.id

    @callback
    def remove_stale() -> None:
        """Remove the devices of agents that are no longer configured."""
        registry = dr.async_get(hass)
        wanted = {entry.entry_id} | {
            f"{entry.entry_id}_{agent_id}" for agent_id in coordinator.data.agents
        }
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
            if not any(key in wanted for domain, key in device.identifiers if domain == DOMAIN):
                registry.async_remove_device(device.id)

    remove_stale()
    entry.async_on_unload(coordinator.async_add_listener(remove_stale))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    coordinator.follow()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: OllamaAddonConfigEntry) -> bool:
    """Disconnect from an app."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
