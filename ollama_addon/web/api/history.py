"""What happened: turns of the past, with their steps and timings."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from ollama_addon.history.filter import Filter
from ollama_addon.history.fixes import fixes
from ollama_addon.history.placeholders import Placeholders
from ollama_addon.history.sentences import sentences
from ollama_addon.history.store import HistoryStore
from ollama_addon.history.summary import summarized
from ollama_addon.history.verdict import used, verdict
from ollama_addon.web.state import Parts, parts

router = APIRouter()
"""Stands below `/api/history`."""

_LIMIT = 200
_DAY = 86_400
_COUNTED = 10_000
"""Turns that figures are made of at most, the newest."""


def _filter(
    agent: Annotated[str, Query(max_length=128)] = "",
    outcome: Annotated[str, Query(max_length=32)] = "",
    source: Annotated[str, Query(max_length=32)] = "",
    conversation: Annotated[str, Query(max_length=128)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    since: Annotated[float, Query(ge=0)] = 0,
    rating: Annotated[Literal["", "right", "wrong"], Query()] = "",
) -> Filter:
    """Return which turns a request means."""
    return Filter(agent, outcome, source, conversation, search, since, rating)


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
    names = _agent_names(parts(request))
    return {
        "turns": [{**turn, "agent_name": names.get(turn["agent"], "")} for turn in found],
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


@router.get("/summary")
async def summary(
    request: Request, days: Annotated[float, Query(gt=0, le=3650)] = 1
) -> dict[str, Any]:
    """Return the figures of the last days: requests, not done, rated, median to the first word."""
    which = Filter(since=max(0.0, time.time() - days * _DAY))
    return summarized(await parts(request).journal.series(which, _COUNTED))


@router.get("/export", response_class=Response)
async def export(
    request: Request,
    which: Which,
    form: Annotated[Literal["turns", "sentences"], Query(alias="format")] = "sentences",
    report: bool = False,
) -> Response:
    """Return turns as a file: rated ones as sentences of an evaluation, or all about each turn.

    With `report`, names of the home, of people and of hosts are placeholders.
    """
    all_parts = parts(request)
    journal = all_parts.journal
    await journal.page(which, 1)  # What cannot be read is said before anything is sent.
    placeholders = await _placeholders(all_parts) if report else None
    if form == "turns":
        return StreamingResponse(
            _written(journal, which, placeholders),
            media_type="application/json",
            headers=_as_file("history.json"),
        )
    house = all_parts.mirror.house
    rated = [turn async for turn in journal.export(which) if turn["rating"]]
    document = sentences(rated, "own", house.language, placeholders)
    return Response(document, media_type="application/yaml", headers=_as_file("sentences.yaml"))


@router.get("/{turn_id}")
async def turn(request: Request, turn_id: str) -> dict[str, Any]:
    """Return everything about one turn, with what became of it and what can be done about it."""
    all_parts = parts(request)
    house = all_parts.mirror.house
    found = await all_parts.journal.get(turn_id)
    unexposed = all_parts.mirror.registries.unexposed(house)
    became = verdict(found, house, unexposed)
    offered = fixes(found, became, house, unexposed)
    return found | {
        "agent_name": _agent_names(all_parts).get(found["agent"], ""),
        "verdict": {"code": became.code, "params": dict(became.params)},
        "fixes": [fix.as_json() for fix in offered],
        "entity_ids": used(found.get("actions") or (), found.get("clauses") or ()),
    }


@router.get("/{turn_id}/report")
async def report_of(request: Request, turn_id: str) -> dict[str, Any]:
    """Return one turn as it can be shown to others: names are placeholders."""
    all_parts = parts(request)
    found = await all_parts.journal.get(turn_id)
    placeholders = await _placeholders(all_parts)
    return dict(placeholders.all(found))


class Expected(BaseModel):
    """The state, and perhaps attributes, that something should have come to have."""

    model_config = ConfigDict(extra="forbid")

    entity_id: str = Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$", max_length=255)
    state: str = Field(max_length=255)
    attributes: dict[str, str | int | float | bool] = Field(default_factory=dict, max_length=20)


class RatingBody(BaseModel):
    """Whether a turn was right; null takes the rating back.

    `expected` is what should have happened: words, or the states that things should have come to.
    """

    model_config = ConfigDict(extra="forbid")

    right: bool | None
    expected: Annotated[str, Field(max_length=1000)] | list[Expected] | None = None


@router.put("/{turn_id}/rating", status_code=204)
async def rate(request: Request, turn_id: str, body: RatingBody) -> None:
    """Keep what a person thinks of a turn."""
    rating = {None: "", True: "right", False: "wrong"}[body.right]
    expected: Any = body.expected or None
    if isinstance(body.expected, list):
        expected = [each.model_dump(exclude_defaults=True) for each in body.expected]
    kept = expected if rating == "wrong" else None
    await parts(request).journal.rate(turn_id, rating, kept)


@router.delete("")
async def delete_those(request: Request, which: Which) -> dict[str, int]:
    """Delete the turns that are meant, all where nothing is said; tells how many there were."""
    return {"deleted": await parts(request).journal.delete(which=which)}


@router.delete("/{turn_id}", status_code=204)
async def delete(request: Request, turn_id: str) -> None:
    """Delete one turn."""
    journal = parts(request).journal
    if not await journal.delete(turn_id):
        await journal.get(turn_id)  # Says why there is none.


def _agent_names(all_parts: Parts) -> dict[str, str]:
    return {agent.options.id: agent.options.name for agent in all_parts.agents.values()}


async def _placeholders(all_parts: Parts) -> Placeholders:
    """Return the placeholders for the names of this home, its people and its hosts."""
    house = all_parts.mirror.house
    return Placeholders(
        house,
        all_parts.mirror.registries.unexposed(house),
        await all_parts.journal.people(),
        [host for server in all_parts.servers.all if (host := urlsplit(server.url).hostname)],
    )


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


async def _written(
    journal: HistoryStore, which: Filter, placeholders: Placeholders | None
) -> AsyncIterator[str]:
    before = "["
    async for turn in journal.export(which):
        shown = turn if placeholders is None else placeholders.all(turn)
        yield f"{before}\n{json.dumps(shown, ensure_ascii=False)}"
        before = ","
    yield "[]" if before == "[" else "\n]"
