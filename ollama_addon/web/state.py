"""The parts of the sidecar, as the routes find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from starlette.requests import HTTPConnection

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.warmup import Warmup
from ollama_addon.background import Background
from ollama_addon.companion.announcement import Announcement
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.servers import Servers
from ollama_addon.engine.updates import Updates
from ollama_addon.errors import AddonError
from ollama_addon.history.store import HistoryStore
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.pipelines import Pipelines
from ollama_addon.home.registry_changes import RegistryChanges
from ollama_addon.home.templates import Templates
from ollama_addon.monitoring.log_buffer import LogBuffer
from ollama_addon.monitoring.metrics import Metrics
from ollama_addon.options import OptionProblem, Options
from ollama_addon.scheduling.planner import Planner
from ollama_addon.scheduling.scheduler import Scheduler
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.supervisor.instruction_files import InstructionFiles
from ollama_addon.supervisor.own_options import OwnOptions
from ollama_addon.web.access.auth import Guard
from ollama_addon.web.api.publisher import Events
from ollama_addon.web.gateway.key import Key
from ollama_addon.wyoming.fallback import WyomingFallback

if TYPE_CHECKING:
    from ollama_addon.web.api.running_turns import RunningTurns


class OptionsApplier(Protocol):
    """Gives the parts that are running other options."""

    async def apply(self, before: Options, options: Options) -> list[str]:
        """Take `options` over; return the names of those that wait for the app's restart."""


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
    """The folder that the app keeps everything in."""
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
    journal: HistoryStore
    own_integration: OwnIntegration
    pipelines: Pipelines
    companion: CompanionMonitor
    stand_in: WyomingFallback | None
    """None when there is no agent to stand in with."""
    supervisor: Supervisor | None
    """None where Home Assistant runs without one."""
    logbook: LogBuffer
    metrics: Metrics
    updates: Updates
    warmup: Warmup
    applying: OptionsApplier
    announcement: Announcement | None
    """None where Home Assistant runs without a Supervisor."""
    own_options: OwnOptions
    """The options as they are kept."""
    instruction_files: InstructionFiles
    background: Background
    """For what outlives the request that asked for it."""
    scheduler: Scheduler
    planner: Planner
    registry_changes: RegistryChanges
    """What a person has changed in Home Assistant from here."""
    running_turns: RunningTurns

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
