"""What the tests of Home Assistant's side share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dev.homeassistant.core import HomeAssistant, home_assistant
from dev.stack import ROOT
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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lone_core(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HomeAssistant]:
    """A real Home Assistant that nothing of this project runs beside."""
    house = ROOT / "dev" / "inventory" / "house.yaml"
    folder = tmp_path_factory.mktemp("core")
    async with home_assistant(folder, house, companion=False) as core:
        yield core
