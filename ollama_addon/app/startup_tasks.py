"""What is tried at the start until it is done: told to Home Assistant, or set up in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ollama_addon.app.settings import Settings
from ollama_addon.background import Background
from ollama_addon.companion.files import DOMAIN
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.errors import AddonError
from ollama_addon.home.mirror import Mirror
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.web.access.auth import Guard
from ollama_addon.web.access.tokens import read_token

_LOGGER = logging.getLogger(__name__)

_ANNOUNCE_AGAIN = 30.0
"""Seconds until the discovery message is sent again after it could not be."""
_SET_UP_AGAIN = 60.0
"""Seconds until Home Assistant's own integration is looked at again."""


class StartupTask:
    """Something that is tried until it is done, and begun anew when it has to be done again."""

    def __init__(
        self, background: Background, name: str, run: Callable[[], Awaitable[None]]
    ) -> None:
        self._background = background
        self._name = name
        self._run = run
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin from the start."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._background.keep(self._name, self._run)


async def announce(supervisor: Supervisor | None, settings: Settings, guard: Guard) -> None:
    """Tell Home Assistant where the agents are, until it was heard."""
    while supervisor is not None:
        try:
            own = await supervisor.self_info()
            await supervisor.announce(
                DOMAIN,
                {
                    "id": read_token(settings.data / "id"),
                    "host": own["hostname"],
                    "port": settings.port,
                    "token": guard.token,
                },
            )
            _LOGGER.info("Announced to Home Assistant")
            return
        except AddonError as error:
            _LOGGER.warning("Could not be announced to Home Assistant: %s", error.logged)
            await asyncio.sleep(_ANNOUNCE_AGAIN)


async def set_up_own_integration(
    own_integration: OwnIntegration, mirror: Mirror, *, wanted: bool
) -> None:
    """Have Home Assistant's own integration be what the options say, until that is done."""
    told = ""
    while True:
        try:
            await mirror.wait_ready(600)
            state = await own_integration.follow(wanted)
            if state.state != "partly":
                return
            message = state.message
        except (AddonError, TimeoutError) as error:
            message = str(error)
        if message != told:
            told = message
            _LOGGER.warning("Home Assistant's own Ollama integration: %s", message)
        await asyncio.sleep(_SET_UP_AGAIN)
