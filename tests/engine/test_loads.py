"""How often a model is loaded while everything that there is asks it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ollama_addon.engine import servers as servers_module
from ollama_addon.engine.daemon import Daemon, Patience
from ollama_addon.engine.profile import context_windows, default_context
from ollama_addon.engine.queue import Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import AgentOptions, EngineOptions
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener

from .scripted import MODEL, until

HELLO = [{"role": "user", "content": "Say hello."}]
AGENTS = (
    AgentOptions(name="Small", model=MODEL, context_window=2048),
    AgentOptions(name="Large", model=MODEL.upper(), context_window=3072),
)


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[tuple[Daemon, Servers]]:
    """The embedded engine as the bundled server, with the model."""
    engine = EngineOptions(threads=2)
    daemon = Daemon(
        [sys.executable, "-m", "dev.engine", "serve"],
        0,
        tmp_path,
        engine,
        Patience(first_delay=0.05),
        context_length=default_context(context_windows(AGENTS)),
    )
    await daemon.start()
    servers = Servers((), daemon, agents=AGENTS, engine=engine)
    try:
        await servers.start()
        async with asyncio.timeout(60):
            await daemon.wait_running()
        assert servers.bundled is not None
        await servers.bundled.client.pull(MODEL)
        await servers.refresh()
        yield daemon, servers
    finally:
        await servers.stop()
        await daemon.stop()


async def test_one_load_for_everyone(tmp_path: Path) -> None:
    async with running(tmp_path) as (daemon, servers):
        listener = Listener(make_gateway(servers, Key("key")), "127.0.0.1", 0)
        await listener.start()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{listener.port}",
            headers={"x-api-key": "key"},
            timeout=60,
        ) as other:

            async def asks(path: str, **fields: Any) -> None:
                body = {"model": MODEL, "messages": HELLO, **fields}
                (await other.post(path, json=body)).raise_for_status()

            for _ in range(2):
                await talk(servers)
                await asks("/v1/chat/completions", max_tokens=2)
                await talk(servers, priority=Priority.TASK)
                await asks("/v1/messages", max_tokens=2)
                await asks("/api/chat", options={"num_predict": 2, "num_ctx": 1024.0})
                await asks("/api/chat", options={"num_predict": 2, "num_thread": 1}, shift=False)
            assert (await requests(daemon))["loads"] == 1

            # What does not fit is refused and not cut, also without another load.
            with pytest.raises(AddonError) as raised:
                await talk(servers, "word " * 4000)
            assert raised.value.code == "context_overflow"
            assert (await requests(daemon))["loads"] == 1

            # A model that is gone from memory is the only reason to load one.
            await servers.unload(MODEL)
            await talk(servers)
            assert (await requests(daemon))["loads"] == 2
        await listener.stop()


async def test_what_is_lost_with_a_process_is_known_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing of this waits for a check.
    monkeypatch.setattr(servers_module, "_CHECK_EVERY", 10_000)
    monkeypatch.setattr(servers_module, "_CHECK_AGAIN", 10_000)
    emptied: list[str] = []
    async with running(tmp_path) as (daemon, servers):
        assert servers.bundled is not None
        servers.on_emptied = emptied.append
        await talk(servers, priority=Priority.WARM_UP)
        assert emptied == []  # what loads it to read ahead knows that it does

        # The runner alone dies: the next answer tells.
        (runner,) = psutil.Process(engine_of(tmp_path).pid).children()
        runner.kill()
        await until(lambda: not runner.is_running() or runner.status() == psutil.STATUS_ZOMBIE)
        await talk(servers)
        assert emptied == [MODEL]
        await talk(servers)
        assert emptied == [MODEL]

        # The server dies, and comes back.
        engine_of(tmp_path).kill()
        await until(lambda: daemon.state == "restarting")
        assert not servers.bundled.healthy
        assert "It is started again" in servers.bundled.message
        await until(lambda: emptied == [MODEL, ""])
        assert servers.bundled.healthy
        await talk(servers)


def engine_of(tmp_path: Path) -> psutil.Process:
    """The process of the server itself."""
    for process in psutil.Process().children():
        if process.environ().get("OLLAMA_ADDON_ENGINE") == str(tmp_path):
            return process
    raise AssertionError("it does not run")


async def talk(
    servers: Servers, text: str = "Say hello.", priority: Priority = Priority.VOICE
) -> None:
    messages = [{"role": "user", "content": text}]
    async for _ in servers.chat(MODEL, messages, num_predict=2, keep_alive=-1, priority=priority):
        pass


async def requests(daemon: Daemon) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        found: dict[str, Any] = (await client.get(f"{daemon.url}/dev/requests")).json()
        return found
