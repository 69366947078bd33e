"""From the first start of the add-on to the restart of Home Assistant, in a real one.

The sidecar is the real one too; only the model is scripted, so that no engine is needed.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dev.homeassistant.core import HomeAssistant, home_assistant
from dev.supervisor import ADDRESS, Addon, Core as RunningCore, Manifest, Supervisor
from ollama_addon import __version__
from ollama_addon.engine.processes import free_port
from tests.engine.scripted import MODEL, Scripted
from tests.faults import engine as kitchen
from tests.integration.core import Core, core, speech
from tests.integration.test_companion import until

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[1]
INVENTORY = ROOT / "dev" / "inventory" / "house.yaml"
LIGHT = "light.kitchen_light"


async def chat(request: web.Request) -> web.StreamResponse:
    """Turn the kitchen light on when it is spoken of, fail when told to; greet otherwise."""
    if "please fail" in (await request.json())["messages"][-1]["content"].lower():
        return web.json_response({"error": "out of memory"}, status=500)
    return await kitchen.chat(request)


def _options(ollama: str) -> dict[str, Any]:
    return {"agents": [{"name": "Home", "model": MODEL}], "servers": [{"url": ollama}]}


class House:
    """A Home Assistant with a Supervisor and the add-on in it."""

    def __init__(self, folder: Path, ollama: str) -> None:
        self.config = folder / "homeassistant"
        port = free_port()
        self.addon = Addon(
            Manifest.read(ROOT / "config.yaml"),
            url=f"http://127.0.0.1:{port}",
            data=folder / "data",
            log=folder / "sidecar.log",
            command=[sys.executable, "-m", "ollama_addon", "serve"],
            environment={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "OLLAMA_ADDON_DATA": str(folder / "data"),
                "OLLAMA_ADDON_HOST": "127.0.0.1",
                "OLLAMA_ADDON_PORT": str(port),
                "OLLAMA_ADDON_INGRESS_PEER": ADDRESS,
                "OLLAMA_ADDON_ENGINE_COMMAND": "",
                "OLLAMA_ADDON_HOMEASSISTANT_CONFIG": str(self.config),
                "OLLAMA_ADDON_WYOMING_PORT": str(free_port()),
                "OLLAMA_ADDON_GATEWAY_PORT": str(free_port()),
            },
            options=_options(ollama),
        )
        self.ollama = ollama
        self.supervisor = Supervisor(self.addon)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Core]:
        """Run Home Assistant once: entered again, it was restarted."""
        supervisor = (self.supervisor.url, self.supervisor.core_token)
        running = home_assistant(self.config, INVENTORY, supervisor=supervisor, companion=False)
        async with running as home, core(home.url, home.token) as session:
            self.supervisor.core = await self._known(home, session)
            try:
                yield session
                # Whoever is killed forgets the newest.
                await session.post("services/homeassistant/stop", {})
                await until(self._ended, "the end of Home Assistant")
            finally:
                self.supervisor.core = None

    async def _ended(self) -> bool:
        with (self.config / ".ha_run.lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    @staticmethod
    async def _known(home: HomeAssistant, session: Core) -> RunningCore:
        return RunningCore(home.url, home.token, (await session.get("config"))["version"])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        ollama = await stack.enter_async_context(Scripted(MODEL))
        ollama.on["/api/chat"] = chat
        house = House(tmp_path, ollama.url)
        house.addon.data.mkdir()
        await stack.enter_async_context(house.supervisor)
        house.addon.environment["SUPERVISOR_URL"] = house.supervisor.url
        stack.push_async_callback(house.addon.stop)
        yield house


async def card(session: Core, handler: str) -> dict[str, Any]:
    """Return the discovered card of an integration, once it is there."""

    async def there() -> Any:
        flows = await session.command("config_entries/flow/progress")
        return [each for each in flows if each["handler"] == handler]

    (found,) = await until(there, f"a discovered card of {handler}")
    assert found["context"]["source"] == "hassio"
    return dict(found)


async def open_cards(session: Core) -> list[str]:
    """Return what waits for a person: discovered cards, and tokens that are asked for."""
    flows = await session.command("config_entries/flow/progress")
    return [each["handler"] for each in flows if each["handler"] in ("ollama_addon", "wyoming")]


async def add(session: Core, handler: str) -> str:
    """Press "Add" on a discovered card; return the id of the entry that comes of it."""
    flow = await card(session, handler)
    done = await session.post(f"config/config_entries/flow/{flow['flow_id']}", {})
    assert done["type"] == "create_entry"
    return str(done["result"]["entry_id"])


async def agents(session: Core, platform: str) -> list[str]:
    """Return the conversation entities of an integration."""
    entities = await session.command("config/entity_registry/list")
    return [
        each["entity_id"]
        for each in entities
        if each["platform"] == platform and each["entity_id"].startswith("conversation.")
    ]


async def use(session: Core, agent: str) -> dict[str, Any]:
    """Have a pipeline of its own use an agent, and return the pipeline."""
    pipeline = await session.command(
        "assist_pipeline/pipeline/create",
        name="Kitchen",
        language="en",
        conversation_engine=agent,
        conversation_language="en",
        prefer_local_intents=True,
        stt_engine=None,
        stt_language=None,
        tts_engine=None,
        tts_language=None,
        tts_voice=None,
        wake_word_entity=None,
        wake_word_id=None,
    )
    return dict(pipeline)


async def notifications(session: Core) -> list[str]:
    found = await session.command("persistent_notification/get")
    return [each["message"] for each in found if each["notification_id"].startswith("ollama")]


async def test_an_agent_at_once_and_the_companion_after_a_restart(house: House) -> None:
    async with house.running() as session:
        await house.addon.start()
        (asked,) = await until(lambda: notifications(session), "a notification")
        assert f"The integration {__version__} was installed." in asked
        assert "Restart Home Assistant" in asked
        entry = await add(session, "wyoming")
        (agent,) = await agents(session, "wyoming")
        assert (await session.state(agent))["attributes"]["friendly_name"] == "Home"
        picker = await session.command("conversation/agent/list", language="de")
        assert agent in [each["id"] for each in picker["agents"]]

        assert (await session.state(LIGHT))["state"] == "off"
        said = await session.say("turn on the kitchen light", agent)
        assert speech(said) == "Turned on the kitchen light."
        assert said["response"]["response_type"] == "action_done"
        assert (await session.state(LIGHT))["state"] == "on"
        assert said["conversation_id"]
        failed = await session.say("please fail", agent)
        assert failed["response"]["response_type"] == "error"
        assert "out of memory" in speech(failed)
        assert "Wyoming" not in speech(failed)
        pipeline = await use(session, agent)

    async with house.running() as session:
        await card(session, "ollama_addon")
        assert await agents(session, "wyoming") == [agent]
        assert speech(await session.say("good evening", agent)) == "Hello."
        companion = await add(session, "ollama_addon")

        async def taken_over() -> bool:
            entries = await session.get("config/config_entries/entry?domain=wyoming")
            return [each for each in entries if each["entry_id"] == entry] == []

        await until(taken_over, "the end of the stand-in")
        assert await agents(session, "wyoming") == []
        assert await notifications(session) == []
        assert [each.service for each in house.supervisor.discovery] == ["ollama_addon"]

        async def has_its_id() -> bool:
            return await agents(session, "ollama_addon") == [agent]

        # What names the entity of the stand-in names the companion's now.
        await until(has_its_id, "the entity id of the stand-in")

        async def unchanged() -> bool:
            now = await session.command("assist_pipeline/pipeline/get", pipeline_id=pipeline["id"])
            return bool(now == pipeline)

        await until(unchanged, "the voice assistant as it was")
        assert speech(await session.say("good evening", agent)) == "Hello."

        # Installed anew, with another token and another id: the entry follows, nobody is asked.
        old = (house.addon.data / "id").read_text()
        await house.addon.uninstall()
        house.addon.installed = True
        house.addon.user_options = _options(house.ollama)
        await house.addon.start()

        async def answers_again() -> bool:
            path = house.addon.data / "id"
            state = (await session.state(agent))["state"]
            return path.exists() and path.read_text() != old and state != "unavailable"

        await until(answers_again, "the agent of the app that was installed anew")

        async def says() -> bool:
            return speech(await session.say("good evening", agent)) == "Hello."

        await until(says, "an answer with the new token")
        entries = await session.get("config/config_entries/entry?domain=ollama_addon")
        assert [each["entry_id"] for each in entries] == [companion]
        assert await open_cards(session) == []

        # Uninstalled for good: a repair removes what is left, and sets the assistant back.
        await house.addon.uninstall()
        issue = f"{companion}_app_removed"

        async def raised() -> bool:
            issues = (await session.command("repairs/list_issues"))["issues"]
            return issue in [each["issue_id"] for each in issues]

        await until(raised, "a repair")
        flow = await session.post(
            "repairs/issues/fix", {"handler": "ollama_addon", "issue_id": issue}
        )
        done = await session.post(f"repairs/issues/fix/{flow['flow_id']}", {})
        assert done["type"] == "create_entry"
        assert await session.get("config/config_entries/entry?domain=ollama_addon") == []
        left = await session.command("assist_pipeline/pipeline/get", pipeline_id=pipeline["id"])
        assert left["conversation_engine"] == "conversation.home_assistant"
