"""The agent that stands in over Wyoming: offered, withdrawn, and remembered."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe

from dev.supervisor import Addon, Manifest, Supervisor as Simulated
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.home.connection import Connection
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.wyoming import fallback
from ollama_addon.wyoming.fallback import WyomingFallback
from ollama_addon.wyoming.server import WyomingServer
from tests.home.scripted_home import TOKEN, ScriptedHome, eventually
from tests.supervisor.test_client import CONFIG
from tests.wyoming.test_server import ScriptedAgent

OURS = {"host": "local-ollama-addon", "port": 8099, "token": "t"}


class ScriptedMonitor(CompanionMonitor):
    """Runs when a test says so."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Path(), Path(), install=False)
        self.looked = True

    def now(self, runs: bool | None) -> None:
        self.runs = runs
        for callback in self._on_change:
            callback()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "RETRY", 0.02)


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[Simulated]:
    addon = Addon(
        Manifest.read(CONFIG),
        url="http://127.0.0.1:9",
        data=tmp_path,
        log=tmp_path / "log",
        command=[sys.executable, "-c", ""],
    )
    async with Simulated(addon) as simulated:
        yield simulated


@pytest.fixture
async def supervisor(simulated: Simulated) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(simulated.url, simulated.addon.token)
    yield supervisor
    await supervisor.close()


@pytest.fixture
async def home() -> AsyncIterator[ScriptedHome]:
    """A Home Assistant in which nothing uses the agent yet."""
    async with ScriptedHome() as home:
        home.answers |= {
            "config/entity_registry/list": [],
            "config_entries/flow/progress": [],
            "config_entries/get": [],
            "conversation/agent/list": {"agents": []},
            "config/entity_registry/update": {},
            "assist_pipeline/pipeline/list": {"pipelines": [], "preferred_pipeline": None},
            "assist_pipeline/pipeline/update": {},
        }
        yield home


@pytest.fixture
async def connection(home: ScriptedHome) -> AsyncIterator[Connection]:
    connection = Connection.from_url(home.url, TOKEN)
    await connection.start()
    await eventually(lambda: connection.connected)
    yield connection
    await connection.stop()


@pytest.fixture
def companion(connection: Connection) -> ScriptedMonitor:
    return ScriptedMonitor(connection)


Make = Callable[..., WyomingFallback]


@pytest.fixture
async def make(
    companion: ScriptedMonitor, connection: Connection, supervisor: Supervisor, tmp_path: Path
) -> AsyncIterator[Make]:
    made: list[WyomingFallback] = []

    def make(*, wanted: bool = True, supervised: bool = True, port: int = 0) -> WyomingFallback:
        server = WyomingServer(ScriptedAgent(), "127.0.0.1", port)
        made.append(
            WyomingFallback(
                server,
                companion,
                connection,
                supervisor if supervised else None,
                tmp_path / "kept",
                wanted=wanted,
            )
        )
        return made[-1]

    yield make
    for each in made:
        await each.stop()


def port_of(simulated: Simulated) -> int:
    (message,) = [each for each in simulated.discovery if each.service == "wyoming"]
    scheme, host, port = str(message.config["uri"]).split(":")
    assert (scheme, host) == ("tcp", "//localhost")
    return int(port)


async def answers(port: int) -> bool:
    try:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Describe().event())
            return await client.read_event() is not None
    except OSError:
        return False


def kept_uuid(folder: Path) -> str:
    return str(json.loads((folder / "kept").read_text())["uuid"])


async def test_it_stands_in_until_the_companion_runs(
    simulated: Simulated, companion: ScriptedMonitor, supervisor: Supervisor, make: Make
) -> None:
    await supervisor.announce("ollama_addon", OURS)
    stand_in = make()
    await stand_in.start()
    assert (stand_in.serving, len(simulated.discovery)) == (False, 1)
    companion.now(False)
    await eventually(lambda: len(simulated.discovery) == 2)
    port = port_of(simulated)
    assert await answers(port)
    assert stand_in.serving
    assert str(port) in stand_in.message
    companion.now(None)
    companion.now(False)
    companion.now(True)
    await eventually(lambda: not stand_in.serving)
    assert [each.service for each in simulated.discovery] == ["ollama_addon"]
    assert not await answers(port)
    companion.now(False)
    await eventually(lambda: len(simulated.discovery) == 2)
    assert await answers(port_of(simulated))


async def test_it_waits_until_home_assistant_can_tell(
    simulated: Simulated, companion: ScriptedMonitor, make: Make
) -> None:
    stand_in = make()
    await stand_in.start()
    companion.now(None)
    companion.now(True)
    companion.now(None)
    companion.now(False)
    await eventually(lambda: simulated.discovery)
    assert len(simulated.discovery) == 1


async def test_a_restart_leaves_what_was_announced(
    simulated: Simulated, companion: ScriptedMonitor, make: Make
) -> None:
    first = make()
    companion.now(False)
    await first.start()
    await eventually(lambda: simulated.discovery)
    port = port_of(simulated)
    await first.stop()
    assert not await answers(port)
    assert port_of(simulated) == port
    second = make(port=port)
    await second.start()
    await eventually(lambda: second.serving)
    assert await answers(port)
    assert len(simulated.discovery) == 1
    await second.stop()
    # It starts once more, when the companion runs already.
    companion.now(True)
    await make(port=port).start()
    await eventually(lambda: not simulated.discovery)


async def test_switched_off(simulated: Simulated, companion: ScriptedMonitor, make: Make) -> None:
    first = make()
    companion.now(False)
    await first.start()
    await eventually(lambda: simulated.discovery)
    await first.stop()
    off = make(wanted=False)
    await off.start()
    await eventually(lambda: not simulated.discovery)
    companion.now(True)
    companion.now(False)
    assert not off.serving
    assert "Nothing is offered" in off.message


async def test_a_supervisor_that_is_away_is_asked_again(
    simulated: Simulated, companion: ScriptedMonitor, make: Make
) -> None:
    simulated.fail("/discovery")
    stand_in = make()
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: "Supervisor refused" in stand_in.message)
    assert stand_in.serving
    simulated.heal()
    await eventually(lambda: simulated.discovery)
    await eventually(lambda: "speaks" in stand_in.message)
    simulated.fail("/discovery")
    companion.now(True)
    await eventually(lambda: "Supervisor refused" in stand_in.message)
    assert simulated.discovery
    simulated.heal()
    await eventually(lambda: not stand_in.serving)
    assert not simulated.discovery


async def test_what_was_withdrawn_by_others_is_let_go(
    simulated: Simulated,
    companion: ScriptedMonitor,
    supervisor: Supervisor,
    make: Make,
    tmp_path: Path,
) -> None:
    stand_in = make()
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: "speaks" in stand_in.message)
    await supervisor.withdraw(kept_uuid(tmp_path))
    companion.now(True)
    await eventually(lambda: not stand_in.serving)
    assert not (tmp_path / "kept").exists()


async def test_a_port_that_is_taken(
    simulated: Simulated, companion: ScriptedMonitor, make: Make
) -> None:
    other = WyomingServer(ScriptedAgent(), "127.0.0.1", 0)
    await other.start()
    stand_in = make(port=other.port)
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: "cannot be used" in stand_in.message)
    assert simulated.discovery == []
    await other.stop()
    await eventually(lambda: simulated.discovery)


async def test_without_a_supervisor(companion: ScriptedMonitor, make: Make) -> None:
    stand_in = make(supervised=False)
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: stand_in.serving)
    companion.now(True)
    await eventually(lambda: not stand_in.serving)


def entity(number: int, platform: str, entry: str, **more: Any) -> dict[str, Any]:
    return {
        "entity_id": f"conversation.home_{number}",
        "platform": platform,
        "config_entry_id": entry,
        "unique_id": f"{entry}_home_conversation",
        "original_name": "Home",
        **more,
    }


def pipeline(name: str, engine: str) -> dict[str, Any]:
    return {"id": name.lower(), "name": name, "conversation_engine": engine, "language": "en"}


class Registry:
    """What Home Assistant has, as far as the hand-over changes it."""

    def __init__(self, home: ScriptedHome, simulated: Simulated) -> None:
        self.simulated = simulated
        self.entries = [
            {"entry_id": "w1", "source": "hassio"},
            {"entry_id": "w2", "source": "user"},
        ]
        self.entities = [
            entity(1, "wyoming", "w1", entity_id="conversation.home"),
            entity(2, "wyoming", "w2"),
            entity(3, "wyoming", "w1", original_name="Another"),
            entity(4, "wyoming", "w1", entity_id="stt.home"),
            entity(5, "ollama_addon", "o", unique_id="o_other_conversation"),
        ]
        self.pipelines = [
            pipeline("Ours", "conversation.home"),
            pipeline("Manual", "conversation.home_2"),
            pipeline("Other", "conversation.home_3"),
            pipeline("Plain", "conversation.home_assistant"),
        ]
        home.answers |= {
            "config_entries/get": lambda _: self.now(self.entries),
            "config/entity_registry/list": lambda _: self.now(self.entities),
            "config/entity_registry/update": self.rename,
            "assist_pipeline/pipeline/list": lambda _: {"pipelines": self.pipelines},
            "assist_pipeline/pipeline/update": self.change,
            "conversation/agent/list": lambda _: {
                "agents": [{"id": each["entity_id"]} for each in self.entities]
            },
        }

    def now(self, found: list[Any]) -> list[Any]:
        """Home Assistant removes what was set up from a message that was withdrawn."""
        if not self.simulated.discovery:
            self.entries = [each for each in self.entries if each["entry_id"] != "w1"]
            self.entities = [each for each in self.entities if each["config_entry_id"] != "w1"]
            found = self.entries if "source" in found[0] else self.entities
        return found

    def rename(self, request: dict[str, Any]) -> Any:
        for each in self.entities:
            if each["entity_id"] == request["entity_id"]:
                each["entity_id"] = request["new_entity_id"]
        return {}

    def change(self, request: dict[str, Any]) -> Any:
        for each in self.pipelines:
            if each["id"] == request["pipeline_id"]:
                each["conversation_engine"] = request["conversation_engine"]
        return {}

    @property
    def engines(self) -> dict[str, str]:
        return {each["name"]: each["conversation_engine"] for each in self.pipelines}


UNTOUCHED = {
    "Manual": "conversation.home_2",
    "Other": "conversation.home_3",
    "Plain": "conversation.home_assistant",
}


async def test_the_companion_takes_its_place_and_its_entity_id(
    home: ScriptedHome, simulated: Simulated, companion: ScriptedMonitor, make: Make, tmp_path: Path
) -> None:
    registry = Registry(home, simulated)
    stand_in = make()
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: "speaks" in stand_in.message)
    # It was added over Wyoming: it stays while the integration can be added.
    companion.running_version = "0.1.0"
    companion.now(False)
    await eventually(lambda: not stand_in.card_shown)
    assert stand_in.serving
    assert simulated.discovery
    companion.now(True)
    await eventually(lambda: "does not have this agent" in stand_in.message)
    assert stand_in.serving
    assert registry.engines == UNTOUCHED | {"Ours": "conversation.home"}
    registry.entities.append(entity(8, "ollama_addon", "o"))
    await eventually(lambda: not stand_in.serving)
    assert registry.engines == UNTOUCHED | {"Ours": "conversation.home"}
    (ours,) = [each for each in registry.entities if each["entity_id"] == "conversation.home"]
    assert ours["platform"] == "ollama_addon"
    assert simulated.discovery == []
    assert not (tmp_path / "kept").exists()


FAILING = (
    "config_entries/get",
    "config/entity_registry/list",
    "config/entity_registry/update",
    "assist_pipeline/pipeline/list",
    "assist_pipeline/pipeline/update",
    "conversation/agent/list",
    "config_entries/flow/progress",
)


@pytest.mark.parametrize("failing", FAILING)
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_hand_over_that_is_broken_off_goes_on(
    failing: str,
    after: int,
    home: ScriptedHome,
    simulated: Simulated,
    companion: ScriptedMonitor,
    make: Make,
) -> None:
    """At any step Home Assistant, or the app, may end."""
    registry = Registry(home, simulated)
    registry.entities.append(entity(8, "ollama_addon", "o"))
    first = make()
    companion.now(False)
    await first.start()
    await eventually(lambda: "speaks" in first.message)
    works, count = home.answers[failing], 0

    def fails(request: dict[str, Any]) -> Any:
        nonlocal count
        count += 1
        if count <= after:
            return works(request) if callable(works) else works
        return Exception("Not now")

    home.answers[failing] = fails
    companion.running_version = "0.1.0"
    companion.now(True)
    await eventually(lambda: "Not now" in first.message or not first.serving)
    await first.stop()
    home.answers[failing] = works
    second = make()
    await second.start()
    await eventually(lambda: not simulated.discovery and not second.serving)
    await eventually(lambda: registry.engines["Ours"] == "conversation.home")
    names = {each["entity_id"]: each["platform"] for each in registry.entities}
    await eventually(
        lambda: (
            ("conversation.home", "ollama_addon")
            in {(each["entity_id"], each["platform"]) for each in registry.entities}
        )
    )
    assert registry.engines == UNTOUCHED | {"Ours": "conversation.home"}, names


async def test_a_card_that_nobody_pressed_goes_once_the_integration_can_be_added(
    simulated: Simulated, companion: ScriptedMonitor, make: Make
) -> None:
    stand_in = make()
    told: list[bool] = []
    stand_in.on_change = lambda: told.append(stand_in.card_shown)
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: told == [True])
    companion.running_version = "0.1.0"
    companion.now(False)
    await eventually(lambda: told == [True, False])
    assert simulated.discovery == []
    assert not stand_in.serving


async def test_a_home_that_is_away_is_waited_for(
    home: ScriptedHome, simulated: Simulated, companion: ScriptedMonitor, make: Make
) -> None:
    stand_in = make()
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: "speaks" in stand_in.message)
    home.answers["config_entries/get"] = Exception("Not now")
    companion.now(True)
    await eventually(lambda: stand_in.message == "Not now.")
    assert simulated.discovery
    home.answers["config_entries/get"] = []
    await eventually(lambda: not simulated.discovery)


async def test_a_card_that_nobody_pressed_goes(
    home: ScriptedHome,
    simulated: Simulated,
    companion: ScriptedMonitor,
    make: Make,
    tmp_path: Path,
) -> None:
    stand_in = make()
    companion.now(False)
    await stand_in.start()
    await eventually(lambda: "speaks" in stand_in.message)
    ours = kept_uuid(tmp_path)
    home.answers["config_entries/flow/progress"] = [
        {"flow_id": "1", "handler": "wyoming", "context": {"unique_id": "another"}},
        {"flow_id": "2", "handler": "wyoming", "context": {"unique_id": ours}},
        {"flow_id": "3", "handler": "other", "context": {"unique_id": ours}},
        {"flow_id": "4", "handler": "wyoming", "context": {}},
    ]
    path = "config/config_entries/flow/2"
    home.posts[path] = lambda _: web.json_response({"message": "Flow aborted"})
    companion.now(True)
    await eventually(lambda: not stand_in.serving)
    assert [each["delete"] for each in home.requests if "delete" in each] == [path]
    assert simulated.discovery == []
