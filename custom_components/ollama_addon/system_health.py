"""The app on Home Assistant's system health page."""

from __future__ import annotations

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import OllamaAddonConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what is shown."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    entries: list[OllamaAddonConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    if not entries:
        return {"reachable": False}
    coordinator = entries[0].runtime_data
    status = coordinator.data.status
    return {
        "reachable": coordinator.last_update_success,
        "version": status.get("version"),
        "agents": len(coordinator.data.agents),
        # Not its sentence, which names addresses: this page is copied into reports.
        "engine": status.get("engine", {}).get("state"),
    }
