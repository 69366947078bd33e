"""The parts of the sidecar, as the routes find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from starlette.requests import HTTPConnection

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.warmup import Warmup
from ollama_addon.applying import Applying
from ollama_addon.companion import Companion
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.servers import Servers
from ollama_addon.engine.updates import Updates
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.own_integration import OwnIntegration
from ollama_addon.home.pipelines import Pipelines
from ollama_addon.home.templates import Templates
from ollama_addon.journal import Journal
from ollama_addon.logbook import Logbook
from ollama_addon.metrics import Metrics
from ollama_addon.options import OptionProblem, Options
from ollama_addon.standin import StandIn
from ollama_addon.supervisor import Supervisor
from ollama_addon.web.auth import Guard
from ollama_addon.web.gateway import Key
from ollama_addon.web.publisher import Events


@dataclass(frozen=True, slots=True)
class Access:
    """What others need to come in: for the owner's eyes."""

    port: int
    guard: Guard = field(repr=False)
    gateway_port: int
    gateway: Key = field(repr=False)
    tell_token: Callable[[], None]
    """Has Home Assistant told of another token."""
    tell_key: Callable[[], None]
    """Has Home Assistant's own integration given another key, where it uses the gateway."""

    @property
    def token(self) -> str:
        """What opens the API."""
        return self.guard.token


@dataclass(slots=True)
class Parts:
    """Everything that was made and tied together in `app.py`."""

    id: str
    """What this installation is known by, wherever it moves to."""
    data: Path
    """The folder that the add-on keeps everything in."""
    access: Access
    options: Options
    """As they are applied now."""
    problems: tuple[OptionProblem, ...]
    agents: Mapping[str, Agent]
    daemon: Daemon | None
    servers: Servers
    inventory: Inventory
    connection: Connection
    mirror: Mirror
    templates: Templates
    events: Events
    journal: Journal
    own_integration: OwnIntegration
    pipelines: Pipelines
    companion: Companion
    stand_in: StandIn | None
    """None when there is no agent to stand in with."""
    supervisor: Supervisor | None
    """None where Home Assistant runs without one."""
    logbook: Logbook
    metrics: Metrics
    updates: Updates
    warmup: Warmup
    applying: Applying

    def agent(self, agent_id: str) -> Agent:
        """Return an agent by its id. Raises AddonError (404) when there is none."""
        try:
            return self.agents[agent_id]
        except KeyError:
            known = ", ".join(sorted(self.agents)) or "none is configured"
            raise AddonError(
                "unknown_agent",
                f"There is no agent '{agent_id[:80]}'. The agents are: {known}.",
                404,
            ) from None


def parts(request: HTTPConnection) -> Parts:
    """Return the parts of the app that a request came to."""
    return cast(Parts, request.app.state.parts)
