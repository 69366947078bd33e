"""Is it well, and if not, what is wrong and what to do."""

from __future__ import annotations

from typing import Literal

import psutil
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from ollama_addon import __version__
from ollama_addon.background import failing
from ollama_addon.engine.servers import Servers
from ollama_addon.home.templates import Rendered
from ollama_addon.options import AgentOptions
from ollama_addon.web.state import Parts, parts

_FULL = 3e9
"""Free bytes below which a disk is nearly full: the smallest useful models need as many."""

Health = Literal["ok", "degraded", "down"]

open_router = APIRouter()
router = APIRouter(prefix="/api")
metrics_router = APIRouter()


class Part(BaseModel):
    """How one part of the app is, with a sentence."""

    state: Health
    message: str


class Status(BaseModel):
    """How the app is."""

    id: str
    """What this installation is known by."""
    version: str
    engine: Part
    models: Part
    home: Part
    agents: Part
    disk: Part
    journal: Part
    background: Part
    """The background tasks."""
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
    state: Health
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
    return Status(
        id=all_parts.id,
        version=__version__,
        loaded=[model.name for model in all_parts.inventory.models if model.loaded],
        engine=_engine(all_parts),
        models=_models(all_parts),
        home=_home(all_parts),
        agents=_agents(all_parts),
        disk=_disk(all_parts),
        journal=_journal(all_parts),
        background=_background(),
        problems=[f"{p.field}: {p.message}" if p.field else p.message for p in all_parts.problems],
    )


def _engine(all_parts: Parts) -> Part:
    servers, daemon = all_parts.servers.all, all_parts.daemon
    # The daemon knows of its end before the next check of its health does.
    ended = daemon is not None and daemon.state != "running"
    healthy = [server for server in servers if server.healthy and not (server.bundled and ended)]
    if not healthy:
        return Part(state="down", message=all_parts.servers.why_down())
    away = [server.message for server in servers if not server.healthy]
    if daemon is not None and ended:
        away.append(daemon.message)
    if all_parts.servers.fitting.tight:
        away.append(all_parts.servers.fitting.tight)
    if away:
        return Part(state="degraded", message=" ".join(away))
    return Part(state="ok", message=f"Ollama answers at {healthy[0].url}.")


def _models(all_parts: Parts) -> Part:
    missing = [m for m in all_parts.inventory.models if m.wanted and not m.present]
    if not missing:
        return Part(state="ok", message="All models are there.")
    sentences = [
        pull.message
        if (pull := all_parts.inventory.progress(model.name))
        else f"The model {model.name} is missing."
        for model in missing
    ]
    wanted = [m for m in all_parts.inventory.models if m.wanted]
    state: Health = "down" if len(missing) == len(wanted) else "degraded"
    return Part(state=state, message=" ".join(sentences))


def _home(all_parts: Parts) -> Part:
    if not all_parts.connection.connected:
        return Part(state="down", message=all_parts.connection.message)
    if all_parts.mirror.trouble:
        return Part(state="degraded", message=all_parts.mirror.trouble)
    if not all_parts.mirror.ready:
        return Part(state="degraded", message="The home is still being read.")
    house = all_parts.mirror.house
    if not house.entities:
        return Part(
            state="degraded",
            message="No entity is exposed to Assist. Choose some in Home Assistant under "
            "Settings, Voice assistants, Expose.",
        )
    return Part(
        state="ok",
        message=f"{len(house.entities)} exposed entities in {len(house.areas)} areas.",
    )


def _agents(all_parts: Parts) -> Part:
    if not all_parts.agents:
        return Part(state="down", message="No agent is configured. Add one in the app's options.")
    spoiled = [
        sentence
        for agent in all_parts.agents.values()
        for sentence in (
            _instructions(agent.options.name, agent.rendered),
            _context(agent.options, all_parts.servers),
        )
        if sentence
    ]
    if spoiled:
        return Part(state="degraded", message=" ".join(spoiled))
    names = ", ".join(agent.options.name for agent in all_parts.agents.values())
    return Part(state="ok", message=f"Ready: {names}.")


def _context(agent: AgentOptions, servers: Servers) -> str:
    """Say that an agent asks for more than its model can read, if it does."""
    longest = servers.longest_context(agent.model) if agent.model else None
    if longest is None or agent.context_window <= longest:
        return ""
    return (
        f"The context window of {agent.name} is {agent.context_window:,} tokens, but its model "
        f"{agent.model} was made for {longest:,} at most. Set it to that or less."
    )


def _disk(all_parts: Parts) -> Part:
    free = psutil.disk_usage(str(all_parts.data)).free
    sentence = f"{free / 1e9:.0f} GB of the disk are free."
    if free > _FULL:
        return Part(state="ok", message=sentence)
    # Whole gigabytes, so that the sentence does not change all the time.
    return Part(
        state="degraded",
        message=f"{sentence} Delete models that are not needed on the Models page, or other data.",
    )


def _journal(all_parts: Parts) -> Part:
    journal = all_parts.journal
    if journal.message:
        return Part(state="degraded", message=journal.message)
    if not journal.days:
        return Part(state="ok", message="Nothing of what is said is kept.")
    return Part(state="ok", message=f"What is said is kept for {journal.days} days.")


def _background() -> Part:
    names = [failure.name for failure in failing()]
    if not names:
        return Part(state="ok", message="All background tasks run.")
    return Part(
        state="degraded",
        message=f"Background tasks failed and are started again: {', '.join(names)}. "
        "The log says why.",
    )


def _instructions(name: str, rendered: Rendered) -> str:
    """Say what is wrong with an agent's instructions, if anything is."""
    if rendered.error:
        return f"The instructions of {name} are no valid template: {rendered.error}"
    if not rendered.changes_with_time and not rendered.follows:
        return ""
    what = "the time" if rendered.changes_with_time else ", ".join(rendered.follows[:5])
    return (
        f"The instructions of {name} change with {what}, so that the model reads everything again "
        "when they do and answers slowly. Time, place and states are given to it with each "
        "sentence: leave them out of the instructions."
    )
