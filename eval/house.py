"""The `House` that the sidecar would see, made from an inventory without Home Assistant.

What each entity can do is what the development Home Assistant gives it (`dev_house`): the same
feature bits, the same capabilities, the same attributes of its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import yaml

from ollama_addon.home.model import Area, Entity, Floor, House, State

Inventory = Mapping[str, Any]
"""An inventory as it stands in a file: floors, areas, entities and satellites."""
Raw = dict[str, Any]
"""What is known of one entity: the fields of the inventory, as they are now."""

_MEDIA_PLAYER = reduce(or_, (1, 4, 8, 16, 32, 128, 256, 512, 1024, 4096, 16384, 4194304))
_FEATURES = {
    "fan": 1 | 16 | 32,
    "lawn_mower": 1 | 2 | 4,
    "media_player": _MEDIA_PLAYER,
    "todo": 1 | 2 | 4,
    "vacuum": 4 | 8 | 16 | 4096 | 8192,
    "weather": 1,
}
_KEPT = {
    "climate": "hvac_modes fan_modes preset_modes min_temp max_temp",
    "script": "fields",
    "select": "options",
}
"""Fields that say what an entity can do and are called alike in the inventory."""


def read_inventory(path: Path) -> Inventory:
    """Return the inventory of a file."""
    inventory: Inventory = yaml.safe_load(path.read_text("utf-8"))
    return inventory


def house_of(inventory: Inventory) -> House:
    """Return the house of an inventory in its first state, without what is not exposed."""
    exposed = [entity for entity in inventory["entities"] if entity.get("exposed", True)]
    satellites = inventory.get("satellites", ())
    placed = {each["id"]: each["area"] for each in satellites if each.get("area")}
    return House(
        entities={each["id"]: entity_of(each) for each in exposed},
        areas={
            each["id"]: Area(
                each["id"], each["name"], each.get("floor"), tuple(each.get("aliases", ()))
            )
            for each in inventory.get("areas", ())
        },
        floors={
            each["id"]: Floor(
                each["id"], each["name"], each.get("level"), tuple(each.get("aliases", ()))
            )
            for each in inventory.get("floors", ())
        },
        states={each["id"]: state_of(begun(each)) for each in exposed},
        device_areas=placed,
        name=inventory.get("name", "Home"),
        language=inventory.get("language", "en"),
        temperature_unit="°F" if inventory.get("unit_system") == "us_customary" else "°C",
        time_zone=inventory.get("time_zone", "UTC"),
    )


def entity_of(data: Mapping[str, Any]) -> Entity:
    """Return an entity of the inventory with what it can do."""
    domain = data["id"].partition(".")[0]
    kept = {key: data[key] for key in _KEPT.get(domain, "").split() if key in data}
    features, capabilities = _abilities(domain, data)
    return Entity(
        id=data["id"],
        name=data["name"],
        aliases=tuple(data.get("aliases", ())),
        area_id=data.get("area"),
        device_class=data.get("device_class"),
        supported_features=features,
        capabilities={**kept, **capabilities},
    )


def _abilities(domain: str, data: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return the feature bits and the capabilities that differ from entity to entity."""
    features = _FEATURES.get(domain, 0)
    match domain:
        case "light":
            modes = ["hs"] * bool(data.get("color")) + ["color_temp"] * bool(data.get("color_temp"))
            white = {"min_color_temp_kelvin": 2000, "max_color_temp_kelvin": 6535}
            return features, {
                "supported_color_modes": modes
                or ["brightness" if data.get("dimmable") else "onoff"],
                **(white if data.get("color_temp") else {}),
            }
        case "cover":
            return 1 | 2 | 8 | 4 * ("position" in data), {}
        case "valve":
            return 1 | 2 | 4 * ("position" in data), {}
        case "climate":
            features = 1 | 128 | 256 | 8 * ("fan_modes" in data) | 16 * ("preset_modes" in data)
            return features, {"hvac_modes": data.get("hvac_modes", ["off", "heat"])}
        case "humidifier":
            modes = data.get("available_modes", data.get("modes"))
            limits = {
                "min_humidity": data.get("min_humidity", 30),
                "max_humidity": data.get("max_humidity", 80),
            }
            return (1, {**limits, "available_modes": modes}) if modes else (0, limits)
        case "media_player" if "sources" in data:
            return features | 2048, {"source_list": data["sources"]}
        case "number":
            limits = {"min": data.get("min", 0), "max": data.get("max", 100)}
            return features, {**limits, "step": data.get("step", 1)}
        case "sensor" if "unit" in data:
            return features, {"unit_of_measurement": data["unit"]}
    return features, {}


def begun(data: Mapping[str, Any]) -> Raw:
    """Return an entity of the inventory as it is in the beginning."""
    raw: Raw = {"brightness": 255, "volume": 0.5, **data}
    domain = data["id"].partition(".")[0]
    match domain:
        case "light":
            raw["kelvin"] = 3000 if data.get("color_temp") else None
            raw["hs"] = [30.0, 20.0] if data.get("color") and not data.get("color_temp") else None
            raw.setdefault("state", "off")
        case "cover" | "valve":
            is_open = data.get("state", "closed") == "open"
            raw["moved_to"] = data.get("position", 100 if is_open else 0)
        case "fan":
            on = data.get("state", "on" if data.get("percentage") else "off") == "on"
            raw["percentage"] = (data.get("percentage") or 100) if on else 0
        case "media_player":
            raw["track"] = 1
            raw.setdefault("state", "off")
        case "todo":
            items = [i if isinstance(i, dict) else {"summary": i} for i in data.get("items", ())]
            raw["listed"] = {
                item["summary"]: "completed" if item.get("completed") else "needs_action"
                for item in items
            }
        case "lock":
            raw.setdefault("state", "locked")
        case "vacuum" | "lawn_mower":
            raw.setdefault("state", "docked")
        case "climate" | "switch" | "binary_sensor" | "humidifier":
            raw.setdefault("state", "off")
    return raw


def state_of(raw: Raw) -> State:
    """Return the state that Home Assistant would report."""
    domain = raw["id"].partition(".")[0]
    attributes: dict[str, Any] = {}
    state = str(raw.get("state", "unknown"))
    match domain:
        case "light" if state == "on":
            attributes = _lit(raw)
        case "cover" | "valve":
            state = "closed" if raw["moved_to"] == 0 else "open"
            attributes = {"current_position": raw["moved_to"] if "position" in raw else None}
        case "fan":
            state = "on" if raw["percentage"] else "off"
            attributes = {"percentage": raw["percentage"]}
        case "climate":
            keys = "temperature current_temperature fan_mode preset_mode"
            attributes = {key: raw.get(key) for key in keys.split()}
        case "humidifier":
            attributes = {
                "humidity": raw.get("humidity", 50),
                "current_humidity": raw.get("current_humidity"),
                "mode": raw.get("mode", (raw.get("modes") or [None])[0]),
            }
        case "media_player" if state != "off":
            attributes = {
                "volume_level": raw["volume"],
                "is_volume_muted": raw.get("muted", False),
                "media_title": raw.get("media_title"),
                "media_track": raw["track"],
                "source": raw.get("source"),
            }
        case "todo":
            state = str(sum(status == "needs_action" for status in raw["listed"].values()))
        case "sensor":
            attributes = {"unit_of_measurement": raw.get("unit")}
        case "weather":
            attributes = {key: raw.get(key) for key in ("temperature", "humidity")}
        case "script":
            state = "off"
            attributes = {"last_triggered": raw.get("happened")}
        case "scene" | "button":
            state = raw.get("happened", "unknown")
    return State(state, {key: value for key, value in attributes.items() if value is not None})


def _lit(raw: Raw) -> dict[str, Any]:
    """Return the attributes of a light that is on."""
    if not (raw.get("color") or raw.get("color_temp") or raw.get("dimmable")):
        return {"color_mode": "onoff"}
    found: dict[str, Any] = {"brightness": raw["brightness"], "color_mode": "brightness"}
    if raw["hs"]:
        found |= {"color_mode": "hs", "hs_color": raw["hs"]}
    elif raw["kelvin"]:
        found |= {"color_mode": "color_temp", "color_temp_kelvin": raw["kelvin"]}
    return found
