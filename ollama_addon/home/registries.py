"""Home Assistant's registries, read into a `House`.

`Registries` holds the lists as Home Assistant sends them; `house` makes one consistent
picture of them and of the entities' abilities. Names and places are found the way that
Home Assistant itself finds them when it matches a spoken name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ollama_addon.home.model import Area, Entity, Floor, House, State

ASSISTANT = "conversation"
"""Home Assistant's name for Assist, where entities are exposed to it."""

CAPABILITIES: Mapping[str, frozenset[str]] = {
    domain: frozenset(attributes.split())
    for domain, attributes in {
        "alarm_control_panel": "code_format code_arm_required",
        "climate": "hvac_modes fan_modes preset_modes swing_modes swing_horizontal_modes min_temp "
        "max_temp target_temp_step min_humidity max_humidity target_humidity_step",
        "fan": "preset_modes",
        "humidifier": "available_modes min_humidity max_humidity target_humidity_step",
        "input_number": "min max step unit_of_measurement",
        "input_select": "options",
        "light": "supported_color_modes min_color_temp_kelvin max_color_temp_kelvin effect_list",
        "lock": "code_format",
        "media_player": "source_list sound_mode_list",
        "number": "min max step unit_of_measurement",
        "remote": "activity_list",
        "select": "options",
        "sensor": "unit_of_measurement options",
        "siren": "available_tones",
        "text": "min max pattern",
        "vacuum": "fan_speed_list",
        "water_heater": "operation_list min_temp max_temp target_temp_step",
    }.items()
}
"""The attributes that say what an entity of a domain can do."""

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an entity can do, as gathered from the states that it has had.

    A television that is off reports fewer features and no sources. What it could do once
    stays here, so that switching it off does not make another house.
    """

    device_class: str | None = None
    supported_features: int = 0
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    """The `friendly_name`, for entities that are in no registry."""

    def gathered(self, entity_id: str, attributes: Mapping[str, Any]) -> Abilities:
        """Return these abilities with those that `attributes` add; the same object if none."""
        known = CAPABILITIES.get(entity_id.partition(".")[0], _NONE)
        found = {
            key: value
            for key in known & attributes.keys()
            if (value := attributes[key]) is not None and value != self.capabilities.get(key)
        }
        features = attributes.get("supported_features")
        gathered = Abilities(
            attributes.get("device_class") or self.device_class,
            self.supported_features | (features if isinstance(features, int) else 0),
            {**self.capabilities, **found} if found else self.capabilities,
            attributes.get("friendly_name") or self.name,
        )
        return self if gathered == self else gathered


@dataclass(slots=True)
class Registries:
    """Home Assistant's lists as they are sent, each replaced as a whole."""

    config: Mapping[str, Any] = field(default_factory=dict)
    floors: Sequence[Mapping[str, Any]] = ()
    areas: Sequence[Mapping[str, Any]] = ()
    devices: Sequence[Mapping[str, Any]] = ()
    entities: Sequence[Mapping[str, Any]] = ()
    extended: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """The complete entries of the exposed entities, with their aliases, by entity id."""
    exposed_list: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    script_services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def exposed(self) -> list[str]:
        """Return the ids of the exposed entities, sorted.

        Home Assistant stores the exposure of every state as soon as it has started, so what is
        stored is the truth. For entities in no registry only `expose_entity/list` tells it.
        """
        registered = {entry["entity_id"]: entry for entry in self.entities}
        ids = {
            entity_id
            for entity_id, entry in registered.items()
            if not entry.get("disabled_by")
            and ((entry.get("options") or {}).get(ASSISTANT) or {}).get("should_expose") is True
        }
        ids.update(
            entity_id
            for entity_id, assistants in self.exposed_list.items()
            if entity_id not in registered and assistants.get(ASSISTANT)
        )
        return sorted(ids)

    def registered(self, entity_id: str) -> bool:
        """Tell whether an entity is in the registry, so that it can be changed there."""
        return any(entry["entity_id"] == entity_id for entry in self.entities)

    def unexposed(self, house: House) -> list[Entity]:
        """Return the registered entities that are not exposed and could be, by id.

        Their names are those of the registry; of what they can do nothing is known.
        """
        devices = {entry["id"]: entry for entry in self.devices}
        exposed = set(self.exposed())
        return [
            self._entity(
                entry["entity_id"], entry, devices, house.areas, house.device_areas, Abilities()
            )
            for entry in sorted(self.entities, key=lambda entry: str(entry["entity_id"]))
            if entry["entity_id"] not in exposed and not entry.get("disabled_by")
        ]

    def house(self, abilities: Mapping[str, Abilities], states: Mapping[str, State]) -> House:
        """Return the house of these lists, with the exposed entities that have a state.

        `states` becomes the live mapping of the house.
        """
        floors = {
            entry["floor_id"]: Floor(
                entry["floor_id"],
                _text(entry.get("name")) or entry["floor_id"],
                entry.get("level"),
                tuple(sorted(_texts(entry.get("aliases")))),
            )
            for entry in sorted(self.floors, key=lambda entry: str(entry["floor_id"]))
        }
        areas = {
            entry["area_id"]: Area(
                entry["area_id"],
                _text(entry.get("name")) or entry["area_id"],
                entry.get("floor_id") if entry.get("floor_id") in floors else None,
                tuple(sorted(_texts(entry.get("aliases")))),
            )
            for entry in sorted(self.areas, key=lambda entry: str(entry["area_id"]))
        }
        devices = {entry["id"]: entry for entry in self.devices}
        device_areas = {
            device_id: area_id
            for device_id in sorted(devices)
            if (area_id := _device_area(device_id, devices)) in areas and area_id is not None
        }
        registered = {entry["entity_id"]: entry for entry in self.entities}
        entities = {}
        for entity_id in self.exposed():
            if entity_id in states:
                entry = self.extended.get(entity_id) or registered.get(entity_id) or {}
                able = abilities.get(entity_id, Abilities())
                entities[entity_id] = self._entity(
                    entity_id, entry, devices, areas, device_areas, able
                )
        satellite_areas = {
            entity_id: area_id
            for entity_id, entry in sorted(registered.items())
            if entity_id.startswith("assist_satellite.")
            and (area_id := _entity_area(entry, areas, device_areas))
        }
        house = House(
            entities=entities,
            areas=areas,
            floors=floors,
            states=states,
            device_areas=device_areas,
            satellite_areas=satellite_areas,
            name=_text(self.config.get("location_name")) or "Home",
            language=_text(self.config.get("language")) or "en",
            temperature_unit=(self.config.get("unit_system") or {}).get("temperature") or "°C",
            time_zone=_text(self.config.get("time_zone")) or "UTC",
            country=_text(self.config.get("country")),
            latitude=_number(self.config.get("latitude")),
            longitude=_number(self.config.get("longitude")),
            elevation=_number(self.config.get("elevation")),
        )
        return replace(house, revision=_digest(house))

    def _entity(
        self,
        entity_id: str,
        entry: Mapping[str, Any],
        devices: Mapping[str, Mapping[str, Any]],
        areas: Mapping[str, Area],
        device_areas: Mapping[str, str],
        able: Abilities,
    ) -> Entity:
        names = _names(entity_id, entry, devices, able.name)
        capabilities = dict(sorted(able.capabilities.items()))
        if entity_id.startswith("script."):
            # A script's service is called by its unique id, which its entity id need not be.
            service = entry.get("unique_id") or entity_id.partition(".")[2]
            if parameters := self.script_services.get(service, {}).get("fields"):
                capabilities["fields"] = parameters
        return Entity(
            entity_id,
            names[0],
            names[1:],
            _entity_area(entry, areas, device_areas),
            entry.get("device_id"),
            entry.get("device_class") or able.device_class or entry.get("original_device_class"),
            able.supported_features,
            capabilities,
        )


def _names(
    entity_id: str,
    entry: Mapping[str, Any],
    devices: Mapping[str, Mapping[str, Any]],
    friendly_name: str,
) -> tuple[str, ...]:
    """Return what people call an entity, the name first and then its aliases.

    In the list of aliases, null stands for the computed name; where it is missing, the user
    has taken that name away. Home Assistant before it knew this always had the name as well.
    """
    computed = _computed_name(entry, devices) or friendly_name
    aliases = entry.get("aliases") or []
    spoken = [computed if alias is None else alias for alias in aliases]
    if None not in aliases and (not aliases or "next_name_part" not in entry):
        spoken.insert(0, computed)
    names = dict.fromkeys(_texts(spoken))
    if not names:
        device = devices.get(entry.get("device_id") or "", {})
        fallback = _text(device.get("name_by_user")) or _text(device.get("name"))
        names[fallback or entity_id.partition(".")[2].replace("_", " ")] = None
    return tuple(names)


def _computed_name(
    entry: Mapping[str, Any], devices: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """Return the name that Home Assistant composes, or None where it does not say how."""
    if "next_name_part" not in entry:
        return None
    parts = [entry.get("name") or entry.get("original_name")]
    if entry["next_name_part"] == "device" and (device := devices.get(entry["device_id"] or "")):
        parts.insert(0, device.get("name_by_user") or device.get("name"))
        if device.get("next_name_part") == "parent_device":
            parent = devices.get(device.get("parent_device_id") or "", {})
            parts.insert(0, parent.get("name_by_user") or parent.get("name"))
    return " ".join(_texts(parts)) or None


def _entity_area(
    entry: Mapping[str, Any], areas: Mapping[str, Area], device_areas: Mapping[str, str]
) -> str | None:
    area_id = entry.get("area_id") or device_areas.get(entry.get("device_id") or "")
    return area_id if area_id in areas else None


def _device_area(device_id: str, devices: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return a device's area; a part of another device stands where that one does."""
    device = devices[device_id]
    parent = devices.get(device.get("parent_device_id") or "", {})
    area_id = device.get("area_id") or parent.get("area_id")
    return str(area_id) if area_id else None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _texts(values: Iterable[Any] | None) -> list[str]:
    return [text for value in values or () if (text := _text(value))]


def _digest(house: House) -> str:
    """Return a digest of everything in a house but the states."""
    picture = [getattr(house, part.name) for part in fields(house) if part.name != "states"]
    text = json.dumps(picture, default=_values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _values(value: Any) -> Any:
    return [getattr(value, part.name) for part in fields(value)]
