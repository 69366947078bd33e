"""What is planned: orders for later, and automations made by voice."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from ollama_addon.agent.orders import Planned, Refused
from ollama_addon.errors import AddonError
from ollama_addon.web.access.auth import PEOPLE_ONLY
from ollama_addon.web.state import Parts, parts

router = APIRouter(prefix="/api")

_STATUS = {"changed": 409, "broken": 503}


@router.get("/orders")
async def orders(request: Request) -> dict[str, Any]:
    """Return the orders for later, the next first, and what is wrong with planning, if anything."""
    found = parts(request).planner.planned()
    return {
        "orders": [as_json(each) for each in found if each.kind == "order"],
        "message": parts(request).scheduler.trouble,
    }


@router.delete("/orders/{order_id}", status_code=204)
async def cancel_order(request: Request, order_id: str) -> None:
    """Cancel an order."""
    await _cancel(parts(request), _known(parts(request), order_id, "order"))


@router.post("/orders/{order_id}/now", status_code=202)
async def do_order_now(request: Request, order_id: str) -> None:
    """Do an order now instead of at its time."""
    await parts(request).planner.do_now(_known(parts(request), order_id, "order"))


@router.get("/automations")
async def automations(request: Request) -> list[dict[str, Any]]:
    """Return the automations with our label, as they are in Home Assistant."""
    found = parts(request).planner.planned()
    return [as_json(each) for each in found if each.kind == "automation"]


@router.delete("/automations/{automation_id}", status_code=204, dependencies=[PEOPLE_ONLY])
async def remove_automation(request: Request, automation_id: str) -> None:
    """Remove an automation from Home Assistant; one that a person changed is left alone."""
    await _cancel(parts(request), _known(parts(request), automation_id, "automation"))


@router.post("/automations/{automation_id}/now", status_code=202, dependencies=[PEOPLE_ONLY])
async def run_automation_now(request: Request, automation_id: str) -> None:
    """Run an automation once, now."""
    await parts(request).planner.do_now(_known(parts(request), automation_id, "automation"))


def _known(all_parts: Parts, planned_id: str, kind: str) -> str:
    """Return the id of something that is planned. Raises AddonError (404) when it is not."""
    if not any(each.id == planned_id for each in all_parts.planner.planned() if each.kind == kind):
        raise AddonError(f"unknown_{kind}", f"There is no such {kind} any more.", 404)
    return planned_id


async def _cancel(all_parts: Parts, planned_id: str) -> None:
    answer = await all_parts.planner.cancel([planned_id], all_parts.mirror.house.language)
    if isinstance(answer, Refused):
        raise AddonError(answer.code, answer.sentence, _STATUS.get(answer.code, 404))


def as_json(planned: Planned) -> dict[str, Any]:
    """Return one planned thing as it goes over the wire."""
    return {
        "id": planned.id,
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
