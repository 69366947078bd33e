"""The homes of the evaluation, as their inventories describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "homes"


@dataclass(frozen=True, slots=True)
class Home:
    """A home by the ids of its parts. `entities` holds the inventory's own entries."""

    id: str
    path: Path
    language: str
    entities: Mapping[str, Mapping[str, Any]]
    floor_of: Mapping[str, str | None]
    """The floor of each area."""
    floors: frozenset[str]
    satellites: Mapping[str, str]
    """The name of each satellite's device."""
    time_zone: str = "UTC"

    def exposed(self, entity_id: str) -> bool:
        """Whether the agent may know of an entity."""
        return bool(self.entities[entity_id].get("exposed", True))

    def select(self, selector: str) -> list[str]:
        """Return the entity ids that a selector stands for.

        `light.kitchen` is that entity. `light` is every exposed one of the domain,
        `light@upstairs` every exposed one in that area or on that floor, and
        `binary_sensor:window` every exposed one of that device class. Raises `LookupError` when
        there is none.
        """
        kind, _, place = selector.partition("@")
        domain, _, device_class = kind.partition(":")
        if "." in domain:
            found = [domain] if domain in self.entities else []
        else:
            found = [
                entity_id
                for entity_id, entity in self.entities.items()
                if entity_id.partition(".")[0] == domain
                and self.exposed(entity_id)
                and (not device_class or entity.get("device_class") == device_class)
                and (not place or place in (area := entity.get("area"), self._floor(area)))
            ]
        if not found:
            raise LookupError(f"{self.path.name} has nothing that '{selector}' stands for")
        return found

    def _floor(self, area: str | None) -> str | None:
        return self.floor_of.get(area) if area else None


def load_home(path: Path) -> Home:
    """Read an inventory."""
    inventory = yaml.safe_load(path.read_text())
    return Home(
        id=path.stem,
        path=path,
        language=inventory["language"],
        entities={entity["id"]: entity for entity in inventory["entities"]},
        floor_of={area["id"]: area.get("floor") for area in inventory["areas"]},
        floors=frozenset(floor["id"] for floor in inventory.get("floors", ())),
        satellites={each["id"]: each["name"] for each in inventory["satellites"]},
        time_zone=inventory.get("time_zone", "UTC"),
    )


def load_homes() -> dict[str, Home]:
    """Read all homes of the evaluation, by id."""
    return {path.stem: load_home(path) for path in sorted(FOLDER.glob("*.yaml"))}
