"""Agents: list, converse, generate."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.ai_task import MAX_IMAGES, Made, Task, generate
from ollama_addon.agent.events import (
    End,
    Error,
    Event,
    Start,
    ToolCall,
    ToolResult,
    as_json,
)
from ollama_addon.agent.trace import explained
from ollama_addon.agent.turn import Turn
from ollama_addon.background import child
from ollama_addon.errors import AddonError
from ollama_addon.web.access.auth import visitor_of
from ollama_addon.web.state import Parts, parts

_LOGGER = logging.getLogger(__name__)

_LOOK = 0.5
"""Seconds between two looks at whether the caller of a task is still there."""

router = APIRouter(prefix="/api/agents")


class TurnBody(BaseModel):
    """One turn in. The language is a tag such as `de`; Home Assistant's own when left out."""

    model_config = ConfigDict(extra="ignore")

    text: str
    language: str = Field(default="", max_length=35)
    conversation_id: str = Field(default="", max_length=128)
    device_id: str | None = Field(default=None, max_length=128)
    satellite_id: str | None = Field(default=None, max_length=255)
    user_id: str | None = Field(default=None, max_length=128)
    user_name: str | None = Field(default=None, max_length=128)
    extra_system_prompt: str | None = Field(default=None, max_length=8_000)
    turn_token: str | None = Field(default=None, max_length=128)
    area_id: str | None = Field(default=None, max_length=255)


class AgentBody(BaseModel):
    """A configured agent."""

    id: str
    name: str
    model: str
    control_home: bool


@router.get("")
async def agents(request: Request) -> list[AgentBody]:
    """Return the configured agents."""
    return agents_of(parts(request))


def agents_of(all_parts: Parts) -> list[AgentBody]:
    """Return the configured agents."""
    return [
        AgentBody(
            id=agent.options.id,
            name=agent.options.name,
            model=agent.options.model,
            control_home=agent.options.control_home,
        )
        for agent in all_parts.agents.values()
    ]


@router.post(
    "/{agent_id}/converse",
    # Answered as events already: FastAPI would otherwise make them of what is returned.
    response_class=StreamingResponse,
    responses={404: {"description": "No such agent"}, 413: {"description": "Too long"}},
)
async def converse(request: Request, agent_id: str, body: TurnBody) -> StreamingResponse:
    """Take one turn; answer with its events as they happen."""
    all_parts = parts(request)
    agent = all_parts.agent(agent_id)
    visitor = visitor_of(request)
    by_program = visitor.role == "token"
    source = "assist" if body.turn_token else "api" if by_program else "panel"
    turn = Turn(**body.model_dump(), source=source)
    if not by_program:
        turn = replace(turn, user_id=visitor.user or None)
    agent.check(turn)
    return EventSourceResponse(
        _stream(all_parts, agent, turn), headers={"Cache-Control": "no-store"}
    )


@router.post(
    "/{agent_id}/interpret",
    responses={404: {"description": "No such agent"}, 413: {"description": "Too long"}},
)
async def interpret(request: Request, agent_id: str, body: TurnBody) -> dict[str, Any]:
    """Answer what a sentence means in this house; nothing is done and no model is asked."""
    agent = parts(request).agent(agent_id)
    meant, found = await agent.interpret(Turn(**body.model_dump(), source="api"))
    return {
        "text": meant.text,
        "language": meant.language,
        "instant": found.instant,
        "reasons": list(found.reasons),
        "clauses": [explained(clause) for clause in meant.clauses],
    }


class TaskBody(BaseModel):
    """An AI task. `structure` is a JSON schema, `images` are base64."""

    instructions: str
    structure: dict[str, Any] | None = None
    images: list[str] = Field(default_factory=list, max_length=MAX_IMAGES)


@router.post(
    "/{agent_id}/generate",
    responses={404: {"description": "No such agent"}, 502: {"description": "No valid data"}},
)
async def generated(request: Request, agent_id: str, body: TaskBody) -> dict[str, Any]:
    """Carry out an AI task; answer with `text`, or with `data` where a structure was asked for."""
    all_parts = parts(request)
    agent = all_parts.agent(agent_id)
    task = Task(body.instructions, body.structure, body.images)
    made = await _unless_gone(request, generate(agent, all_parts.servers, task))
    key, value = ("text", made.text) if body.structure is None else ("data", made.data)
    return {key: value, "usage": asdict(made.usage)}


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Made]) -> Made:
    """Wait for work as long as its caller does; when that one goes away, the engine stops."""
    task = child("AI task", work)
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
            if await request.is_disconnected():
                task.cancel()
                raise AddonError("gone", "Nobody waits for the answer any more.", 499)
        return task.result()
    finally:
        task.cancel()


async def _stream(all_parts: Parts, agent: Agent, turn: Turn) -> AsyncIterator[bytes]:
    async with aclosing(events_of(all_parts, agent, turn)) as events:
        async for event in events:
            yield _encode(event)


async def events_of(all_parts: Parts, agent: Agent, turn: Turn) -> AsyncGenerator[Event, None]:
    """Yield what happens in a turn; what goes wrong is an `Error`, and all of it is counted."""
    happened: dict[str, Any] = {"actions": []}
    mended: list[str] = []
    if turn.satellite_id:
        all_parts.warmup.spoke(turn.satellite_id, agent.options.id)
    try:
        async for event in agent.converse(turn):
            yield event
            match event:
                case Start():
                    happened |= as_json(event)
                case End():
                    happened |= as_json(event)
                    all_parts.metrics.turn(agent.options.id, event.outcome, event.timings, mended)
                case ToolCall():
                    happened["actions"].append(as_json(event))
                    mended += [change.kind for change in event.mended]
                case ToolResult():
                    happened["actions"][-1] |= {"ok": event.ok, "result": event.result}
        all_parts.events.publish("turn", happened)
    except AddonError as error:
        _LOGGER.warning("A turn of %s failed: %s", agent.options.name, error.logged)
        all_parts.metrics.turn(agent.options.id, error.code, {}, mended)
        yield Error(error.code, error.message)
    except Exception:
        _LOGGER.exception("A turn of %s failed", agent.options.name)
        all_parts.metrics.turn(agent.options.id, "internal", {}, mended)
        yield Error("internal", "Something went wrong in the app; its log says what.")


def _encode(event: Event) -> bytes:
    data = json.dumps(as_json(event), ensure_ascii=False)
    return format_sse_event(event=event.name, data_str=data)
