"""A Home Assistant that is away, refuses, breaks off, or cannot stop talking."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.engine.scripted import Scripted
from tests.home.scripted_home import TOKEN, Message, ScriptedHome
from tests.scripted_supervisor import Told, answer_for_itself

from .conftest import Report
from .house import Sidecar, between, done, furnished, sidecar


async def test_home_assistant_stops_and_starts_again(
    house: Sidecar, home: ScriptedHome, report: Report
) -> None:
    assert (await house.say()).outcome == "done"
    before = await house.at_rest()
    await home.close()
    status = await house.until("home", "down")
    turn = await house.say()
    heard = turn.heard
    assert "Home Assistant" in heard
    assert turn.outcome != "done"
    greeting = await house.say("good evening")  # what needs no house is still answered
    assert greeting.error or greeting.reply
    await home.open()
    seconds = await house.recovered()
    await house.until("home", "ok")
    report("Home Assistant is stopped", heard=heard, status=status, seconds=seconds)
    await house.lets_go(before)


async def test_the_connection_is_lost_in_the_middle_of_an_order(
    house: Sidecar, home: ScriptedHome, report: Report
) -> None:
    assert (await house.say()).outcome == "done"
    before = await house.at_rest()
    dropping: list[asyncio.Task[None]] = []

    def vanish(request: Message) -> None:
        dropping.append(asyncio.create_task(home.drop()))
        home.posts["intent/handle"] = done

    home.posts["intent/handle"] = vanish
    turn = await house.say()
    heard = turn.heard
    assert heard
    assert turn.outcome != "done"
    seconds = await house.recovered()
    await house.until("home", "ok")
    report("the socket is dropped in the middle of a turn", heard=heard, seconds=seconds)
    await house.lets_go(before)


async def test_home_assistant_refuses_the_token(
    tmp_path: Path, home: ScriptedHome, engine: Scripted, report: Report
) -> None:
    home.token = "another"
    async with sidecar(
        tmp_path / "data",
        **between(home, engine),
    ) as it:
        status = await it.until("home", "down", "refused the access token")
        assert "HASS_TOKEN" in status
        turn = await it.say()
        assert turn.error is not None
        assert "HASS_TOKEN" in turn.error["message"]
        home.token = TOKEN
        seconds = await it.recovered()
        report("it refuses the token", heard=turn.error["message"], status=status, seconds=seconds)


async def test_a_hundred_thousand_changes_of_states(
    house: Sidecar, home: ScriptedHome, report: Report
) -> None:
    assert (await house.say()).outcome == "done"
    before = await house.at_rest()
    memory = house.process.memory_info().rss
    slowest = 0.0

    async def ask() -> None:
        nonlocal slowest
        while True:
            began = time.monotonic()
            await house.ask("/api/status")
            assert (await house.say()).outcome == "done"
            slowest = max(slowest, time.monotonic() - began)

    asking = asyncio.create_task(ask())
    began = time.monotonic()
    for number in range(100_000):
        changes = {"light.kitchen": {"+": {"s": "on" if number % 2 else "off"}}}
        await home.send("subscribe_entities", {"c": changes})
    assert not asking.done(), asking.result()
    seconds = await house.recovered()
    took = time.monotonic() - began
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await house.until("home", "ok")
    assert house.process.memory_info().rss < memory + 100 * 2**20
    report(
        f"100,000 changes of states in {took:.0f} s; status and an order took {slowest:.1f} s",
        seconds=seconds,
    )
    await house.lets_go(before)


GARBAGE: dict[str, Any] = {
    "get_config": [],
    "config/area_registry/list": {"no": "list"},
    "config/entity_registry/list": [7, None],
    "config/entity_registry/get_entries": [],
    "homeassistant/expose_entity/list": "nothing",
    "subscribe_entities": [{"a": []}],
}


async def test_home_assistant_talks_garbage(
    tmp_path: Path, home: ScriptedHome, engine: Scripted, report: Report
) -> None:
    usual = dict(home.answers)
    home.answers |= GARBAGE
    async with sidecar(
        tmp_path / "data",
        **between(home, engine),
    ) as it:
        status = await it.until("home", "attention", "was not understood")
        turn = await it.say()
        assert turn.error or turn.reply
        home.answers = usual
        seconds = await it.recovered()
        heard = turn.heard
        report("it talks garbage", heard=heard, status=status, seconds=seconds)


# The Supervisor


class ScriptedSupervisor(ScriptedHome):
    """Speaks for Home Assistant, and for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told(options={"agents": []})

    def add_routes(self, app: web.Application) -> None:
        answer_for_itself(app, self.told)


@pytest.fixture
async def supervisor() -> AsyncIterator[ScriptedSupervisor]:
    async with ScriptedSupervisor() as supervisor:
        furnished(supervisor)
        # The integration is loaded, so that it can be told of.
        supervisor.answers["manifest/get"] = {"version": "0.1.0"}
        yield supervisor


async def test_the_supervisor_is_away(
    tmp_path: Path, supervisor: ScriptedSupervisor, engine: Scripted, report: Report
) -> None:
    await supervisor.close()
    async with sidecar(
        tmp_path / "data",
        environment={
            "HASS_URL": "",
            "SUPERVISOR_URL": supervisor.url,
            "SUPERVISOR_TOKEN": TOKEN,
        },
        servers=[{"url": engine.url}],
    ) as it:
        status = await it.until("home", "down")
        refused = await it.client.get("/api/options")
        sentence = refused.json()["error"]["message"]
        assert "The Supervisor does not answer" in sentence
        turn = await it.say()
        assert turn.error is not None
        await supervisor.open()
        seconds = await it.recovered()
        assert (await it.ask("/api/options"))["options"] == {"agents": []}
        async with asyncio.timeout(120):
            while not supervisor.told.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert supervisor.told.messages[0]["service"] == "ollama_addon"
        heard = f"{turn.error['message']} In the panel: {sentence}"
        report("the Supervisor is away", heard=heard, status=status, seconds=seconds)
