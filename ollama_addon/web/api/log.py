"""The newest lines of the log."""

from __future__ import annotations

import logging
from typing import Any, Literal

from fastapi import APIRouter, Request

from ollama_addon.web.state import parts

router = APIRouter(prefix="/api/log")


@router.get("")
async def log(
    request: Request, level: Literal["debug", "info", "warning", "error"] = "info"
) -> list[dict[str, Any]]:
    """Return the lines that are at least as grave as `level`, the oldest first."""
    grave = logging.getLevelNamesMapping()[level.upper()]
    return [entry.as_json() for entry in parts(request).logbook.entries(grave)]
