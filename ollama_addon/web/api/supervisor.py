"""What the Supervisor can be told about this app, when a person presses a button."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ollama_addon.errors import AddonError
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.web.access.auth import PEOPLE_ONLY
from ollama_addon.web.state import parts

router = APIRouter(prefix="/api/supervisor")


class SwitchBody(BaseModel):
    """Whether something is to be on."""

    on: bool


@router.get("")
async def supervisor(request: Request) -> dict[str, Any]:
    """Return the app's slug, and whether it is in the sidebar and watched by the watchdog."""
    client = parts(request).supervisor
    if client is None:
        return {"available": False, "slug": None, "sidebar": None, "watchdog": None}
    info = await client.self_info()
    return {
        "available": True,
        "slug": info.get("slug"),
        "sidebar": bool(info.get("ingress_panel")),
        "watchdog": bool(info.get("watchdog")),
    }


@router.post("/sidebar", status_code=204, dependencies=[PEOPLE_ONLY])
async def sidebar(request: Request, body: SwitchBody) -> None:
    """Show the panel in Home Assistant's sidebar, or take it out."""
    await _needed(request).set_sidebar(shown=body.on)


@router.post("/watchdog", status_code=204, dependencies=[PEOPLE_ONLY])
async def watchdog(request: Request, body: SwitchBody) -> None:
    """Have the app restarted when it fails, or not."""
    await _needed(request).set_watchdog(on=body.on)


def _needed(request: Request) -> Supervisor:
    client = parts(request).supervisor
    if client is None:
        raise AddonError("no_supervisor", "There is no Supervisor here.", 501)
    return client
