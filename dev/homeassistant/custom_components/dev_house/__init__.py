"""A house made of an inventory, for development, evaluation and benches only.

The service `dev_house.load` takes an inventory and has the house be that one, areas,
floors, exposure and all, when it returns; `dev_house.reset` brings back the initial states.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from homeassistant.components import intent
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
)
from homeassistant.util.yaml import save_yaml

DOMAIN = "dev_house"
PLATFORMS = [
    "binary_sensor",
    "button",
    "calendar",
    "camera",
    "climate",
    "cover",
    "fan",
    "humidifier",
    "lawn_mower",
    "light",
    "lock",
    "media_player",
    "number",
    "scene",
    "select",
    "sensor",
    "switch",
    "todo",
    "vacuum",
    "valve",
    "weather",
]
_LOGGER = logging.getLogger(__name__)
_ONBOARDED = {"google_translate", "met", "radio_browser", "shopping_list"}
"""What onboarding sets up by itself; it would stand in the house, or ask the internet."""
_ASSISTANT = "conversation"


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Offer the services; the house is empty until an inventory is loaded."""
    house = House(hass, entry)
    hass.data[DOMAIN] = house
    lock = asyncio.Lock()

    async def load(call: ServiceCall) -> None:
        async with lock:
            await house.load(call.data["inventory"])

    async def reset(call: ServiceCall) -> None:
        house.reset()

    hass.services.async_register(DOMAIN, "load", load)
    hass.services.async_register(DOMAIN, "reset", reset)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


class House:
    """The house as it is now."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._generation = 0
        self._timer_handlers: list[Any] = []
        self.inventory: dict[str, Any] = {}
        self.live: dict[str, Any] = {}
        """The entities of the platforms, by entity id."""

    def entries(self, domain: str) -> list[dict[str, Any]]:
        """Return what the inventory has of a domain."""
        return [e for e in self.inventory.get("entities", ()) if e["id"].startswith(f"{domain}.")]

    def unique_id(self, entity_id: str) -> str:
        """Return an id that no earlier house had, so that nothing of it comes back."""
        return f"{self._generation}-{entity_id}"

    async def load(self, inventory: dict[str, Any]) -> None:
        """Have the house be that of an inventory."""
        hass = self._hass
        for other in hass.config_entries.async_entries():
            if other.domain in _ONBOARDED:
                await hass.config_entries.async_remove(other.entry_id)
        await hass.config_entries.async_unload_platforms(self._entry, PLATFORMS)
        entities, devices = er.async_get(hass), dr.async_get(hass)
        for registered in list(entities.entities.values()):
            if registered.platform in (DOMAIN, "script", "automation"):
                entities.async_remove(registered.entity_id)
        for device in dr.async_entries_for_config_entry(devices, self._entry.entry_id):
            devices.async_remove_device(device.id)
        areas, floors = ar.async_get(hass), fr.async_get(hass)
        for area in list(areas.async_list_areas()):
            areas.async_delete(area.id)
        for floor in list(floors.async_list_floors()):
            floors.async_delete(floor.floor_id)

        self.inventory = inventory
        self.live = {}
        self._generation = int(hass.loop.time() * 1000)
        names = {}
        for floor in inventory.get("floors", ()):
            made = floors.async_create(
                floor["name"], aliases=set(floor.get("aliases", ())), level=floor.get("level")
            )
            names[floor["id"]] = made.floor_id
        places: dict[str, str] = {}
        for area in inventory.get("areas", ()):
            made = areas.async_create(
                area["name"],
                aliases=set(area.get("aliases", ())),
                floor_id=names.get(area.get("floor")),
            )
            places[area["id"]] = made.id
        await hass.config.async_update(
            location_name=inventory.get("name", "Home"),
            language=inventory.get("language", "en"),
            time_zone=inventory.get("time_zone", "UTC"),
            unit_system=(
                "us_customary" if inventory.get("unit_system") == "us_customary" else "metric"
            ),
        )
        await self._load_scripts()
        await self._remove_automations()
        await hass.config_entries.async_forward_entry_setups(self._entry, PLATFORMS)
        for entity in inventory.get("entities", ()):
            entity_id = entity["id"]
            if entity_id not in entities.entities:
                _LOGGER.error("%s could not be made", entity_id)
                continue
            entities.async_update_entity(
                entity_id,
                area_id=places.get(entity.get("area")),
                aliases=[er.COMPUTED_NAME, *entity.get("aliases", ())],
            )
            async_expose_entity(hass, _ASSISTANT, entity_id, entity.get("exposed", True))
        self._load_satellites(places, devices)
        self._hide_others(entities)
        await hass.async_block_till_done()

    def reset(self) -> None:
        """Bring back the initial states."""
        initial = {e["id"]: e for e in self.inventory.get("entities", ())}
        for entity_id, entity in self.live.items():
            entity.begin(initial[entity_id])
            entity.async_write_ha_state()

    def _load_satellites(self, places: dict[str, str], devices: dr.DeviceRegistry) -> None:
        for remove in self._timer_handlers:
            remove()
        self._timer_handlers = []
        for satellite in self.inventory.get("satellites", ()):
            device = devices.async_get_or_create(
                config_entry_id=self._entry.entry_id,
                identifiers={(DOMAIN, satellite["id"])},
                name=satellite.get("name", satellite["id"]),
            )
            devices.async_update_device(device.id, area_id=places.get(satellite.get("area")))
            self._timer_handlers.append(
                intent.async_register_timer_handler(self._hass, device.id, lambda kind, timer: None)
            )

    def _hide_others(self, entities: er.EntityRegistry) -> None:
        """Keep what Home Assistant brings along out of the house."""
        own = {e["id"] for e in self.inventory.get("entities", ())}
        for entity_id in {*self._hass.states.async_entity_ids(), *entities.entities}:
            if entity_id not in own:
                async_expose_entity(self._hass, _ASSISTANT, entity_id, False)

    async def _load_scripts(self) -> None:
        """Have the inventory's scripts be real ones."""
        scripts = {
            e["id"].partition(".")[2]: {
                "alias": e["name"],
                "fields": e.get("fields", {}),
                "sequence": [
                    {
                        "action": f"{DOMAIN}.set_state",
                        "data": {"entity_id": entity_id, "state": state},
                    }
                    for entity_id, state in e.get("sets", {}).items()
                ]
                or [{"delay": 0}],
            }
            for e in self.entries("script")
        }
        if not self._hass.services.has_service(DOMAIN, "set_state"):
            self._hass.services.async_register(DOMAIN, "set_state", self._set_state)
        path = self._hass.config.path("scripts.yaml")
        await self._hass.async_add_executor_job(save_yaml, path, scripts)
        await self._hass.services.async_call("script", "reload", blocking=True)

    async def _remove_automations(self) -> None:
        """Have no automation of an earlier house."""
        path = self._hass.config.path("automations.yaml")
        await self._hass.async_add_executor_job(save_yaml, path, [])
        if self._hass.services.has_service("automation", "reload"):
            await self._hass.services.async_call("automation", "reload", blocking=True)

    async def _set_state(self, call: ServiceCall) -> None:
        self.put(call.data["entity_id"], call.data["state"])

    def put(self, entity_id: str, state: Any) -> None:
        """Set the state of an entity, as scenes and scripts do."""
        if entity := self.live.get(entity_id):
            entity.put(state)
            entity.async_write_ha_state()
