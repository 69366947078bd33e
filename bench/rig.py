"""The sidecar as a process of its own, between a scripted engine and a scripted home."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.engine import MODEL, ScriptedEngine, scripted_engine
from bench.houses import furnish
from dev.sidecar import Sidecar
from dev.stack import PARTS
from tests.home.scripted_home import TOKEN, ScriptedHome
from tests.home.scripted_house import ScriptedHouse


@dataclass
class Rig:
    """A sidecar that is ready, and what it talks to."""

    client: httpx.AsyncClient
    gateway: str
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
            agent = {"name": "Home", "model": MODEL, "context_window": 131_072}
            sidecar = Sidecar(
                Path(folder) / "data",
                environment={"HASS_URL": home.url, "HASS_TOKEN": TOKEN},
                agents=[agent],
                servers=[{"url": engine.url}],
            )
            try:
                began = time.monotonic()
                await sidecar.start(*PARTS)
                took = time.monotonic() - began
                yield Rig(
                    sidecar.client, sidecar.gateway, engine, home, house, sidecar.process, took
                )
            finally:
                await sidecar.close()
