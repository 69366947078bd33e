"""Satellites: who begins to listen, seen without their being exposed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ollama_addon.home import satellites as module
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.satellites import Satellites

from .scripted_home import ScriptedHome, eventually
from .scripted_house import ScriptedHouse

PUCK = "assist_satellite.puck"
SHELF = "assist_satellite.shelf"


@pytest_asyncio.fixture
async def satellites(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Satellites, list[str]]]:
    monkeypatch.setattr(module, "_RETRY", 0.02)
    heard: list[str] = []
    found = Satellites(connection, Mirror(connection))
    found.on_listening = heard.append
    found.start()
    yield found, heard
    await found.stop()


def watched(home: ScriptedHome) -> list[list[str]]:
    return [request["entity_ids"] for request in home.subscribed("subscribe_entities")]


async def change(home: ScriptedHome, entity_id: str, state: str) -> None:
    event = {"c": {entity_id: {"+": {"s": state}}}}
    await home.send("subscribe_entities", event, entity_ids=[PUCK])


async def test_it_is_told_when_one_begins_to_listen(
    home: ScriptedHome,
    house: ScriptedHouse,
    connection: Connection,
    satellites: tuple[Satellites, list[str]],
) -> None:
    house.add(PUCK, state="idle", exposed=False)
    house.add("light.kitchen", state="on")
    await connection.start()
    await eventually(lambda: [PUCK] in watched(home))
    _, heard = satellites
    for state in ("listening", "processing", "responding", "idle", "listening"):
        await change(home, PUCK, state)
    await home.send("subscribe_entities", {"c": {PUCK: {"+": {"a": {"x": 1}}}}}, entity_ids=[PUCK])
    await eventually(lambda: len(heard) == 2)
    assert heard == [PUCK, PUCK]


async def test_a_new_connection_is_followed_too(
    home: ScriptedHome,
    house: ScriptedHouse,
    connection: Connection,
    satellites: tuple[Satellites, list[str]],
) -> None:
    house.add(PUCK, state="idle", exposed=False)
    await connection.start()
    await eventually(lambda: [PUCK] in watched(home))
    await home.drop()
    await eventually(lambda: home.connections == 2 and [PUCK] in watched(home))
    await change(home, PUCK, "listening")
    await eventually(lambda: satellites[1] == [PUCK])


async def test_a_home_without_satellites(
    home: ScriptedHome,
    house: ScriptedHouse,
    connection: Connection,
    satellites: tuple[Satellites, list[str]],
) -> None:
    house.add("light.kitchen", state="on")
    await connection.start()
    await eventually(lambda: home.asked("config/entity_registry/list"))
    assert all(not ids or ids[0].startswith("light.") for ids in watched(home))


async def test_it_tries_again(
    home: ScriptedHome,
    house: ScriptedHouse,
    connection: Connection,
    satellites: tuple[Satellites, list[str]],
) -> None:
    house.add(PUCK, state="idle", exposed=False)
    answer = home.answers["config/entity_registry/list"]
    home.answers["config/entity_registry/list"] = ValueError("busy")
    await connection.start()
    await eventually(lambda: len(home.asked("config/entity_registry/list")) > 1)
    home.answers["config/entity_registry/list"] = answer
    await eventually(lambda: [PUCK] in watched(home))
