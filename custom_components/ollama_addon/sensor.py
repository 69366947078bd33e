"""How the app is and how fast it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import Coordinator, OllamaAddonConfigEntry, Sidecar
from .entity import AddonEntity

PARALLEL_UPDATES = 0
_ORDER = ("down", "attention", "unknown", "working", "ok")
_OWN = ("engine", "models", "home", "agents", "disk", "journal", "background")
"""The parts of the app itself; what is missing in Home Assistant is no fault of it."""


@dataclass(frozen=True, kw_only=True)
class AddonSensorDescription(SensorEntityDescription):
    """What a sensor shows of the app."""

    value: Callable[[Sidecar], Any]
    attributes: Callable[[Sidecar], dict[str, Any]] = lambda sidecar: {}


def _state(sidecar: Sidecar) -> str:
    states = {sidecar.status[part]["state"] for part in _OWN if part in sidecar.status}
    return next((state for state in _ORDER if state in states), "down")


def _messages(sidecar: Sidecar) -> dict[str, Any]:
    return {part: sidecar.status[part]["message"] for part in _OWN if part in sidecar.status}


def _rate(sidecar: Sidecar) -> float | None:
    tokens = sidecar.turn.get("usage", {}).get("completion_tokens", 0)
    decode = sidecar.turn.get("timings", {}).get("decode", 0)
    return round(tokens / decode * 1000, 1) if tokens and decode else None


def _pull(sidecar: Sidecar) -> int | None:
    running = [pull for pull in sidecar.pulls.values() if pull["active"]]
    return running[-1]["percent"] if running else None


def _next_order(sidecar: Sidecar) -> datetime | None:
    return dt_util.parse_datetime(sidecar.orders.get("next") or "")


SENSORS = (
    AddonSensorDescription(
        key="state",
        device_class=SensorDeviceClass.ENUM,
        options=["ok", "working", "attention", "down", "unknown"],
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_state,
        attributes=_messages,
    ),
    AddonSensorDescription(
        key="loaded_model",
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda sidecar: ", ".join(sidecar.status.get("loaded") or ()) or None,
    ),
    AddonSensorDescription(
        key="first_word",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda sidecar: sidecar.turn.get("timings", {}).get("first_word"),
    ),
    AddonSensorDescription(
        key="decode_rate",
        native_unit_of_measurement="tokens/s",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_rate,
    ),
    AddonSensorDescription(
        key="download",
        native_unit_of_measurement=PERCENTAGE,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_pull,
        attributes=lambda sidecar: {
            name: pull["message"] for name, pull in sidecar.pulls.items() if pull["active"]
        },
    ),
    AddonSensorDescription(
        key="next_order",
        device_class=SensorDeviceClass.TIMESTAMP,
        value=_next_order,
        # What was said is not for everybody who sees a state.
        attributes=lambda sidecar: {
            key: sidecar.orders[key] for key in ("count", "entity_ids") if key in sidecar.orders
        },
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OllamaAddonConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of the app."""
    async_add_entities(AddonSensor(entry.runtime_data, description) for description in SENSORS)


class AddonSensor(AddonEntity, SensorEntity):
    """One thing that the app tells of itself."""

    entity_description: AddonSensorDescription

    def __init__(self, coordinator: Coordinator, description: AddonSensorDescription) -> None:
        """Make it of a description."""
        super().__init__(coordinator, description.key)
        self.entity_description = description

    @property
    def native_value(self) -> Any:
        """What it shows now."""
        return self.entity_description.value(self.coordinator.data)

    @property
    def extra_state_attributes(self) -> dict[str, Any]:
        """The sentences behind it."""
        return self.entity_description.attributes(self.coordinator.data)
