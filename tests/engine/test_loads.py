"""How often a model is loaded while everything that there is asks it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx

from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.profile import context_windows, default_context
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import AgentOptions, EngineOptions
from ollama_addon.web.gateway.gateway import Key, make_gateway
from ollama_addon.web.listener import Listener

from .scripted import MODEL

HELLO = [{"role": "user", "content": "Say hello."}]
AGENTS = (
    AgentOptions(name="Small", model=MODEL, context_window=2048),
    AgentOptions(name="Large", model=MODEL.upper(), context_window=3072),
)


async def test_one_load_for_everyone(tmp_path: Path) -> None:
    engine = EngineOptions(threads=2)
    daemon = Daemon(
        [sys.executable, "-m", "dev.engine", "serve"],
        0,
        tmp_path,
        engine,
        context_length=default_context(context_windows(AGENTS)),
    )
    await daemon.start()
    servers = Servers((), daemon, agents=AGENTS, engine=engine)
    listener = Listener(make_gateway(servers, Key("key")), "127.0.0.1", 0)
    try:
        async with asyncio.timeout(60):
            await daemon.wait_running()
        await servers.start()
        assert servers.bundled is not None
        await servers.bundled.client.pull(MODEL)
        await servers.refresh()
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
                await talk(servers, task=True)
                await asks("/v1/messages", max_tokens=2)
                await asks("/api/chat", options={"num_predict": 2, "num_ctx": 1024.0})
                await asks("/api/chat", options={"num_predict": 2, "num_thread": 1}, shift=False)
            assert (await requests(daemon))["loads"] == 1

            # What does not fit is refused and not cut, also without another load.
            try:
                await talk(servers, "word " * 4000)
            except AddonError as error:
                assert error.code == "context_overflow"  # noqa: PT017
            else:
                raise AssertionError("it was cut")
            assert (await requests(daemon))["loads"] == 1

            # A model that is gone from memory is the only reason to load one.
            await servers.unload(MODEL)
            await talk(servers)
            assert (await requests(daemon))["loads"] == 2
    finally:
        await listener.stop()
        await servers.stop()
        await daemon.stop()


async def talk(servers: Servers, text: str = "Say hello.", *, task: bool = False) -> None:
    messages = [{"role": "user", "content": text}]
    async for _ in servers.chat(MODEL, messages, num_predict=2, keep_alive=-1, task=task):
        pass


async def requests(daemon: Daemon) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        found: dict[str, Any] = (await client.get(f"{daemon.url}/dev/requests")).json()
        return found
