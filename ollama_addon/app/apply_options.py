"""Other options taken over while the app runs."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.warmup import Warmup
from ollama_addon.app.agents import AgentMaker
from ollama_addon.background import Background
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.servers import Servers
from ollama_addon.options import EngineOptions, Options, wanted_models

_ANSWERS_END = 300.0
"""Seconds that running answers are given before the server is restarted all the same."""
_AT_ONCE = {"agents", "models", "engine", "log_level"}
"""Options that need no restart of the app."""


class OptionsApplier:
    """Gives the parts that are running other options. `agents` is changed in place."""

    def __init__(
        self,
        agents: MutableMapping[str, Agent],
        servers: Servers,
        daemon: Daemon | None,
        inventory: Inventory,
        maker: AgentMaker,
        warmup: Warmup,
        own_integration: OwnIntegration,
    ) -> None:
        self._agents = agents
        self._servers = servers
        self._daemon = daemon
        self._inventory = inventory
        self._maker = maker
        self._warmup = warmup
        self._own_integration = own_integration
        self._background = Background()

    async def stop(self) -> None:
        """Break off what is still being taken over."""
        await self._background.stop()

    def agent(self, number: int, options: Options) -> Agent:
        """Make one of the agents, with what its conversations have said so far."""
        ours = options.agents[number]
        before = self._agents.get(ours.id)
        history = before.history if before else None
        return self._maker.make(ours, history)

    async def apply(self, before: Options, options: Options) -> list[str]:
        """Take `options` over; return the names of those that wait for the app's restart.

        The Ollama server is restarted only when its own settings changed, and after the
        answers that it is giving have ended.
        """
        logging.getLogger("ollama_addon").setLevel(options.log_level.upper())
        kept = dict(self._agents)
        fresh = {
            ours.id: kept[ours.id]
            if ours.id in kept and kept[ours.id].options == ours
            else self.agent(number, options)
            for number, ours in enumerate(options.agents)
        }
        self._agents.clear()
        self._agents.update(fresh)
        self._servers.configure(options.agents, options.engine)
        self._own_integration.configure(options.agents)
        context = self._servers.default_context
        if self._daemon is not None:
            await self.stop()  # what was to be taken over before is no longer wanted
            if not self._daemon.runs_with(options.engine, context):
                self._background.once(
                    "engine settings", self._restart_engine(self._daemon, options.engine, context)
                )
        await self._inventory.want(wanted_models(options))
        if (options.agents, options.engine) != (before.agents, before.engine):
            self._warmup.again()
        return [
            name
            for name in type(options).model_fields
            if name not in _AT_ONCE and getattr(options, name) != getattr(before, name)
        ]

    async def _restart_engine(
        self, daemon: Daemon, engine: EngineOptions, context_length: int
    ) -> None:
        await self._servers.places.wait_idle(_ANSWERS_END)
        await daemon.reconfigure(engine, context_length)
        if self._servers.bundled is not None:
            self._servers.bundled.down(daemon.message)
        await daemon.wait_running()
        await self._servers.refresh()
        self._warmup.again()
