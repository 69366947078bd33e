"""The entities that Assist may use: what each costs, when it was used, and what is odd about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ollama_addon.errors import AddonError
from ollama_addon.home.model import Entity, House
from ollama_addon.web.access.auth import PEOPLE_ONLY
from ollama_addon.web.api.fixes import MOST, EntityId
from ollama_addon.web.state import Parts, parts

router = APIRouter(prefix="/api/entities")

_MONTH = 30 * 86_400.0
_LONG = 40
"""Characters from which on a name is long to say and to read."""

Show = Literal["exposed", "unexposed", "never_used", "no_area", "same_name", "long_name"]


@router.get("")
async def entities(
    request: Request,
    show: Show = "exposed",
    search: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """Return entities with what they cost, and the sums for each agent that controls the home.

    `last_used` is in seconds since the epoch; it and `never_used` are null while no history is
    kept. Tokens are about as many as the entity's name has in a prompt.
    """
    all_parts = parts(request)
    house = all_parts.mirror.house
    uses = await _uses(all_parts)
    listed = (
        all_parts.mirror.registries.unexposed(house)
        if show == "unexposed"
        else list(house.entities.values())
    )
    names = Counter(name for entity in house.entities.values() for name in _names(entity))
    rows = [_row(entity, show != "unexposed", house, uses, names, all_parts) for entity in listed]
    words = search.casefold().split()
    return {
        "entities": [
            row
            for row in rows
            if (show in ("exposed", "unexposed") or show in row["flags"])
            and all(word in _searched(row) for word in words)
        ],
        "exposed": len(house.entities),
        "agents": [
            {
                "id": agent.options.id,
                "name": agent.options.name,
                "tokens": agent.home_tokens(house),
                "context_window": agent.options.context_window,
                "left_out": agent.left_out,
            }
            for agent in all_parts.agents.values()
            if agent.options.control_home
        ],
        "connected": all_parts.connection.connected,
        "history": bool(all_parts.journal.days),
    }


class ExposeBody(BaseModel):
    """Entities that are to be exposed to Assist, or no longer."""

    model_config = ConfigDict(extra="forbid")

    ids: list[EntityId] = Field(min_length=1, max_length=MOST)
    expose: bool


@router.post("/expose", dependencies=[PEOPLE_ONLY])
async def expose(request: Request, body: ExposeBody) -> dict[str, str]:
    """Expose entities or unexpose them; the answer's `undo` takes all of it back at once."""
    changes = parts(request).registry_changes
    return {"undo": await changes.expose(body.ids, body.expose)}


async def _uses(all_parts: Parts) -> Mapping[str, tuple[float, int]] | None:
    """Return what was used in the last 30 days; None where that is not known."""
    if not all_parts.journal.days:
        return None
    try:
        return await all_parts.journal.uses(time.time() - _MONTH)
    except AddonError:
        return None


def _row(
    entity: Entity,
    exposed: bool,
    house: House,
    uses: Mapping[str, tuple[float, int]] | None,
    names: Counter[str],
    all_parts: Parts,
) -> dict[str, Any]:
    area = house.area_of(entity)
    last, times = (None, None) if uses is None else uses.get(entity.id, (None, 0))
    flags = [
        flag
        for flag, is_so in (
            ("no_area", area is None),
            ("same_name", exposed and any(names[name] > 1 for name in _names(entity))),
            ("never_used", exposed and times == 0),
            ("long_name", len(entity.name) > _LONG),
        )
        if is_so
    ]
    agent = next(iter(all_parts.agents.values()), None)
    return {
        "id": entity.id,
        "name": entity.name,
        "aliases": list(entity.aliases),
        "area_id": area.id if area else None,
        "area": area.name if area else None,
        "domain": entity.domain,
        "exposed": exposed,
        "editable": all_parts.mirror.registries.registered(entity.id),
        "tokens": agent.tokens(f"{entity.name}, ") if agent is not None else None,
        "last_used": last,
        "times_used": times,
        "flags": flags,
    }


def _names(entity: Entity) -> set[str]:
    return {name.casefold() for name in (entity.name, *entity.aliases)}


def _searched(row: Mapping[str, Any]) -> str:
    return " ".join((row["id"], row["name"], *row["aliases"], row["area"] or "")).casefold()
