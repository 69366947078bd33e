"""The token and the gateway's key: shown to the owner, and made anew."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import APIRouter, Request

from ollama_addon import files
from ollama_addon.web.access.tokens import new_token
from ollama_addon.web.state import Parts, parts

_LOGGER = logging.getLogger(__name__)

_MOVE = 5.0
"""Seconds in which Home Assistant takes over a new token, before old streams are ended."""

router = APIRouter(prefix="/api/home-assistant/access")


@router.get("")
async def access(request: Request) -> dict[str, Any]:
    """Return the token and the gateway's key, to connect Home Assistant or other apps by hand."""
    return _shown(parts(request))


@router.post("/token")
async def another_token(request: Request) -> dict[str, Any]:
    """Make another token and tell Home Assistant; the old one opens nothing from now on."""
    all_parts = parts(request)
    token = new_token()
    files.keep(all_parts.data / "token", token, "The new token")
    all_parts.access.guard.token = token
    _LOGGER.info("The token was made anew")
    all_parts.access.tell_token()
    # Whoever listens has come in by the old one, and does not have to ask again by itself.
    asyncio.get_running_loop().call_later(_MOVE, all_parts.events.end)
    return _shown(all_parts)


@router.post("/gateway-key")
async def another_key(request: Request) -> dict[str, Any]:
    """Make another key for the gateway; the old one opens nothing from now on.

    One that stands in the options is replaced there. Raises AddonError when that fails.
    """
    all_parts = parts(request)
    key = new_token()
    if all_parts.options.gateway.key:
        await all_parts.own_options.change(
            lambda kept: {**kept, "gateway": {**(kept.get("gateway") or {}), "key": key}}
        )
        gateway = all_parts.options.gateway.model_copy(update={"key": key})
        all_parts.options = all_parts.options.model_copy(update={"gateway": gateway})
    else:
        files.keep(all_parts.data / "gateway_key", key, "The new key")
    all_parts.access.gateway.change(key)
    _LOGGER.info("The gateway's key was made anew")
    all_parts.access.tell_key()
    return _shown(all_parts)


def _shown(all_parts: Parts) -> dict[str, Any]:
    found = all_parts.access
    return {
        "port": found.port,
        "token": found.token,
        "gateway_port": found.gateway_port,
        "gateway_key": found.gateway.value,
    }
