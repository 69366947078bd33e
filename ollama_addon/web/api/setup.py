"""The steps from a new installation to a first command, each told from what can be seen here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from ollama_addon import files
from ollama_addon.errors import AddonError
from ollama_addon.history.filter import Filter
from ollama_addon.web.api import status_parts
from ollama_addon.web.state import Parts, parts

router = APIRouter(prefix="/api/setup")

_FILE = "setup.json"


class Step(BaseModel):
    """One step: done, not done, or (null) not known while Home Assistant or Ollama is away."""

    code: Literal["model", "entities", "added", "assistant", "command"]
    done: bool | None
    params: dict[str, Any]


class SetupBody(BaseModel):
    """Whether the steps are to be shown no more, to anybody."""

    model_config = ConfigDict(extra="forbid")

    dismissed: bool


@router.get("")
async def setup(request: Request) -> dict[str, Any]:
    """Return the steps, and whether they were dismissed."""
    all_parts = parts(request)
    found = [step.model_dump() for step in await _steps(all_parts)]
    dismissed = _dismissed(all_parts.data)
    return {"steps": found, "dismissed": dismissed, "done": all(s["done"] for s in found)}


@router.put("", status_code=204)
async def dismiss(request: Request, body: SetupBody) -> None:
    """Show the steps no more, or again."""
    text = json.dumps({"dismissed": body.dismissed})
    files.keep(parts(request).data / _FILE, text, "The setup")


def _dismissed(data: Path) -> bool:
    try:
        kept = json.loads((data / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(kept, dict) and kept.get("dismissed") is True


async def _steps(all_parts: Parts) -> list[Step]:
    steps = []
    models = status_parts.models(all_parts)
    if models.code != "no_model_used":
        steps.append(_step("model", models))
    steps.append(_step("entities", status_parts.home(all_parts)))
    steps.append(_step("added", status_parts.companion(all_parts)))
    steps.append(_step("assistant", status_parts.assistants(all_parts)))
    if (said := await _command(all_parts)) is not None:
        steps.append(said)
    return steps


def _step(
    code: Literal["model", "entities", "added", "assistant"], part: status_parts.Part
) -> Step:
    """Return a step that is done when a part of the status is well."""
    known = part.state != "unknown" and part.code not in ("home_away", "home_refused")
    done = part.state == "ok" if known else None
    return Step(code=code, done=done, params={**part.params, "code": part.code})


async def _command(all_parts: Parts) -> Step | None:
    """Return whether a command was carried out; None where no history tells of it."""
    if not all_parts.journal.days:
        return None
    try:
        done = [
            turn
            for turn in await all_parts.journal.series(Filter(outcome="done"), 50)
            if turn["rating"] != "wrong"
        ]
    except AddonError:
        return Step(code="command", done=None, params={})
    return Step(code="command", done=bool(done), params={})
