"""What the tests of Home Assistant's side share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ollama_addon.home import connection as connection_module, mirror as mirror_module
from ollama_addon.home.connection import Connection

from .scripted_home import TOKEN, ScriptedHome
from .scripted_house import ScriptedHouse


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "RETRY_FIRST", 0.02)
    monkeypatch.setattr(connection_module, "RETRY_LAST", 0.05)
    monkeypatch.setattr(connection_module, "RETRY_REFUSED", 0.05)
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 0.5)
    monkeypatch.setattr(mirror_module, "SETTLE", 0.02)
    monkeypatch.setattr(mirror_module, "RETRY", 0.3)


@pytest.fixture
async def home() -> AsyncIterator[ScriptedHome]:
    async with ScriptedHome() as home:
        yield home


@pytest.fixture
def house(home: ScriptedHome) -> ScriptedHouse:
    return ScriptedHouse(home)


@pytest.fixture
async def connection(home: ScriptedHome) -> AsyncIterator[Connection]:
    connection = Connection.from_url(home.url, TOKEN)
    yield connection
    await connection.stop()
