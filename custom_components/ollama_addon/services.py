"""Actions on models and on what is planned. They are for administrators."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import probatio
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service

from .client import Client, SidecarError
from .const import DOMAIN
from .coordinator import OllamaAddonConfigEntry

_SCHEMA = probatio.Schema(
    {probatio.Required("model"): cv.string, probatio.Optional("config_entry_id"): cv.string}
)
_ORDERS = probatio.Schema(
    {probatio.Optional("entity_id"): cv.entity_ids, probatio.Optional("config_entry_id"): cv.string}
)
_LOOK_EVERY = 1.0


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Register the actions."""
    async_register_admin_service(
        hass, DOMAIN, "pull_model", _pull_model, _SCHEMA, SupportsResponse.OPTIONAL
    )
    async_register_admin_service(hass, DOMAIN, "delete_model", _delete_model, _SCHEMA)
    async_register_admin_service(
        hass, DOMAIN, "cancel_orders", _cancel_orders, _ORDERS, SupportsResponse.OPTIONAL
    )


async def _pull_model(call: ServiceCall) -> dict[str, Any]:
    """Download a model; done when it is there. The download sensor shows how far it is."""
    client = _client(call)
    name = call.data["model"]
    model_id = await _said(client.pull(name))
    while True:
        found = [model for model in await _said(client.models()) if model["id"] == model_id]
        model = found[0] if found else None
        if model is not None and model["failed"]:
            raise _error(model["progress"])
        if model is None or not (model["active"] or model["present"]):
            # Neither there nor on its way, it would be waited for in vain.
            raise _error(f"The download of {name} was cancelled.")
        if not model["active"]:
            return {"model": model["name"], "size": model["size"]}
        await asyncio.sleep(_LOOK_EVERY)


async def _delete_model(call: ServiceCall) -> None:
    """Remove a model from the disk."""
    await _said(_client(call).delete(call.data["model"]))


async def _cancel_orders(call: ServiceCall) -> dict[str, Any]:
    """Cancel the orders about some entities, or all orders; automations stay."""
    client = _client(call)
    wanted = set(call.data.get("entity_id") or ())
    canceled = 0
    for order in await _said(client.orders()):
        if not wanted or wanted & set(order["entity_ids"]):
            await _said(client.cancel_order(order["id"]))
            canceled += 1
    return {"canceled": canceled}


async def _said[T](work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except SidecarError as err:
        raise _error(err.message) from err


def _error(message: str) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="addon_error",
        translation_placeholders={"message": message},
    )


def _client(call: ServiceCall) -> Client:
    """Return the app that is meant; where there is one only, it need not be named."""
    entries: list[OllamaAddonConfigEntry] = [
        entry
        for entry in call.hass.config_entries.async_entries(DOMAIN)
        if call.data.get("config_entry_id") in (None, entry.entry_id)
        and entry.state is ConfigEntryState.LOADED
    ]
    if not entries:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_loaded")
    return entries[0].runtime_data.client
