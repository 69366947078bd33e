"""What a model is told: instructions as Home Assistant renders them, and the whole prompt."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ollama_addon.agent.turn import Turn
from ollama_addon.home.templates import MAX_TEMPLATE
from ollama_addon.web.state import parts

router = APIRouter(prefix="/api")


class InstructionsBody(BaseModel):
    """Instructions as they are being written."""

    instructions: str = Field(max_length=MAX_TEMPLATE)


class SentenceBody(BaseModel):
    """A sentence that would be said."""

    text: str
    area_id: str | None = None
    count: bool = False
    """Whether the model is to count the tokens, which it has to read them for."""


@router.post("/instructions/preview")
async def preview(request: Request, body: InstructionsBody) -> dict[str, Any]:
    """Return the text of instructions, or what is wrong with them."""
    all_parts = parts(request)
    variables = {"ha_name": all_parts.mirror.house.name}
    return asdict(await all_parts.templates.preview(body.instructions, variables))


@router.post("/agents/{agent_id}/prompt", responses={404: {"description": "No such agent"}})
async def prompt(request: Request, agent_id: str, body: SentenceBody) -> dict[str, Any]:
    """Return exactly what the model would be sent for a sentence, with its number of tokens."""
    agent = parts(request).agent(agent_id)
    asked = await agent.prompt(Turn(body.text, area_id=body.area_id))
    tokens = await agent.count(asked) if body.count else None
    return {**asdict(asked), "tokens": tokens, "context_window": agent.options.context_window}
