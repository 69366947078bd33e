"""Agents as the options describe them, made of the parts that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.conversations import Conversations
from ollama_addon.agent.interpreters import Interpreters
from ollama_addon.agent.orders import Orders
from ollama_addon.agent.trace import Trace
from ollama_addon.agent.turn import Home
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.servers import Servers
from ollama_addon.options import AgentOptions


@dataclass(slots=True)
class AgentMaker:
    """Makes agents. All of them read sentences with the same interpreters."""

    servers: Servers
    home: Home
    inventory: Inventory
    on_turn: Callable[[Trace], None]
    orders: Orders | None = None
    interpreters: Interpreters = field(default_factory=Interpreters)

    def make(self, options: AgentOptions, history: Conversations | None = None) -> Agent:
        """Return an agent; `history` is what its conversations have said so far."""
        return Agent(
            options,
            self.servers,
            self.home,
            self.inventory,
            history,
            self.on_turn,
            self.orders,
            self.interpreters,
        )
