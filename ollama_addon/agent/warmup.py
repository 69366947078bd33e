"""The prefix kept warm: read by the engine before the first word is said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ollama_addon.agent.agent import Agent
from ollama_addon.background import Background
from ollama_addon.engine.inventory import Inventory
from ollama_addon.errors import AddonError
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import House
from ollama_addon.model_name import canonical

_LOGGER = logging.getLogger(__name__)

_SETTLE = 2.0
"""Seconds that a changing house is waited for."""
_RETRY = 5.0


class Warmup:
    """Sends each agent's prefix ahead, at start and when the house has changed.

    `agents` may change while it runs.
    """

    def __init__(self, agents: Mapping[str, Agent], mirror: Mirror, inventory: Inventory) -> None:
        self._agents = agents
        self._listened_to: dict[str, str] = {}
        """Which agent a satellite has spoken with last."""
        self._listening: asyncio.Task[None] | None = None
        """The warm-up for a satellite that listens."""
        self._mirror = mirror
        self._inventory = inventory
        self._changed = asyncio.Event()
        self._cold: set[str] = set()
        """Models whose agents are to be warmed, by canonical name; "" is all of them."""
        self._background = Background()

    def start(self) -> None:
        """Begin to follow the house."""
        self._mirror.on_change(self._note)
        self.again()
        self._background.keep("warm-up", self._run)

    async def stop(self) -> None:
        """Stop following it."""
        await self._background.stop()

    def again(self, model: str = "") -> None:
        """Warm all agents anew, or those of `model`: they or what runs them have changed.

        Where there is no memory for several models, the others would push it out again.
        """
        self._cold.add(canonical(model) if model else "")
        self._changed.set()

    def spoke(self, satellite_id: str, agent_id: str) -> None:
        """Remember which agent a satellite speaks with."""
        self._listened_to[satellite_id] = agent_id

    def listening(self, satellite_id: str) -> None:
        """Have the prefix ready by the time that somebody has said what they want to say.

        What another conversation has pushed out of the engine's cache meanwhile, or a model
        that was unloaded, is read again while they speak.
        """
        known = self._listened_to.get(satellite_id, "")
        agent = self._agents.get(known) or next(iter(self._agents.values()), None)
        if agent is None or (self._listening is not None and not self._listening.done()):
            return
        self._listening = self._background.once(
            "warm-up for a satellite", self._warm_listening(agent)
        )

    async def _warm_listening(self, agent: Agent) -> None:
        await self._warm(agent)

    def _note(self, house: House) -> None:
        self.again()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(_SETTLE if self._mirror.ready else 0)
            self._changed.clear()
            cold, self._cold = self._cold, set()
            try:
                for agent in tuple(self._agents.values()):
                    model = agent.options.model
                    wanted = "" in cold or canonical(model) in cold
                    if wanted and not await self._warm(agent):
                        self.again(model)
            except Exception:
                self._cold |= cold
                self._changed.set()
                raise
            if self._changed.is_set():
                await asyncio.sleep(_RETRY)

    async def _warm(self, agent: Agent) -> bool:
        """Warm one agent; tell whether that is done, or not needed."""
        if not agent.options.model or agent.options.keep_alive == 0:
            return True
        if self._inventory.waits_for(agent.options.model):
            return False
        try:
            language = (await self._mirror.wait_ready(30.0)).language
            # Learning a language takes a second of pure Python: not on the event loop.
            await agent.warm(language)
        except (AddonError, TimeoutError) as error:
            why = error.logged if isinstance(error, AddonError) else "the home is not there"
            _LOGGER.debug("%s could not be warmed: %s", agent.options.name, why)
            # What does not fit into the context window will not fit the next time either.
            return isinstance(error, AddonError) and error.code == "context_overflow"
        return True
