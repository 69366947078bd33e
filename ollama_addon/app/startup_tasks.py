"""What is tried at the start until it is done: told to Home Assistant, or set up in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ollama_addon.background import Background
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.errors import AddonError
from ollama_addon.home.mirror import Mirror
from ollama_addon.supervisor.own_options import OwnOptions

_LOGGER = logging.getLogger(__name__)

_SETTLE_AGAIN = 60.0
"""Seconds until the options are completed after they could not be."""
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


async def settle(own_options: OwnOptions) -> None:
    """Complete the options that are kept, until that is done."""
    while True:
        try:
            await own_options.settle()
            return
        except AddonError as error:
            _LOGGER.warning("The options could not be completed: %s", error.logged)
            await asyncio.sleep(_SETTLE_AGAIN)


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
