"""The prefix kept warm: read by the engine before the first word is said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.words import supported, words_of
from ollama_addon.engine.inventory import Inventory
from ollama_addon.errors import AddonError
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import House

_LOGGER = logging.getLogger(__name__)

_SETTLE = 2.0
"""Seconds that a changing house is waited for."""
_RETRY = 5.0


class Warmup:
    """Sends each agent's prefix ahead, at start and when the house has changed."""

    def __init__(self, agents: Sequence[Agent], mirror: Mirror, inventory: Inventory) -> None:
        self._agents = agents
        self._mirror = mirror
        self._inventory = inventory
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the house."""
        self._mirror.on_change(self._note)
        self._changed.set()
        self._task = asyncio.create_task(self._run(), name="warm-up")

    async def stop(self) -> None:
        """Stop following it."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _note(self, house: House) -> None:
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(_SETTLE if self._mirror.ready else 0)
            self._changed.clear()
            for agent in self._agents:
                if not await self._warm(agent):
                    self._changed.set()
            if self._changed.is_set():
                await asyncio.sleep(_RETRY)

    async def _warm(self, agent: Agent) -> bool:
        """Warm one agent; tell whether that is done, or not needed."""
        if agent.options.keep_alive == 0:
            return True
        if (pull := self._inventory.progress(agent.options.model)) and pull.active:
            return False
        try:
            language = supported((await self._mirror.wait_ready(30.0)).language)
            # Learning a language takes a second of pure Python: not on the event loop.
            await asyncio.to_thread(words_of, language)
            await agent.warm(language)
        except (AddonError, TimeoutError) as error:
            _LOGGER.debug("%s could not be warmed: %s", agent.options.name, error)
            return False
        return True
