"""The add-on's options: what they are, and other ones taken over."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ollama_addon import files
from ollama_addon.errors import AddonError
from ollama_addon.options import OptionProblem, check_options
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.web.state import Parts, parts

_LOGGER = logging.getLogger(__name__)

router = APIRouter(prefix="/api")


class OptionsBody(BaseModel):
    """All options, as the configuration page has them."""

    options: dict[str, Any]


@router.get("/options")
async def options(request: Request) -> dict[str, Any]:
    """Return the options as they are kept, and what is wrong in them."""
    all_parts = parts(request)
    found = await kept(all_parts)
    _, problems = check_options(found)
    return {"options": found, "problems": [_as_json(problem) for problem in problems]}


@router.post("/options/check")
async def check(request: Request, body: OptionsBody) -> list[dict[str, str]]:
    """Return what is wrong in options, without taking them over."""
    return [_as_json(problem) for problem in check_options(body.options)[1]]


@router.put("/options")
async def change(request: Request, body: OptionsBody) -> dict[str, Any]:
    """Keep other options and take them over; the answer names those that wait for a restart."""
    all_parts = parts(request)
    wanted, problems = check_options(body.options)
    if problems:
        raise AddonError("bad_options", " ".join(problem.message for problem in problems), 422)
    await keep(all_parts, body.options)
    before, all_parts.options, all_parts.problems = all_parts.options, wanted, ()
    waiting = await all_parts.applying.apply(before, wanted)
    return {"waiting_for_restart": waiting}


@router.post("/restart", status_code=202)
async def restart(request: Request) -> dict[str, str]:
    """Restart the add-on. The Supervisor ends this process before it answers."""
    supervisor = parts(request).supervisor
    if supervisor is None:
        raise AddonError(
            "no_supervisor", "There is no Supervisor here: restart the container yourself.", 501
        )
    parts(request).background.once("restart", _restart(supervisor))
    return {"status": "restarting"}


async def _restart(supervisor: Supervisor) -> None:
    try:
        await supervisor.restart()
    except AddonError as error:
        _LOGGER.error("The app could not be restarted: %s", error.logged)


async def keep(all_parts: Parts, options: dict[str, Any]) -> None:
    """Keep other options. Raises AddonError."""
    if all_parts.supervisor is not None:
        await all_parts.supervisor.set_options(options)
    else:
        text = json.dumps(options, ensure_ascii=False, indent=2)
        path = all_parts.data / "options.json"
        await asyncio.to_thread(files.keep, path, text, "The options")


async def kept(all_parts: Parts) -> dict[str, Any]:
    """Return the options as they are kept. Raises AddonError."""
    if all_parts.supervisor is not None:
        return dict((await all_parts.supervisor.self_info()).get("options") or {})
    try:
        return dict(json.loads((all_parts.data / "options.json").read_text("utf-8")))
    except FileNotFoundError:
        return {}


def _as_json(problem: OptionProblem) -> dict[str, str]:
    return {"field": problem.field, "message": problem.message}
