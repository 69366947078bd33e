"""A house to break: the sidecar as a process of its own, and what is looked at afterwards."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from dev import sidecar as processes
from dev.sidecar import PATIENCE
from dev.turn import Turn, say
from tests.engine.scripted import MODEL, Scripted
from tests.home.scripted_home import TOKEN, Message, ScriptedHome
from tests.home.scripted_house import ScriptedHouse

ORDER = "turn on the kitchen light"


@dataclass(frozen=True)
class Held:
    """What a process has in its hands."""

    descriptors: int
    children: int

    def fits(self, before: Held) -> bool:
        # Two connections to the engine and two to Home Assistant may be kept for the next request.
        return self.descriptors <= before.descriptors + 4 and self.children <= before.children


class Sidecar(processes.Sidecar):
    """A sidecar with one agent that is spoken to."""

    def __init__(self, data: Path, *, environment: Mapping[str, str], **options: Any) -> None:
        # Not by itself: what is broken here is mostly what stands between a sentence and the model.
        agents = [{"name": "Home", "model": MODEL, "id": "home", "instant_commands": False}]
        environment = {"HASS_TOKEN": TOKEN, **environment}
        super().__init__(data, environment=environment, **{"agents": agents, **options})

    async def say(self, text: str = ORDER, **more: Any) -> Turn:
        """Say a sentence and return the whole turn."""
        return await say(self.client, text, **more)

    async def recovered(self) -> float:
        """Wait until an order is carried out; return the seconds that took."""
        began = time.monotonic()
        turn = None
        while time.monotonic() < began + PATIENCE:
            turn = await self.say()
            if turn.outcome == "done":
                return time.monotonic() - began
            await asyncio.sleep(0.2)
        raise AssertionError(f"It does not recover: {turn}\n{self.log[-4000:]}")

    # Looked at

    @property
    def held(self) -> Held:
        process = self.process
        # Threads are those of asyncio's pool: as many as it once needed, and no more than that.
        assert process.num_threads() <= (os.cpu_count() or 1) + 8
        return Held(process.num_fds(), len(process.children(recursive=True)))

    async def at_rest(self) -> Held:
        """Wait until it holds the same for some seconds; return what that is."""
        since, held = time.monotonic(), self.held
        while time.monotonic() < since + 3:
            await asyncio.sleep(0.1)
            if (now := self.held) != held:
                since, held = time.monotonic(), now
        return held

    async def lets_go(self, before: Held) -> None:
        """Wait until it holds no more than before: connections may be kept for seconds."""
        deadline = time.monotonic() + 60
        while not (now := self.held).fits(before):
            assert time.monotonic() < deadline, (before, now, self.process.net_connections())
            await asyncio.sleep(0.1)


@asynccontextmanager
async def sidecar(data: Path, *ready: str, **more: Any) -> AsyncIterator[Sidecar]:
    """Run a sidecar whose parts `ready` are; it ends well, and without any traceback."""
    async with ending_well(Sidecar(data, **more)) as it:
        await it.start(*ready)
        yield it


@asynccontextmanager
async def ending_well(it: Sidecar) -> AsyncIterator[Sidecar]:
    """Stop it in the end, where that was not done; it has said nothing of what was not foreseen."""
    try:
        yield it
        if it.exit_status is None:
            await it.stop()
        assert "Traceback" not in it.log, it.log
    finally:
        await it.close()


def between(home: ScriptedHome, engine: Scripted) -> dict[str, Any]:
    """Return what leads a sidecar to the two."""
    return {"environment": {"HASS_URL": home.url}, "servers": [{"url": engine.url}]}


def furnished(home: ScriptedHome) -> ScriptedHouse:
    """Give a scripted home a kitchen with a light, and let what is asked be done."""
    house = ScriptedHouse(home)
    house.add("light.kitchen", original_name="Kitchen light", area_id="kitchen")
    house.add("switch.coffee", original_name="Coffee machine", area_id="kitchen")
    home.posts["intent/handle"] = done
    home.answers["config_entries/get"] = []
    home.answers["manifest/get"] = Exception("Integration not found")
    home.answers["frontend/get_translations"] = {"resources": {}}
    return house


def done(request: Message) -> web.Response:
    """Say that an intent was carried out."""
    light = {"type": "entity", "name": "Kitchen light", "id": "light.kitchen"}
    data = {"targets": [], "success": [light], "failed": []}
    return web.json_response({"response_type": "action_done", "data": data})
