"""What happens in the app, pushed to whoever listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.responses import StreamingResponse

from ollama_addon.web.api.models import pulls_of
from ollama_addon.web.api.publisher import Happening
from ollama_addon.web.api.status import status_of
from ollama_addon.web.api.turns import agents_of
from ollama_addon.web.state import Parts, parts

_LOOK_EVERY = 1.0
"""Seconds between two looks at what has no event of its own."""
_QUIET = 15
"""Looks without anything new after which a sign of life is sent."""

router = APIRouter(prefix="/api")


@router.get("/events", response_class=StreamingResponse)
async def events(request: Request) -> StreamingResponse:
    """Stream what happens: `status`, `agents`, `orders`, `pull`, `turn` and `journal`.

    The first three come at once and whenever they change, `pull` while a model is downloaded,
    `turn` after each turn, `journal` when one was written down.
    """
    return EventSourceResponse(_stream(parts(request)), headers={"Cache-Control": "no-store"})


async def _stream(all_parts: Parts) -> AsyncIterator[bytes]:
    told: dict[str, Any] = {}
    quiet = 0
    happenings = all_parts.events
    generation = happenings.generation
    with happenings.subscribe() as queue:
        while not happenings.closed and happenings.generation == generation:
            quiet += 1
            for name, data in _seen(all_parts):
                key = f"{name} {data['name']}" if name == "pull" else name
                if told.get(key) != data:
                    told[key] = data
                    quiet = 0
                    yield _encode(name, data)
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    while True:
                        name, data = await queue.get()
                        if name == "pull":
                            told[f"pull {data['name']}"] = data
                        yield _encode(name, data)
            except TimeoutError:
                pass
            if quiet >= _QUIET:
                quiet = 0
                yield b": alive\n\n"


def _seen(all_parts: Parts) -> list[Happening]:
    pulls = [("pull", pull) for pull in pulls_of(all_parts)]
    return [
        ("status", status_of(all_parts).model_dump()),
        ("agents", [agent.model_dump() for agent in agents_of(all_parts)]),
        ("orders", all_parts.planner.summary()),
        *pulls,
    ]


def _encode(name: str, data: Any) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False))
