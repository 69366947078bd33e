"""The home as the panel shows it: where one can be, and what is exposed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request

from ollama_addon.home.model import House
from ollama_addon.web.state import parts

router = APIRouter(prefix="/api/home")


@router.get("")
async def home(request: Request) -> dict[str, Any]:
    """Return areas, satellites and counts of what is exposed."""
    house = parts(request).mirror.house
    inside = Counter(entity.area_id for entity in house.entities.values())
    return {
        "name": house.name,
        "language": house.language,
        "entities": len(house.entities),
        "domains": dict(Counter(entity.domain for entity in house.entities.values())),
        "areas": [
            {
                "id": area.id,
                "name": area.name,
                "floor": floor.name if (floor := house.floor_of(area)) else None,
                "entities": inside[area.id],
            }
            for area in sorted(house.areas.values(), key=lambda area: area.name.casefold())
        ],
        "satellites": [
            {"id": entity_id, "area": _area_name(house, area_id)}
            for entity_id, area_id in sorted(house.satellite_areas.items())
        ],
    }


def _area_name(house: House, area_id: str) -> str:
    area = house.areas.get(area_id)
    return area.name if area else area_id
