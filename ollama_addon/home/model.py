"""The house as the agent sees it: entities, areas, floors and satellites.

These are plain values. The mirror makes them, everything else reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor of Home Assistant's floor registry."""

    id: str
    name: str
    level: int | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """An area of Home Assistant's area registry."""

    id: str
    name: str
    floor_id: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """An exposed entity: what it is called, where it is and what it can do.

    What stands here changes seldom; the state, which changes all the time,
    is kept apart in `State`, so that a prompt made of entities stays the same.
    """

    id: str
    """The entity id, such as `light.kitchen`."""
    name: str
    """The name that people say, such as `Kitchen light`."""
    aliases: tuple[str, ...] = ()
    area_id: str | None = None
    """The entity's own area, else its device's."""
    device_id: str | None = None
    device_class: str | None = None
    supported_features: int = 0
    """Bits of the domain's `…EntityFeature`."""
    capabilities: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Attributes that say what the entity can do: `supported_color_modes`, `hvac_modes`,
    `min_temp`, `max_temp`, `fan_modes`, `preset_modes`, `source_list`, `fields` of a script …"""

    domain: str = field(init=False, compare=False, repr=False)
    """The part of the entity id before the dot."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", self.id.partition(".")[0])


@dataclass(frozen=True, slots=True)
class State:
    """An entity's state as Home Assistant last reported it."""

    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Satellite:
    """Where a sentence was spoken: an assist satellite or another device with an area."""

    device_id: str | None = None
    satellite_id: str | None = None
    area_id: str | None = None


@dataclass(frozen=True, slots=True)
class House:
    """One consistent picture of the exposed house, replaced as a whole when it changes.

    `states` is the live mapping: it is updated in place as states change, while
    `entities`, `areas` and `floors` never change within one `House`.
    """

    entities: Mapping[str, Entity] = field(default_factory=dict)
    areas: Mapping[str, Area] = field(default_factory=dict)
    floors: Mapping[str, Floor] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    device_areas: Mapping[str, str] = field(default_factory=dict)
    """The area of each device that has one, by device id: where a satellite stands."""
    satellite_areas: Mapping[str, str] = field(default_factory=dict)
    """The area of each assist satellite that has one, by entity id."""
    name: str = "Home"
    language: str = "en"
    temperature_unit: str = "°C"
    time_zone: str = "UTC"
    country: str = ""
    """Two letters, such as `GB`; by it dates and times are written."""
    latitude: float = 0.0
    longitude: float = 0.0
    elevation: float = 0.0
    """Meters above the sea."""
    revision: str = ""
    """A digest of everything but the states; the same house has the same one."""

    def area_of(self, entity: Entity) -> Area | None:
        """Return the area that an entity stands in, if any."""
        return self.areas.get(entity.area_id) if entity.area_id else None

    def satellite(self, device_id: str | None, satellite_id: str | None) -> Satellite:
        """Return the satellite of these ids, with the area that it stands in, if any."""
        area_id = self.satellite_areas.get(satellite_id or "")
        return Satellite(device_id, satellite_id, area_id or self.device_areas.get(device_id or ""))

    def floor_of(self, area: Area | None) -> Floor | None:
        """Return the floor of an area, if any."""
        return self.floors.get(area.floor_id) if area and area.floor_id else None
