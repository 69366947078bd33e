"""Is it well, and if not, what is wrong and what to do."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from ollama_addon import __version__
from ollama_addon.web.api import status_parts
from ollama_addon.web.api.status_parts import AgentState, Part
from ollama_addon.web.state import Parts, parts

open_router = APIRouter()
router = APIRouter(prefix="/api")
metrics_router = APIRouter()


class Status(BaseModel):
    """How the app is."""

    id: str
    """What this installation is known by."""
    version: str
    engine: Part
    models: Part
    home: Part
    agents: Part
    companion: Part
    """Whether the agents are in Home Assistant."""
    assistants: Part
    """Whether a voice assistant uses one of them."""
    disk: Part
    journal: Part
    background: Part
    """The background tasks."""
    agent_states: list[AgentState]
    commands_work: bool
    """Whether something said is carried out now, be it only what needs no model."""
    commands_code: status_parts.CommandsCode
    """Why, or why not."""
    loaded: list[str]
    """Models in memory."""
    problems: list[str]
    """What is wrong in the options, a sentence each."""


@open_router.get("/health")
async def health() -> dict[str, str]:
    """Answer while the sidecar lives. Holds no secret."""
    return {"status": "ok"}


@router.get("/status")
async def status(request: Request) -> Status:
    """Return how engine, models, home and agents are."""
    return status_of(parts(request))


class ServerBody(BaseModel):
    """An Ollama server."""

    url: str
    bundled: bool
    state: Literal["ok", "down"]
    message: str
    latency: float | None
    """Milliseconds that its last health check took."""
    models: list[str]
    loaded: list[str]


@router.get("/servers")
async def servers(request: Request) -> list[ServerBody]:
    """Return the Ollama servers, in the order in which they are asked."""
    return [
        ServerBody(
            url=server.url,
            bundled=server.bundled,
            state="ok" if server.healthy else "down",
            message=server.message,
            latency=None if server.latency is None else round(server.latency * 1000, 1),
            models=sorted(server.models) if server.healthy else [],
            loaded=sorted(server.loaded) if server.healthy else [],
        )
        for server in parts(request).servers.all
    ]


@metrics_router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return figures for Prometheus."""
    return Response(parts(request).metrics.text, media_type=CONTENT_TYPE_LATEST)


def status_of(all_parts: Parts) -> Status:
    """Return how the parts are."""
    agents = status_parts.agent_states(all_parts)
    works, code = status_parts.commands(all_parts)
    return Status(
        id=all_parts.id,
        version=__version__,
        loaded=[model.name for model in all_parts.inventory.models if model.loaded],
        engine=status_parts.engine(all_parts),
        models=status_parts.models(all_parts),
        home=status_parts.home(all_parts),
        agents=status_parts.agents(agents),
        companion=status_parts.companion(all_parts),
        assistants=status_parts.assistants(all_parts),
        disk=status_parts.disk(all_parts),
        journal=status_parts.history(all_parts),
        background=status_parts.background(),
        agent_states=agents,
        commands_work=works,
        commands_code=code,
        problems=[f"{p.field}: {p.message}" if p.field else p.message for p in all_parts.problems],
    )
