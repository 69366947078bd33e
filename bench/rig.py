"""The sidecar as a process of its own, between a scripted engine and a scripted home."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.engine import MODEL, ScriptedEngine, scripted_engine
from bench.houses import furnish
from dev.stack import ROOT
from ollama_addon.engine.daemon import free_port
from tests.home.scripted_home import TOKEN, ScriptedHome
from tests.home.scripted_house import ScriptedHouse

_PATIENCE = 60.0


@dataclass
class Rig:
    """A sidecar that is ready, and what it talks to."""

    client: httpx.AsyncClient
    gateway: str
    gateway_key: str
    engine: ScriptedEngine
    home: ScriptedHome
    house: ScriptedHouse
    process: psutil.Process
    seconds_to_ready: float

    @property
    def resident(self) -> int:
        """Bytes that it has in memory."""
        return int(self.process.memory_info().rss)

    async def converse(self, text: str, **more: Any) -> dict[str, Any]:
        """Say a sentence; return what ended the turn, with its timings."""
        answer = await self.client.post("/api/agents/home/converse", json={"text": text, **more})
        data = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
        end: dict[str, Any] = json.loads(data[-1])
        if "timings" not in end:
            raise RuntimeError(f"The turn failed: {end}")
        return end


@asynccontextmanager
async def rig(entities: int) -> AsyncIterator[Rig]:
    """Run the sidecar with a home of so many exposed entities."""
    async with scripted_engine() as engine, ScriptedHome() as home:
        house = furnish(home, entities)
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            port, gateway = free_port(), free_port()
            agent = {"name": "Home", "model": MODEL, "context_window": 131_072}
            options = {
                "agents": [agent],
                "servers": [{"url": engine.url}],
                "install_integration": False,
                "wyoming": False,
            }
            (data / "options.json").write_text(json.dumps(options))
            (data / "token").write_text("bench-token")
            (data / "gateway_key").write_text("bench-key")
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "OLLAMA_ADDON_DATA": str(data),
                "OLLAMA_ADDON_HOST": "127.0.0.1",
                "OLLAMA_ADDON_PORT": str(port),
                "OLLAMA_ADDON_GATEWAY_PORT": str(gateway),
                "OLLAMA_ADDON_WYOMING_PORT": str(free_port()),
                "OLLAMA_ADDON_ENGINE_COMMAND": "",
                "HASS_URL": home.url,
                "HASS_TOKEN": TOKEN,
            }
            began = time.monotonic()
            log = (data / "log").open("wb")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ollama_addon", "serve"),
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
            client = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": "Bearer bench-token"},
                timeout=60,
                trust_env=False,
            )
            try:
                await _until_ready(client, data / "log")
                yield Rig(
                    client,
                    f"http://127.0.0.1:{gateway}",
                    "bench-key",
                    engine,
                    home,
                    house,
                    psutil.Process(process.pid),
                    time.monotonic() - began,
                )
            finally:
                await client.aclose()
                process.terminate()
                await process.wait()
                log.close()


async def _until_ready(client: httpx.AsyncClient, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            status = (await client.get("/api/status")).json()
            if all(
                status[part]["state"] == "ok" for part in ("engine", "models", "home", "agents")
            ):
                return
        await asyncio.sleep(0.02)
    last = await asyncio.to_thread(log.read_text)
    raise RuntimeError(f"The sidecar does not get ready:\n{last[-3000:]}")
