"""The models: list, pull, remove."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ollama_addon.engine.hardware import machine
from ollama_addon.engine.inventory import ModelState
from ollama_addon.engine.profile import OLLAMAS_CONTEXT
from ollama_addon.engine.pull import Pull
from ollama_addon.engine.updates import Verdict
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical
from ollama_addon.web.state import Parts, parts

router = APIRouter(prefix="/api/models")


class ModelBody(BaseModel):
    """A model that is there, or wanted, or being downloaded."""

    name: str
    id: str
    """The one spelling of its name that all others of it have in common."""
    state: ModelState
    present: bool
    wanted: bool
    loaded: bool
    size: int | None
    memory: int | None
    """Bytes in memory while it is loaded."""
    server: str | None
    ours: bool
    """Whether it can be deleted here: it is, or would be, where models are downloaded to."""
    used_by: list[str]
    """Ids of the agents that use it."""
    gpu_share: float | None
    """Which share of it is on a graphics card; null where that is not known."""
    family: str
    parameter_size: str
    quantization: str
    update: Verdict
    """Whether there is a newer version, as far as was looked."""
    prompt_speed: float | None
    decode_speed: float | None
    """Tokens a second, measured on this machine."""
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
    return models_of(parts(request))


def models_of(all_parts: Parts) -> list[ModelBody]:
    """Return the models."""
    inventory = all_parts.inventory
    found: list[ModelBody] = []
    for model in inventory.models:
        pull = inventory.progress(model.name)
        speed = all_parts.servers.speeds.of(model.name)
        found.append(
            ModelBody(
                name=model.name,
                id=canonical(model.name),
                state=model.state,
                present=model.present,
                wanted=model.wanted,
                loaded=model.loaded,
                size=model.size,
                memory=model.memory,
                server=model.server,
                ours=model.ours,
                used_by=list(model.used_by),
                gpu_share=model.gpu_share,
                family=model.family,
                parameter_size=model.parameter_size,
                quantization=model.quantization,
                update=all_parts.updates.verdict(model),
                prompt_speed=speed.prompt,
                decode_speed=speed.decode,
                progress=pull.message if pull else None,
                percent=pull.percent if pull else None,
                active=bool(pull and pull.active),
                failed=bool(pull and pull.state == "failed"),
            )
        )
    return found


def pulls_of(all_parts: Parts) -> list[dict[str, Any]]:
    """Return the downloads of this run, those that are over too."""
    return [as_json(pull) for pull in all_parts.inventory.pulls]


def as_json(pull: Pull) -> dict[str, Any]:
    """Return how far a download is, as it is sent."""
    return {
        "name": pull.name,
        "percent": pull.percent,
        "message": pull.message,
        "state": pull.state,
        "active": pull.active,
        "cause": pull.cause,
        "nearest": list(pull.nearest),
        "completed": pull.completed,
        "total": pull.total,
        "seconds_left": None if pull.seconds_left is None else round(pull.seconds_left),
    }


@router.get("/details")
async def details(request: Request) -> dict[str, dict[str, Any]]:
    """Return what the models that are there can do, by name; without those that do not tell."""
    all_parts = parts(request)
    found = {}
    for model in all_parts.inventory.models:
        if model.present:
            with suppress(AddonError):
                known = await all_parts.servers.details(model.name)
                found[model.name] = {
                    "capabilities": sorted(known.capabilities),
                    "context_length": known.context_length,
                    "gpu_share": model.gpu_share,
                }
    return found


@router.get("/recommended")
async def recommended(request: Request) -> dict[str, Any]:
    """Return what this machine is, and how the known models would do on it."""
    all_parts = parts(request)
    context = max(
        (agent.options.context_window for agent in all_parts.agents.values()),
        default=OLLAMAS_CONTEXT,
    )
    found = machine(all_parts.data)
    mirror = all_parts.mirror
    language = mirror.house.language if mirror.ready else "en"
    rows = await all_parts.servers.recommendations(context, language)
    return {
        "machine": asdict(found) | {"message": found.message},
        "context_window": context,
        "models": [
            {
                "name": row.known.name,
                "size": row.known.size,
                "memory": row.needed,
                "tools": row.known.tools,
                "thinking": row.known.thinking,
                "vision": row.known.vision,
                "licence": row.known.licence,
                "languages": row.known.language_names,
                "why": row.known.why,
                "fits": row.fits,
                "seconds_per_command": round(row.command.middle, 1),
                "command": [row.command.low, row.command.high],
                "question": [row.question.low, row.question.high],
                "basis": row.basis,
                "basis_model": row.basis_model,
                "recommended": row.recommended,
                "suggested": row.suggested,
            }
            for row in rows
        ],
    }


@router.post("/check")
async def check(request: Request) -> list[ModelBody]:
    """Ask the registry whether there are newer versions of the models that are here."""
    all_parts = parts(request)
    await all_parts.updates.check(all_parts.inventory.models)
    return models_of(all_parts)


@router.post("/cancel", status_code=204)
async def cancel(request: Request, body: PullBody) -> None:
    """Stop a download; pulled again, it is resumed."""
    await parts(request).inventory.cancel(body.name)


@router.post("/pull", status_code=202)
async def pull(request: Request, body: PullBody) -> dict[str, str]:
    """Begin to download a model; the events tell how far it is."""
    await parts(request).inventory.pull(body.name)
    return {"status": "queued", "id": canonical(body.name)}


@router.post("/unload", status_code=204)
async def unload(request: Request, body: PullBody) -> None:
    """Free the memory that a model takes; it is loaded again by the next sentence."""
    await parts(request).servers.unload(body.name)


@router.delete("/{name:path}", status_code=204)
async def remove(request: Request, name: str) -> None:
    """Remove a model from the disk."""
    await parts(request).inventory.remove(name)
