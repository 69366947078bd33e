"""The models: list, pull, remove."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ollama_addon.web.state import Parts, parts

router = APIRouter(prefix="/api/models")


class ModelBody(BaseModel):
    """A model that is there, or wanted, or being downloaded."""

    name: str
    present: bool
    wanted: bool
    loaded: bool
    size: int | None
    progress: str | None
    """How far its download is, as a sentence."""
    percent: int | None
    active: bool
    """Whether it is being downloaded, or waits for that."""
    failed: bool
    """Whether its last download failed; `progress` says why."""


class PullBody(BaseModel):
    """Which model is meant."""

    name: str = Field(max_length=256)


@router.get("")
async def models(request: Request) -> list[ModelBody]:
    """Return the models."""
    inventory = parts(request).inventory
    found: list[ModelBody] = []
    for model in inventory.models:
        pull = inventory.progress(model.name)
        found.append(
            ModelBody(
                name=model.name,
                present=model.present,
                wanted=model.wanted,
                loaded=model.loaded,
                size=model.size,
                progress=pull.message if pull else None,
                percent=pull.percent if pull else None,
                active=bool(pull and pull.active),
                failed=bool(pull and pull.state == "failed"),
            )
        )
    return found


def pulls_of(all_parts: Parts) -> list[dict[str, Any]]:
    """Return the downloads of this run, those that are over too."""
    inventory = all_parts.inventory
    return [
        {
            "name": model.name,
            "percent": pull.percent,
            "message": pull.message,
            "state": pull.state,
            "active": pull.active,
        }
        for model in inventory.models
        if (pull := inventory.progress(model.name))
    ]


@router.post("/pull", status_code=202)
async def pull(request: Request, body: PullBody) -> dict[str, str]:
    """Begin to download a model; the list tells how far it is."""
    await parts(request).inventory.pull(body.name)
    return {"status": "queued"}


@router.post("/unload", status_code=204)
async def unload(request: Request, body: PullBody) -> None:
    """Free the memory that a model takes; it is loaded again by the next sentence."""
    await parts(request).servers.unload(body.name)


@router.delete("/{name:path}", status_code=204)
async def remove(request: Request, name: str) -> None:
    """Remove a model from the disk."""
    await parts(request).inventory.remove(name)
