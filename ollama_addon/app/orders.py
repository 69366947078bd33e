"""The parts that keep what is to be done later, made and tied together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.turn import Home
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.users import Users
from ollama_addon.scheduling.automator import Automator
from ollama_addon.scheduling.performer import Performer
from ollama_addon.scheduling.planner import Planner
from ollama_addon.scheduling.scheduler import Scheduler
from ollama_addon.scheduling.sentences import told
from ollama_addon.scheduling.store import OrderStore
from ollama_addon.scheduling.teller import Teller


def make_orders(
    path: Path, agents: Mapping[str, Agent], home: Home, connection: Connection, users: Users
) -> tuple[Scheduler, Automator, Planner]:
    """Return what keeps orders in the file at `path`, not running yet, and what agents ask."""
    mirror = home.mirror

    async def ready() -> bool:
        if not connection.connected or not mirror.ready:
            return False
        try:
            # Right after its start it has the connection, and not all of its entities.
            return bool((await connection.command("get_config"))["state"] == "RUNNING")
        except AddonError:
            return False

    store = OrderStore(path)
    scheduler = Scheduler(
        store,
        Performer(agents, home, connection),
        Teller(connection),
        ready=ready,
        house=lambda: mirror.house,
        wording=lambda key, order: told(key, order, mirror.house),
    )
    connection.on_connect(scheduler.wake)
    automator = Automator(
        store, connection, lambda: mirror.house, home.translations.states, users.ask
    )
    return scheduler, automator, Planner(scheduler, automator, agents, lambda: mirror.house)
