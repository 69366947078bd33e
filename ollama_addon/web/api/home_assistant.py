"""What can be done in Home Assistant with one click."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ollama_addon.companion import removal
from ollama_addon.web.access.auth import PEOPLE_ONLY
from ollama_addon.web.api.options import take_over
from ollama_addon.web.state import parts

router = APIRouter(prefix="/api/home-assistant")


class ChoiceBody(BaseModel):
    """Which agent is to answer in which pipeline."""

    pipeline_id: str
    agent_id: str


@router.get("/companion")
async def companion(request: Request) -> dict[str, Any]:
    """Return whether the companion integration is there, runs, or waits for a restart."""
    found = parts(request).companion
    return {
        "state": found.state,
        "message": found.message,
        "restart_needed": found.restart_needed,
        "runs": found.runs,
    }


@router.delete("/companion", dependencies=[PEOPLE_ONLY])
async def remove_from_home_assistant(request: Request) -> dict[str, Any]:
    """Take out what the app has put into Home Assistant: its entries, its files, its assistants.

    It stays out: the options that would put it there again are switched off.
    """
    all_parts = parts(request)
    off = {"install_integration": False, "own_integration": False, "wyoming": False}
    kept = await all_parts.own_options.change(lambda options: {**options, **off})
    await take_over(all_parts, kept.options)
    if all_parts.stand_in is not None:
        all_parts.stand_in.no_longer_wanted()
    removed = await removal.remove(
        all_parts.connection,
        all_parts.companion,
        all_parts.own_integration,
        all_parts.announcement,
    )
    return asdict(removed)


@router.get("/own-integration")
async def own_integration(request: Request) -> dict[str, Any]:
    """Return whether Home Assistant's own Ollama integration uses this app."""
    return asdict(await parts(request).own_integration.state())


@router.post("/own-integration", dependencies=[PEOPLE_ONLY])
async def use_own_integration(request: Request) -> dict[str, Any]:
    """Have it use this app: an entry, and a conversation agent for each of ours."""
    return asdict(await parts(request).own_integration.apply())


@router.delete("/own-integration", dependencies=[PEOPLE_ONLY])
async def leave_own_integration(request: Request) -> dict[str, Any]:
    """Undo that."""
    return asdict(await parts(request).own_integration.remove())


@router.get("/pipelines")
async def pipelines(request: Request) -> list[dict[str, Any]]:
    """Return Home Assistant's Assist pipelines, and which agent of ours answers in each."""
    return [asdict(each) for each in await parts(request).pipelines.list()]


@router.post("/pipelines", status_code=204, dependencies=[PEOPLE_ONLY])
async def choose_pipeline(request: Request, body: ChoiceBody) -> None:
    """Make an agent the conversation engine of a pipeline."""
    all_parts = parts(request)
    agent = all_parts.agent(body.agent_id)
    await all_parts.pipelines.choose(body.pipeline_id, agent.options.id)
