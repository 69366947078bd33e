"""What people notice of the engine: its restart, and others who ask it at the same time."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.figures import Figure, at_most
from ollama_addon.engine.daemon import Daemon, Patience
from ollama_addon.engine.profile import context_windows, default_context
from ollama_addon.engine.servers import Servers
from ollama_addon.options import AgentOptions, EngineOptions
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener

_MODEL = "smollm2:135m"
_HELLO = [{"role": "user", "content": "Say hello."}]
_STORY = {
    "model": _MODEL,
    "messages": [{"role": "user", "content": "Count from one to a thousand in words."}],
    "options": {"num_predict": 600, "temperature": 0},
    "stream": True,
}
_AGENT = AgentOptions(id="a", name="a", model=_MODEL, context_window=2048)


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure with the embedded engine; return the figures and the raw numbers."""
    times = 3 if quick else 8
    with tempfile.TemporaryDirectory() as folder:
        async with _running(Path(folder)) as (daemon, servers, gateway):
            alone = [await _first_word(servers) for _ in range(times)]
            beside = [await _beside_a_stream(servers, gateway) for _ in range(times)]
            back = [await _restart(daemon, servers) for _ in range(times)]
    waits = [each - min(alone) for each in beside]
    return [
        at_most("voice: wait beside a stream of the gateway, one slot", waits, 1, "s"),
        at_most("engine restart: status back after it answers", back, 2, "s"),
    ], {"first word alone, s": alone, "beside a stream, s": beside, "status back, s": back}


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[tuple[Daemon, Servers, httpx.AsyncClient]]:
    daemon = Daemon(
        [sys.executable, "-m", "dev.engine", "serve"],
        0,
        folder,
        EngineOptions(),
        Patience(first_delay=0.1),
        context_length=default_context(context_windows([_AGENT])),
    )
    servers = Servers((), daemon, agents=[_AGENT], engine=EngineOptions())
    listener = Listener(make_gateway(servers, Key("key")), "127.0.0.1", 0)
    await daemon.start()
    try:
        await servers.start()
        await asyncio.wait_for(daemon.wait_running(), 60)
        assert servers.bundled is not None
        await servers.bundled.client.pull(_MODEL)
        await servers.refresh()
        await listener.start()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{listener.port}", headers={"x-api-key": "key"}, timeout=120
        ) as gateway:
            await _first_word(servers)
            yield daemon, servers, gateway
    finally:
        await listener.stop()
        await servers.stop()
        await daemon.stop()


async def _first_word(servers: Servers) -> float:
    began = time.perf_counter()
    took = 0.0
    async for _ in servers.chat(_MODEL, _HELLO, num_predict=4, temperature=0.0, keep_alive=-1):
        took = took or time.perf_counter() - began
    return took


async def _beside_a_stream(servers: Servers, gateway: httpx.AsyncClient) -> float:
    """Return the seconds until the first word for a person, begun in the middle of a stream."""
    async with gateway.stream("POST", "/api/chat", json=_STORY) as answer:
        parts = answer.aiter_bytes()
        await anext(parts)
        took = asyncio.create_task(_first_word(servers))
        async for _ in parts:
            pass
        return await took


async def _restart(daemon: Daemon, servers: Servers) -> float:
    """Kill the server; return the seconds from its first answer until it is known to be well."""
    assert servers.bundled is not None
    (process,) = [
        each for each in psutil.Process().children() if "dev.engine" in " ".join(each.cmdline())
    ]
    process.kill()
    async with asyncio.timeout(60):
        while daemon.state == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await daemon.wait_running()
        began = time.perf_counter()
        while not servers.bundled.healthy:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    took = time.perf_counter() - began
    await _first_word(servers)
    return took
