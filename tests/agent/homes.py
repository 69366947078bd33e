"""Small houses for the tests of the agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ollama_addon.home.model import Area, Entity, Floor, House, State


def family_home(language: str = "en", temperature_unit: str = "°C") -> House:
    """Return a house with something of most domains; `switch.attic_pump` is not in it."""
    color = {"supported_color_modes": ["hs", "color_temp"]}
    dim = {"supported_color_modes": ["brightness"]}
    heat = {"hvac_modes": ["off", "heat", "cool"], "min_temp": 7, "max_temp": 30}
    rows: list[tuple[str, str, str | None, int, dict[str, Any], str, str | None]] = [
        ("light.kitchen", "Kitchen light", "kitchen", 0, dim, "off", None),
        ("light.counter", "Counter light", "kitchen", 0, dim, "on", None),
        ("light.ceiling_living", "Ceiling light", "living_room", 0, color, "off", None),
        ("light.ceiling_bedroom", "Ceiling light", "bedroom", 0, color, "off", None),
        ("switch.coffee", "Coffee machine", "kitchen", 0, {}, "off", None),
        ("cover.blinds", "Bedroom blinds", "bedroom", 15, {}, "open", "blind"),
        ("cover.garage", "Garage door", "hallway", 3, {}, "closed", "garage"),
        ("lock.front", "Front door", "hallway", 0, {}, "unlocked", None),
        ("climate.living", "Thermostat", "living_room", 1 | 128 | 256, heat, "heat", None),
        ("fan.bedroom", "Bedroom fan", "bedroom", 1 | 16 | 32, {}, "off", None),
        ("media_player.tv", "TV", "living_room", 4 | 8 | 1 | 16384 | 1024, {}, "on", None),
        ("sensor.outside", "Outdoor temperature", None, 0, {}, "12.5", "temperature"),
        ("binary_sensor.window", "Kitchen window", "kitchen", 0, {}, "on", "window"),
        ("todo.shopping", "Shopping list", None, 15, {}, "2", None),
        ("scene.movie", "Movie night", "living_room", 0, {}, "unknown", None),
    ]
    entities = {
        id_: Entity(id_, name, (), area, None, device_class, features, capabilities)
        for id_, name, area, features, capabilities, _, device_class in rows
    }
    states = {id_: State(state) for id_, _, _, _, _, state, _ in rows}
    states["climate.living"] = State("heat", {"temperature": 20, "current_temperature": 19})
    areas = {
        key: Area(key, name, floor)
        for key, name, floor in (
            ("kitchen", "Kitchen", "ground"),
            ("living_room", "Living room", "ground"),
            ("hallway", "Hallway", "ground"),
            ("bedroom", "Bedroom", "upper"),
        )
    }
    floors = {
        "ground": Floor("ground", "Ground floor", 0, ("downstairs",)),
        "upper": Floor("upper", "Upper floor", 1, ("upstairs",)),
    }
    return House(
        entities,
        areas,
        floors,
        states,
        {"satellite": "bedroom"},
        language=language,
        temperature_unit=temperature_unit,
    )


def large(house: House) -> House:
    """Return a house with so many lamps besides that a prompt cannot show it whole."""
    lamps = {
        f"light.shed_{number}": Entity(f"light.shed_{number}", f"Lamp {number} of the long shed")
        for number in range(1200)
    }
    states = {**house.states, **{entity_id: State("off") for entity_id in lamps}}
    return replace(house, entities={**house.entities, **lamps}, states=states)
