"""What helps to find a fault, without secrets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant

from .client import SidecarError
from .coordinator import OllamaAddonConfigEntry


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: OllamaAddonConfigEntry
) -> dict[str, Any]:
    """Return how the add-on is, its agents and models."""
    coordinator = entry.runtime_data
    try:
        models: Any = await coordinator.client.models()
    except SidecarError as err:
        models = err.message
    return {
        "entry": async_redact_data(dict(entry.data), {CONF_TOKEN, CONF_URL}),
        "reachable": coordinator.last_update_success,
        "sidecar": asdict(coordinator.data),
        "models": models,
    }
