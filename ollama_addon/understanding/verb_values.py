"""The values that verbs take, and what an entity must support for a verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.vocabulary import (
    FIELD,
    Choice,
    Number,
    Text,
    Value,
    field_values,
)


def has_features(mask: int) -> Callable[[Entity], bool]:
    """Return a test for one of some bits of Home Assistant's `…EntityFeature`."""
    return lambda entity: bool(entity.supported_features & mask)


def color_modes(entity: Entity) -> set[str]:
    """Return the color modes that a light supports."""
    return set(entity.capabilities.get("supported_color_modes") or ())


def can_dim(entity: Entity) -> bool:
    """Return whether a light has a brightness."""
    return bool(color_modes(entity) - {"onoff", "unknown"})


def has_color(entity: Entity) -> bool:
    """Return whether a light has colors."""
    return bool(color_modes(entity) & {"hs", "rgb", "rgbw", "rgbww", "xy"})


def has_color_temperature(entity: Entity) -> bool:
    """Return whether the white of a light can be set."""
    return bool(color_modes(entity) & {"color_temp", "rgbww"})


def takes_percent(slot: str, low: float = 0) -> Callable[[Entity, House], Value]:
    """Return a value of a percentage, from `low` to 100."""
    return lambda entity, house: Number(slot, low, 100)


def takes_kelvin(entity: Entity, house: House) -> Value:
    """Return the range of a light's white, in kelvin."""
    low = entity.capabilities.get("min_color_temp_kelvin") or 2000
    high = entity.capabilities.get("max_color_temp_kelvin") or 6500
    return Number("temperature", low, high, 100)


def takes_degrees(entity: Entity, house: House) -> Value:
    """Return the range of a target temperature, in the unit of the home."""
    fahrenheit = house.temperature_unit.endswith("F")
    low = entity.capabilities.get("min_temp") or (45 if fahrenheit else 7)
    high = entity.capabilities.get("max_temp") or (95 if fahrenheit else 35)
    return Number("temperature", low, high, entity.capabilities.get("target_temp_step") or 0.5)


def takes_humidity(entity: Entity, house: House) -> Value:
    """Return the range of a target humidity, in percent."""
    low = entity.capabilities.get("min_humidity") or 0
    return Number("humidity", low, entity.capabilities.get("max_humidity") or 100)


def takes_number(entity: Entity, house: House) -> Value:
    """Return the range of a number entity, in its own unit."""
    capabilities = entity.capabilities
    return Number(
        "value",
        capabilities.get("min", 0),
        capabilities.get("max", 100),
        capabilities.get("step") or 1,
    )


def takes_one_of(slot: str, capability: str) -> Callable[[Entity, House], Value | None]:
    """Return a value of one of the options that a capability lists."""

    def choice(entity: Entity, house: House) -> Value | None:
        options = tuple(str(option) for option in entity.capabilities.get(capability) or ())
        return Choice(slot, options) if options else None

    return choice


def takes_field(entity: Entity, house: House) -> Value | None:
    """Return the first thing that a script takes, which is what a sentence can say of it."""
    for name, value in field_values(entity).items():
        return replace(value, slot=f"{FIELD}{name}")
    return None


def takes_step(
    slot: str, low: float, high: float, sign: int = 1
) -> Callable[[Entity, House], Value]:
    """Return a value by which something changes, up (1) or down (-1)."""
    return lambda entity, house: Number(slot, low, high, 0.5 if slot == "step" else 1, sign)


def takes_areas(entity: Entity, house: House) -> Value | None:
    """Return a value of one of the areas of the home."""
    names = tuple(sorted({area.name for area in house.areas.values()}))
    return Choice("area", names) if names else None


def takes_text(slot: str) -> Callable[[Entity, House], Value]:
    """Return a value of any text."""
    return lambda entity, house: Text(slot)
