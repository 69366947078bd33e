"""The sidecar killed while it writes, and told to end whatever it is doing."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from dev.sidecar import GATEWAY_KEY, TOKEN
from dev.stack import PARTS
from dev.turn import events
from tests.engine.scripted import MODEL, Scripted
from tests.home.scripted_home import ScriptedHome
from tests.keeping import keep_options

from .conftest import Report
from .engine import COMMAND
from .house import Sidecar, between, ending_well

KILLS = 6


async def test_killed_while_it_writes(
    tmp_path: Path, home: ScriptedHome, engine: Scripted, report: Report
) -> None:
    chance = random.Random(9)
    it = Sidecar(
        tmp_path / "data",
        **between(home, engine),
    )
    heard: list[str] = []
    """The turns whose writing was told of: they are kept, whatever happens."""
    asked = wanted = it.options
    days = itertools.cycle(range(2, 300))

    async def listen() -> None:
        async with it.client.stream("GET", "/api/events") as response:
            async for name, data in events(response):
                if name == "journal":
                    heard.append(data["turn_id"])

    async def talk() -> None:
        while True:
            await it.say(f"good evening {chance.random()}")

    async def change() -> None:
        nonlocal asked, wanted
        while True:
            asked = it.options | {"journal_days": next(days)}
            (await keep_options(it.client, asked)).raise_for_status()
            wanted = asked

    async with ending_well(it):
        for _ in range(KILLS):
            await it.start("engine", "home", "agents")
            doing = [asyncio.create_task(work) for work in (listen(), talk(), talk(), change())]
            await asyncio.sleep(chance.uniform(1.0, 2.5))
            it.kill()
            ended = await asyncio.gather(*doing, return_exceptions=True)
            assert not [each for each in ended if isinstance(each, AssertionError)], ended
            kept = json.loads((it.data / "options.json").read_text())
            # The last change may have been written without having been told of.
            assert kept in (asked, wanted)
            wanted = kept
            assert (it.data / "token").read_text() == TOKEN
        await it.start("engine", "home", "journal")
        with closing(sqlite3.connect(it.data / "journal.sqlite")) as journal:
            assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            there = {row[0] for row in journal.execute("SELECT id FROM turns")}
        assert heard
        assert set(heard) <= there
        assert not list(it.data.glob("*broken*"))
        status = await it.until("journal", "ok")
        seconds = await it.recovered()
        report(f"killed {KILLS} times while it writes", status=status, seconds=seconds)
        await it.stop()
        left = {path.name for path in it.data.iterdir()}
        assert left <= {
            *("options.json", "option-memory.json", "token", "gateway_key", "id", "companion"),
            *("journal-saved.sqlite", "orders.sqlite", "homeassistant"),
        }, left


# Told to end


Doing = Callable[[Sidecar], Coroutine[Any, Any, Any]]


async def turn(it: Sidecar) -> None:
    """In the middle of a turn."""
    await it.say("tell me something slowly")


async def load(it: Sidecar) -> None:
    """While a model is loaded."""
    await it.say("load slowly")


async def task(it: Sidecar) -> None:
    """In the middle of an AI task."""
    body = {"instructions": "tell me something slowly"}
    await it.client.post("/api/agents/home/generate", json=body)


async def download(it: Sidecar) -> None:
    """In a download."""
    (await it.client.post("/api/models/pull", json={"name": "large:1"})).raise_for_status()


async def panel(it: Sidecar) -> None:
    """With the panel open."""
    async with it.client.stream("GET", "/api/events") as response:
        async for _ in response.aiter_lines():
            pass


async def gateway(it: Sidecar) -> None:
    """In the middle of an answer of the gateway."""
    url = f"{it.gateway}/api/chat"
    message = {"role": "user", "content": "tell me something slowly"}
    headers = {"Authorization": f"Bearer {GATEWAY_KEY}"}
    body = {"model": MODEL, "messages": [message]}
    async with it.client.stream("POST", url, json=body, headers=headers) as response:
        async for _ in response.aiter_lines():
            pass


async def nothing(it: Sidecar) -> None:
    """While nothing happens."""


async def everything(it: Sidecar) -> None:
    """In all of these at once."""
    await asyncio.gather(*(each(it) for each in (turn, task, download, panel, gateway)))


@pytest.mark.parametrize(
    "doing",
    [
        nothing,
        everything,
        *(
            pytest.param(each, marks=pytest.mark.all)
            for each in (turn, load, task, download, panel, gateway)
        ),
    ],
)
async def test_told_to_end(
    tmp_path: Path, home: ScriptedHome, report: Report, doing: Doing
) -> None:
    async with ending(tmp_path, home) as it:
        await it.start(*PARTS)
        busy = asyncio.create_task(doing(it))
        await asyncio.sleep(1)
        seconds = await it.stop()
        await asyncio.wait({busy})
        busy.exception()
        report(f"SIGTERM: {doing.__doc__}", seconds=seconds)


@pytest.mark.all
async def test_told_to_end_at_any_moment_of_its_start(
    tmp_path: Path, home: ScriptedHome, report: Report
) -> None:
    slowest = 0.0
    async with ending(tmp_path, home) as it:
        it.prepare()
        for moment in range(10):
            it.spawn()
            # Before that Python itself is not there yet.
            await asyncio.sleep(0.25 + moment * 0.25)
            slowest = max(slowest, await it.stop())
    report("SIGTERM: At any moment of its start.", seconds=slowest)


@asynccontextmanager
async def ending(tmp_path: Path, home: ScriptedHome) -> AsyncIterator[Sidecar]:
    """Give a sidecar that starts an engine; it leaves neither processes nor tracebacks."""
    it = Sidecar(
        tmp_path / "data",
        environment={"HASS_URL": home.url, "OLLAMA_ADDON_ENGINE_COMMAND": COMMAND},
    )
    async with ending_well(it):
        yield it
        for problem in ("Task was destroyed", "never retrieved", "unclosed", "Exception ignored"):
            assert problem not in it.log, it.log
