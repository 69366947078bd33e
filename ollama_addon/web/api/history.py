"""What happened: turns of the past, with their steps and timings."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from ollama_addon.history.filter import Filter
from ollama_addon.history.store import HistoryStore
from ollama_addon.web.state import parts

router = APIRouter(prefix="/api/journal")

_LIMIT = 200


def _filter(
    agent: Annotated[str, Query(max_length=128)] = "",
    outcome: Annotated[str, Query(max_length=32)] = "",
    source: Annotated[str, Query(max_length=32)] = "",
    conversation: Annotated[str, Query(max_length=128)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    since: Annotated[float, Query(ge=0)] = 0,
) -> Filter:
    """Return which turns a request means."""
    return Filter(agent, outcome, source, conversation, search, since)


Which = Annotated[Filter, Depends(_filter)]


@router.get("")
async def turns(
    request: Request,
    which: Which,
    limit: Annotated[int, Query(ge=1, le=_LIMIT)] = 50,
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
) -> dict[str, Any]:
    """Return turns in short, the newest first; `next` is the `before` of the next page."""
    journal = parts(request).journal
    found, following = await journal.page(which, limit, before)
    return {
        "turns": found,
        "next": following,
        "days": journal.days,
        "message": journal.message,
    }


@router.get("/series")
async def series(
    request: Request, which: Which, limit: Annotated[int, Query(ge=1, le=2000)] = 500
) -> list[dict[str, Any]]:
    """Return when turns were, how long they took and what became of them, for a plot."""
    return await parts(request).journal.series(which, limit)


@router.get("/export", response_class=StreamingResponse)
async def export(request: Request, which: Which) -> StreamingResponse:
    """Return everything about turns as a JSON file, the oldest first."""
    journal = parts(request).journal
    await journal.page(which, 1)  # What cannot be read is said before anything is sent.
    return StreamingResponse(
        _written(journal, which),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="journal.json"'},
    )


@router.get("/{turn_id}")
async def turn(request: Request, turn_id: str) -> dict[str, Any]:
    """Return everything about one turn."""
    return await parts(request).journal.get(turn_id)


@router.delete("")
async def delete_all(request: Request) -> dict[str, int]:
    """Delete all turns; tells how many there were."""
    return {"deleted": await parts(request).journal.delete()}


@router.delete("/{turn_id}", status_code=204)
async def delete(request: Request, turn_id: str) -> None:
    """Delete one turn."""
    journal = parts(request).journal
    if not await journal.delete(turn_id):
        await journal.get(turn_id)  # Says why there is none.


async def _written(journal: HistoryStore, which: Filter) -> AsyncIterator[str]:
    before = "["
    async for turn in journal.export(which):
        yield f"{before}\n{json.dumps(turn, ensure_ascii=False)}"
        before = ","
    yield "[]" if before == "[" else "\n]"
