"""Acting in somebody's name outside of a turn, through the companion integration."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.model import Satellite

_LOGGER = logging.getLogger(__name__)


@asynccontextmanager
async def acting_as(
    connection: Connection,
    *,
    user_id: str | None,
    satellite: Satellite,
    language: str,
    agent_id: str,
) -> AsyncIterator[str | None]:
    """Give the token of a turn in which things are done as this person, device and agent.

    None where the companion integration is not there (or is older): then they are done in the
    app's own name. Raises AddonError (`unknown_user`) when the person is no user any more, and
    as the connection does.
    """
    try:
        answer = await connection.command(
            "ollama_addon/open_turn",
            user_id=user_id,
            device_id=satellite.device_id,
            satellite_id=satellite.satellite_id,
            language=language,
            agent_id=agent_id,
        )
    except AddonError as error:
        # hass-client keeps the message of an error, not its code.
        if error.code != "home_failed" or not error.message.startswith("Unknown command"):
            raise
        yield None
        return
    if answer.get("unknown_user"):
        raise AddonError(
            "unknown_user", "Who ordered this is no user of Home Assistant any more.", 403
        )
    token = str(answer["turn"])
    try:
        yield token
    finally:
        try:
            await connection.command("ollama_addon/close_turn", turn=token)
        except AddonError as error:
            _LOGGER.debug("A turn could not be closed: %s", error.logged)
