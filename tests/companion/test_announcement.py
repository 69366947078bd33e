"""Discovery in every order of a reboot: Home Assistant ends with one card, and the right token."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from dev.supervisor import Addon, Core, Manifest, Supervisor as Simulated
from ollama_addon.background import Background
from ollama_addon.companion import announcement, monitor
from ollama_addon.companion.announcement import Announcement
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.home.connection import Connection
from ollama_addon.supervisor.client import Supervisor
from tests.home.scripted_home import TOKEN, ScriptedHome, eventually

CONFIG = Path(__file__).parents[2] / "config.yaml"


class RebootedHome(ScriptedHome):
    """A Home Assistant that takes messages as the real one does.

    It reads those of started apps once it has started, and is told of new ones only while it runs.
    """

    def __init__(self, simulated: Simulated) -> None:
        super().__init__()
        self.simulated = simulated
        self.state = "NOT_RUNNING"
        self.loaded = True
        self.cards: dict[str, dict[str, Any]] = {}
        self.flows = 0
        self.answers |= {
            "get_config": lambda _: {"state": self.state},
            "manifest/get": lambda _: (
                {"version": "0.1.0"} if self.loaded else Exception("Integration not found")
            ),
        }

    async def begin(self) -> None:
        """Answer, but be starting still."""
        self.state, self.cards = "STARTING", {}
        await self.open()
        self.simulated.core = Core(self.url, TOKEN, "2026.11.0")

    async def started(self) -> None:
        """Read the messages that there are, then run."""
        async with self._supervisor() as supervisor:
            for message in (await supervisor.get("/discovery")).json()["data"]["discovery"]:
                self.take(message)
        self.state = "RUNNING"

    async def end(self) -> None:
        self.state, self.simulated.core = "NOT_RUNNING", None
        await self.close()

    def take(self, message: dict[str, Any]) -> None:
        if self.loaded:
            self.flows += 1
            # A second flow of one app is aborted, or follows what was set up.
            self.cards[message["service"]] = message["config"]

    async def _rest(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if path == "core/state":
            return web.json_response({"state": self.state})
        if path.startswith("hassio_push/discovery/"):
            uuid = path.rpartition("/")[2]
            async with self._supervisor() as supervisor:
                self.take((await supervisor.get(f"/discovery/{uuid}")).json()["data"])
            return web.json_response({})
        return await super()._rest(request)

    def _supervisor(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.simulated.core_token}"}
        return httpx.AsyncClient(base_url=self.simulated.url, headers=headers, trust_env=False)


class App:
    """What of the app announces it, with the process that stands for its container."""

    def __init__(self, home: RebootedHome, token: str = "t") -> None:
        self._home = home
        self.token = token
        self._background = Background()

    async def start(self) -> None:
        addon = self._home.simulated.addon
        addon.ready = False
        await addon.start()
        self._supervisor = Supervisor(self._home.simulated.url, addon.token)
        # Only its address is known before it answers.
        self._connection = Connection.from_url(self._home.url, TOKEN)
        self._companion = CompanionMonitor(self._connection, Path(), Path(), install=False)
        await self._companion.start()
        self.announcement = Announcement(
            self._supervisor,
            self._connection,
            self._companion,
            lambda: {"id": "i", "port": 8099, "token": self.token},
        )
        self.announcement.start(self._background)
        await self._connection.start()

    async def stop(self) -> None:
        await self._background.stop()
        await self._companion.stop()
        await self._connection.stop()
        await self._supervisor.close()
        await self._home.simulated.addon.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcement, "RETRY", 0.02)
    monkeypatch.setattr(monitor, "RETRY", 0.02)
    monkeypatch.setattr("ollama_addon.home.connection.RETRY_FIRST", 0.02)
    monkeypatch.setattr("ollama_addon.home.connection.RETRY_LAST", 0.02)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[RebootedHome]:
    addon = Addon(
        Manifest.read(CONFIG),
        url="http://127.0.0.1:9",
        data=tmp_path,
        log=tmp_path / "log",
        command=[sys.executable, "-c", "import time; time.sleep(600)"],
    )
    async with Simulated(addon) as simulated:
        home = RebootedHome(simulated)
        # The port is the same each time that it starts.
        await home.open()
        await home.close()
        yield home
        await home.close()
        await addon.stop()


ORDERS = {
    "Home Assistant first": "core started app healthy",
    "the app first": "app healthy core started",
    "the app while Home Assistant starts": "core app started healthy",
    "Home Assistant while the app starts": "app core started healthy",
    "Home Assistant restarts in between": "core app core-ends healthy core started",
    "Home Assistant restarts later": "core started app healthy core-ends core started",
    "the app restarts": "core started app healthy app-ends app healthy",
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("kept", [True, False], ids=["a message is kept", "none is kept"])
async def test_the_card_is_there_after_a_reboot(home: RebootedHome, order: str, kept: bool) -> None:
    if kept:
        # Before the reboot it was announced, and nobody pressed "Add".
        before = App(home)
        await home.begin()
        await home.started()
        await before.start()
        await eventually(lambda: home.cards)
        await before.stop()
        await home.end()
    app = App(home)
    steps = {
        "core": home.begin,
        "started": home.started,
        "core-ends": home.end,
        "app": app.start,
        "app-ends": app.stop,
    }
    for step in order.split():
        if step == "healthy":
            home.simulated.addon.ready = True
        else:
            await steps[step]()
    await eventually(lambda: home.cards)
    assert list(home.cards) == ["ollama_addon"]
    assert home.cards["ollama_addon"]["token"] == "t"
    assert len(home.simulated.discovery) == 1
    await app.stop()


async def test_the_same_message_alone_would_reach_nobody(home: RebootedHome) -> None:
    """Why another time is in it: the Supervisor swallows what it has already."""
    addon = home.simulated.addon
    supervisor = Supervisor(home.simulated.url, addon.token)
    await supervisor.announce("ollama_addon", {"id": "i"})
    await home.begin()
    await home.started()
    await supervisor.announce("ollama_addon", {"id": "i"})
    assert home.cards == {}
    await supervisor.announce("ollama_addon", {"id": "i", "announced": "now"})
    assert list(home.cards) == ["ollama_addon"]
    await supervisor.close()


async def test_an_integration_that_is_not_loaded_is_not_announced(home: RebootedHome) -> None:
    home.loaded = False
    app = App(home)
    await home.begin()
    await home.started()
    await app.start()
    await eventually(lambda: app._companion.looked)
    assert home.simulated.discovery == []
    await home.end()
    home.loaded = True
    await home.begin()
    await home.started()
    await eventually(lambda: home.cards)
    await app.stop()


async def test_another_card_is_waited_for(home: RebootedHome) -> None:
    app, held = App(home), True
    await home.begin()
    await home.started()
    await app.start()
    app.announcement.held = lambda: held
    await eventually(lambda: app._companion.looked)
    assert home.cards == {}
    held = False
    app.announcement.look()
    await eventually(lambda: home.cards)
    await app.stop()


async def test_another_token_is_told_once(home: RebootedHome) -> None:
    app = App(home)
    await home.begin()
    await home.started()
    await app.start()
    await eventually(lambda: home.cards)
    flows = home.flows
    app.token = "new"
    app.announcement.again()
    await eventually(lambda: home.cards["ollama_addon"]["token"] == "new")
    assert home.flows == flows + 1
    await app.announcement.withdraw()
    assert home.simulated.discovery == []
    await app.stop()
