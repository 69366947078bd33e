"""What is planned: orders for later and automations made by voice."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from ollama_addon.agent.orders import Planned, Refused
from ollama_addon.errors import AddonError
from ollama_addon.web.state import Parts, parts

router = APIRouter(prefix="/api/orders")

_STATUS = {"unknown": 404, "changed": 409, "broken": 503}


@router.get("")
async def orders(request: Request) -> dict[str, Any]:
    """Return what is planned, the next first, and what is wrong with planning, if anything."""
    return orders_of(parts(request))


@router.delete("/{order_id}", status_code=204)
async def cancel(request: Request, order_id: str) -> None:
    """Cancel an order, or remove an automation from Home Assistant."""
    all_parts = parts(request)
    answer = await all_parts.planner.cancel([order_id], all_parts.mirror.house.language)
    if isinstance(answer, Refused):
        raise AddonError(answer.code, answer.sentence, _STATUS.get(answer.code, 400))


@router.post("/{order_id}/now", status_code=202)
async def do_now(request: Request, order_id: str) -> None:
    """Do an order now instead of at its time, or run an automation once."""
    await parts(request).planner.do_now(order_id)


def orders_of(all_parts: Parts) -> dict[str, Any]:
    """Return what is planned, as the panel shows it."""
    return {
        "orders": [as_json(planned) for planned in all_parts.planner.planned()],
        "message": all_parts.scheduler.trouble,
    }


def summary_of(all_parts: Parts) -> dict[str, Any]:
    """Return the next order and how many there are, without what was said."""
    return all_parts.planner.summary()


def as_json(planned: Planned) -> dict[str, Any]:
    """Return one planned thing as it goes over the wire."""
    return {
        "id": planned.id,
        "kind": planned.kind,
        "due": planned.due.isoformat() if planned.due else None,
        "entity_ids": list(planned.entities),
        "text": planned.text,
        "phrase": planned.phrase,
        "language": planned.language,
        "speaker": planned.speaker,
        "area_id": planned.area_id,
        "made": planned.made,
        "changed": planned.changed,
        "missing": list(planned.missing),
    }
