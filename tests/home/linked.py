"""A real Home Assistant, the gateway behind which a scripted Ollama answers, and what ties them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from dev.homeassistant.core import HomeAssistant
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.engine.servers import Servers
from ollama_addon.home.connection import Connection
from ollama_addon.options import AgentOptions, ServerOptions
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener
from tests.engine.scripted import Scripted

from .scripted_home import eventually

HOME = AgentOptions(id="home", name="Home", model="m:1", instructions="Be brief.")
POET = AgentOptions(
    id="poet",
    name="Poet",
    model="m:1",
    instructions="Rhyme.",
    control_home=False,
    context_window=4096,
    max_history=3,
    keep_alive=60,
)


class Linked:
    """One Home Assistant, seen as its frontend sees it, and one gateway."""

    def __init__(self, core: HomeAssistant, engine: Scripted, kept: Path) -> None:
        self.core = core
        self.engine = engine
        self.kept = kept
        self.key = "the first key"
        self.connection = Connection.from_url(core.url, core.token)
        self.servers: Servers
        self.listener: Listener

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.port}"

    def own(self, agents: Sequence[AgentOptions] = (HOME, POET)) -> OwnIntegration:
        """What the sidecar makes of its options at each start."""

        async def url() -> str:
            return self.url

        return OwnIntegration(
            self.connection, self.servers, url, lambda: self.key, agents, self.kept
        )

    async def open(self, port: int = 0) -> None:
        """Have the gateway listen, with the key as it is now."""
        self.listener = Listener(make_gateway(self.servers, Key(self.key)), "127.0.0.1", port)
        await self.listener.start()
        assert self.listener.running, self.listener.message

    async def change_key(self, key: str) -> None:
        """Start the gateway anew with another key."""
        self.key = key
        await self.listener.stop()
        await self.open(self.listener.port)

    async def entries(self) -> dict[str, str]:
        """State of each entry of the integration, by its id."""
        found = await self.connection.command("config_entries/get", domain="ollama")
        return {entry["entry_id"]: entry["state"] for entry in found}

    async def subentries(self) -> dict[str, str]:
        """Id of each subentry of all entries, by its title."""
        return {
            subentry["title"]: subentry["subentry_id"]
            for entry_id in await self.entries()
            for subentry in await self.connection.command(
                "config_entries/subentries/list", entry_id=entry_id
            )
        }

    async def entity(self, title: str) -> str:
        """The conversation entity of the subentry with a title."""
        subentry_id = (await self.subentries())[title]
        registered = await self.connection.command("config/entity_registry/list")
        (entity,) = [e["entity_id"] for e in registered if e["unique_id"] == subentry_id]
        return str(entity)

    async def say(self, title: str, text: str = "Hello") -> tuple[str, dict[str, Any]]:
        """Say something to an agent; return what it said, and what Ollama was asked."""
        answer = await self.core.post(
            "conversation/process", {"text": text, "agent_id": await self.entity(title)}
        )
        return answer["response"]["speech"]["plain"]["speech"], self.engine.asked("/api/chat")[-1]

    async def forget(self) -> None:
        """Take away every entry of the integration, whoever made it."""
        for entry_id in await self.entries():
            await self.connection.delete(f"config/config_entries/entry/{entry_id}")


@asynccontextmanager
async def linked(core: HomeAssistant, folder: Path) -> AsyncIterator[Linked]:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Scripted("m:1"))
        engine.capabilities = ["completion", "tools"]
        link = Linked(core, engine, folder / "own.json")
        link.servers = Servers([ServerOptions(url=engine.url)], None)
        await link.servers.refresh()
        stack.push_async_callback(link.servers.stop)
        await link.open()
        stack.push_async_callback(lambda: link.listener.stop())
        await link.connection.start()
        stack.push_async_callback(link.connection.stop)
        await eventually(lambda: link.connection.connected)
        stack.push_async_callback(link.forget)
        await link.forget()
        yield link
