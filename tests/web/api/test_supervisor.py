"""The buttons for the sidebar and the watchdog, and what is taken out of Home Assistant."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ollama_addon.companion import announcement as module, files, monitor, removal
from ollama_addon.companion.announcement import Announcement
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.supervisor.client import Supervisor
from tests.home.scripted_home import TOKEN, ScriptedHome, eventually
from tests.web.api.test_options import Installed, begin
from tests.web.running import sidecar

OURS = Path(__file__).parents[3] / "custom_components" / "ollama_addon"


@pytest.fixture
async def installed(tmp_path: Path) -> AsyncIterator[Installed]:
    async with begin(tmp_path / "data") as each:
        yield each


async def test_sidebar_and_watchdog_are_off_after_the_installation(installed: Installed) -> None:
    shown = (await installed.client.get("/api/supervisor")).json()
    slug = "local_ollama_addon"
    assert shown == {"available": True, "slug": slug, "sidebar": False, "watchdog": False}


@pytest.mark.parametrize("what", ["sidebar", "watchdog"])
async def test_only_people_press_the_buttons(installed: Installed, what: str) -> None:
    # Never by itself, and not by whoever has the token.
    answer = await installed.client.post(f"/api/supervisor/{what}", json={"on": True})
    assert answer.status_code == 403
    assert not installed.simulated.addon.ingress_panel
    assert not installed.simulated.addon.watchdog


async def test_the_supervisor_takes_both(installed: Installed) -> None:
    addon, client = installed.simulated.addon, installed.parts.supervisor
    assert client is not None
    await client.set_sidebar(shown=True)
    await client.set_watchdog(on=True)
    assert (addon.ingress_panel, addon.watchdog) == (True, True)
    await client.set_sidebar(shown=False)
    assert (addon.ingress_panel, addon.watchdog) == (False, True)
    # Options stay as they were.
    assert (await installed.options())["journal_days"] == 30


async def test_without_a_supervisor_there_are_no_buttons(tmp_path: Path) -> None:
    async with sidecar(tmp_path) as running:
        shown = (await running.browser.get("/api/supervisor")).json()
        assert shown == {"available": False, "slug": None, "sidebar": None, "watchdog": None}
        for what in ("sidebar", "watchdog"):
            answer = await running.browser.post(f"/api/supervisor/{what}", json={"on": True})
            assert answer.status_code == 501
            assert answer.json()["error"]["code"] == "no_supervisor"


def config(folder: Path) -> Path:
    """Return a configuration folder of Home Assistant with our integration in it."""
    shutil.copytree(OURS, folder / "custom_components" / "ollama_addon")
    return folder


def test_our_files_are_removed_and_nothing_else(tmp_path: Path) -> None:
    other = tmp_path / "custom_components" / "other"
    other.mkdir(parents=True)
    assert files.remove(OURS, config(tmp_path))
    assert list((tmp_path / "custom_components").iterdir()) == [other]
    assert not files.remove(OURS, tmp_path)


def test_what_is_not_ours_is_left(tmp_path: Path) -> None:
    folder = config(tmp_path) / "custom_components" / "ollama_addon"
    (folder / "manifest.json").write_text(
        json.dumps({"domain": "ollama_addon", "codeowners": ["@other"], "documentation": "other"})
    )
    assert not files.remove(OURS, tmp_path)
    assert folder.exists()


def test_what_hacs_keeps_is_left(tmp_path: Path) -> None:
    folder = config(tmp_path) / "custom_components" / "ollama_addon"
    (tmp_path / ".storage").mkdir()
    (tmp_path / ".storage" / "hacs.repositories").write_text(
        json.dumps({"data": {"1": {"domain": "ollama_addon", "installed": True}}})
    )
    assert not files.remove(OURS, tmp_path)
    assert folder.exists()


@pytest.fixture
async def connection(home: ScriptedHome) -> AsyncIterator[Connection]:
    connection = Connection.from_url(home.url, TOKEN)
    await connection.start()
    await eventually(lambda: connection.connected)
    yield connection
    await connection.stop()


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedHome]:
    monkeypatch.setattr(module, "RETRY", 0.02)
    monkeypatch.setattr(monitor, "RETRY", 0.02)
    async with ScriptedHome() as home:
        yield home


class NoOwnIntegration:
    """Home Assistant's own integration, which was not set up."""

    removed = False

    async def remove(self) -> None:
        self.removed = True


@pytest.mark.parametrize("fails", ["", "assist_pipeline/pipeline/update", "config_entries/get"])
async def test_everything_is_taken_out_of_home_assistant(
    installed: Installed, home: ScriptedHome, connection: Connection, tmp_path: Path, fails: str
) -> None:
    entries = [
        {"entry_id": "ours", "source": "hassio"},
        {"entry_id": "elsewhere", "source": "user"},
    ]
    engines = {"kitchen": "conversation.jarvis", "hall": "conversation.home_assistant"}

    def set_engine(request: dict[str, Any]) -> dict[str, Any]:
        engines[request["pipeline_id"]] = request["conversation_engine"]
        return {}

    def delete(_: dict[str, Any]) -> Any:
        entries.pop(0)
        return web.json_response({"require_restart": False})

    home.answers |= {
        "get_config": {"state": "RUNNING"},
        "manifest/get": {"version": "0.1.0"},
        "config_entries/get": lambda _: entries,
        "config/entity_registry/list": [
            {
                "entity_id": "conversation.jarvis",
                "platform": "ollama_addon",
                "config_entry_id": "ours",
                "unique_id": "ours_jarvis_conversation",
            }
        ],
        "assist_pipeline/pipeline/list": lambda _: {
            "pipelines": [
                {"id": name, "name": name, "conversation_engine": engine}
                for name, engine in engines.items()
            ]
        },
        "assist_pipeline/pipeline/update": set_engine,
    }
    home.posts["config/config_entries/entry/ours"] = delete
    addon = installed.simulated.addon
    supervisor = Supervisor(installed.simulated.url, addon.token)
    folder = config(tmp_path / "homeassistant")
    companion = CompanionMonitor(connection, OURS, folder, install=False)
    announcement = Announcement(supervisor, connection, companion, lambda: {"token": "t"})
    own: Any = NoOwnIntegration()
    if fails:
        works, home.answers[fails] = home.answers[fails], Exception("Not now")
        with pytest.raises(AddonError):
            await removal.remove(connection, companion, own, announcement)
        home.answers[fails] = works
    done = await removal.remove(connection, companion, own, announcement)
    assert (done.entries, done.assistants, done.files) == (
        1,
        () if fails == "config_entries/get" else ("kitchen",),
        True,
    )
    assert own.removed
    assert [entry["entry_id"] for entry in entries] == ["elsewhere"]
    assert set(engines.values()) == {"conversation.home_assistant"}
    assert installed.simulated.discovery == []
    assert not (folder / "custom_components" / "ollama_addon").exists()
    await supervisor.close()
