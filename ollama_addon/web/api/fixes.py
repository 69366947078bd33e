"""What went wrong put right in Home Assistant's registries, and taken back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from ollama_addon.web.access.auth import PEOPLE_ONLY
from ollama_addon.web.state import parts

router = APIRouter(prefix="/api/fixes", dependencies=[PEOPLE_ONLY])

EntityId = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$", max_length=255)]
Alias = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
MOST = 1000
"""Entities that are changed by one request."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AliasParams(_Strict):
    """Another name for an entity."""

    entity_id: EntityId
    alias: Alias


class ExposeParams(_Strict):
    """Entities that Assist may use."""

    entity_ids: list[EntityId] = Field(min_length=1, max_length=MOST)


class AreaParams(_Strict):
    """Where an entity stands."""

    entity_id: EntityId
    area_id: str | None = Field(max_length=255)


class AddAlias(_Strict):
    """Have an entity be called otherwise as well."""

    code: Literal["add_alias"]
    params: AliasParams


class Expose(_Strict):
    """Expose entities to Assist."""

    code: Literal["expose"]
    params: ExposeParams


class SetArea(_Strict):
    """Put an entity into an area."""

    code: Literal["set_area"]
    params: AreaParams


FixBody = Annotated[AddAlias | Expose | SetArea, Field(discriminator="code")]


@router.post("")
async def fix(request: Request, body: FixBody) -> dict[str, str]:
    """Put something right; the answer's `undo` takes it back."""
    changes = parts(request).registry_changes
    match body:
        case AddAlias(params=params):
            undo = await changes.add_alias(params.entity_id, params.alias.strip())
        case Expose(params=given):
            undo = await changes.expose(given.entity_ids, True)
        case SetArea(params=place):
            undo = await changes.set_area(place.entity_id, place.area_id)
    return {"undo": undo}


@router.post("/{change_id}/undo", status_code=204)
async def undo(request: Request, change_id: str) -> None:
    """Take a change back."""
    await parts(request).registry_changes.undo(change_id)
