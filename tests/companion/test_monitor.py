"""The companion integration as Home Assistant knows it: what runs, and when a restart is needed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ollama_addon.companion import monitor as companion_module
from ollama_addon.companion.files import DOMAIN, place
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.home import connection as connection_module
from ollama_addon.home.connection import Connection
from tests.companion.test_files import make
from tests.home.scripted_home import TOKEN, ScriptedHome, eventually

NOT_FOUND = Exception("Integration not found")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "RETRY_FIRST", 0.02)
    monkeypatch.setattr(connection_module, "RETRY_LAST", 0.05)
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 0.5)
    monkeypatch.setattr(companion_module, "RETRY", 0.02)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(tmp_path / "source")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


@pytest.fixture
async def home() -> AsyncIterator[ScriptedHome]:
    async with ScriptedHome() as home:
        home.answers |= {
            "manifest/get": NOT_FOUND,
            "call_service": {},
            "config_entries/subscribe": [[]],
        }
        yield home


@pytest.fixture
async def connection(home: ScriptedHome) -> AsyncIterator[Connection]:
    connection = Connection.from_url(home.url, TOKEN)
    yield connection
    await connection.stop()


@pytest.fixture
async def companion(
    connection: Connection, source: Path, config: Path
) -> AsyncIterator[CompanionMonitor]:
    """Place the integration and watch it; Home Assistant is not connected yet."""
    companion = CompanionMonitor(connection, source, config, install=True)
    yield companion
    await companion.stop()


async def begin(companion: CompanionMonitor, connection: Connection) -> None:
    await companion.start()
    await connection.start()


def entry(state: str, **more: Any) -> dict[str, Any]:
    return {"entry_id": "1", "domain": DOMAIN, "state": state, "disabled_by": None, **more}


def notified(home: ScriptedHome) -> list[tuple[str, dict[str, Any]]]:
    return [
        (request["service"], request["service_data"])
        for request in home.asked("call_service")
        if request["domain"] == "persistent_notification"
    ]


async def test_a_restart_is_asked_for_and_the_asking_taken_back(
    home: ScriptedHome, companion: CompanionMonitor, connection: Connection
) -> None:
    await begin(companion, connection)
    await eventually(lambda: notified(home))
    service, data = notified(home)[0]
    assert service == "create"
    assert "0.2.0 was installed" in data["message"]
    assert "(/config/system)" in data["message"]
    assert (companion.state, companion.version) == ("placed", "0.2.0")
    assert (companion.running_version, companion.restart_needed) == (None, True)
    home.answers["manifest/get"] = {"domain": DOMAIN, "version": "0.2.0"}
    await home.drop()
    await eventually(lambda: len(notified(home)) == 2)
    assert notified(home)[1] == ("dismiss", {"notification_id": data["notification_id"]})
    assert (companion.running_version, companion.restart_needed) == ("0.2.0", False)


async def test_an_update_needs_a_restart(
    home: ScriptedHome, companion: CompanionMonitor, connection: Connection, config: Path
) -> None:
    make(config / "custom_components" / DOMAIN, "0.1.0")
    home.answers["manifest/get"] = {"version": "0.1.0"}
    await begin(companion, connection)
    await eventually(lambda: notified(home))
    assert notified(home)[0][0] == "create"
    assert (companion.running_version, companion.restart_needed) == ("0.1.0", True)


@pytest.mark.parametrize(("later", "service"), [(-10, "create"), (10, "dismiss")])
async def test_a_repair_needs_a_restart_unless_there_was_one(
    home: ScriptedHome,
    companion: CompanionMonitor,
    connection: Connection,
    config: Path,
    later: int,
    service: str,
) -> None:
    target = make(config / "custom_components" / DOMAIN)
    (target / "__init__.py").write_text("damaged")
    home.answers["manifest/get"] = {"version": "0.2.0"}
    await companion.start()
    written = (target / "manifest.json").stat().st_mtime
    (config / ".ha_run.lock").write_text(json.dumps({"start_ts": written + later}))
    await connection.start()
    await eventually(lambda: notified(home))
    assert notified(home)[0][0] == service
    assert companion.restart_needed == (service == "create")


async def test_nothing_is_asked_for_when_all_is_as_it_should_be(
    home: ScriptedHome,
    companion: CompanionMonitor,
    connection: Connection,
    source: Path,
    config: Path,
) -> None:
    place(source, config)
    home.answers["manifest/get"] = {"version": "0.2.0"}
    await begin(companion, connection)
    await eventually(lambda: notified(home))
    assert [service for service, _ in notified(home)] == ["dismiss"]


@pytest.mark.parametrize("state", ["off", "newer", "failed"])
async def test_what_was_not_placed_is_only_watched(
    home: ScriptedHome, connection: Connection, source: Path, config: Path, state: str
) -> None:
    if state == "newer":
        make(config / "custom_components" / DOMAIN, "9.0.0")
    folder = config / "none" if state == "failed" else config
    companion = CompanionMonitor(connection, source, folder, install=state != "off")
    home.answers["config_entries/subscribe"] = [[{"type": None, "entry": entry("loaded")}]]
    home.answers["manifest/get"] = {"version": "8.0.0"}
    await begin(companion, connection)
    await eventually(lambda: companion.runs and companion.running_version)
    assert (companion.state, companion.restart_needed) == (state, False)
    assert companion.message
    assert notified(home) == []
    if state == "off":
        assert not (config / "custom_components").exists()
    await companion.stop()


@pytest.mark.parametrize(
    ("entries", "runs"),
    [
        ([], False),
        ([entry("loaded")], True),
        ([entry("loaded", domain="wyoming")], False),
        ([entry("not_loaded")], None),
        ([entry("setup_in_progress")], None),
        ([entry("setup_retry")], None),
        ([entry("setup_error")], False),
        ([entry("not_loaded", disabled_by="user")], False),
        ([entry("setup_error"), entry("loaded", entry_id="2")], True),
        ([entry("setup_error"), entry("setup_retry", entry_id="2")], None),
    ],
)
async def test_whether_it_runs(
    home: ScriptedHome,
    companion: CompanionMonitor,
    connection: Connection,
    entries: list[dict[str, Any]],
    runs: bool | None,
) -> None:
    home.answers["config_entries/subscribe"] = [[{"type": None, "entry": each} for each in entries]]
    await begin(companion, connection)
    await eventually(lambda: notified(home))
    assert companion.runs is runs


async def test_changes_are_told(
    home: ScriptedHome, companion: CompanionMonitor, connection: Connection
) -> None:
    seen: list[bool | None] = []

    def see() -> None:
        # Also told when Home Assistant was looked at anew.
        if seen[-1:] != [companion.runs]:
            seen.append(companion.runs)

    companion.on_change(see)
    await begin(companion, connection)
    await eventually(lambda: seen == [False])

    async def change(kind: str, entry: dict[str, Any]) -> None:
        await home.send("config_entries/subscribe", [{"type": kind, "entry": entry}])

    await change("added", entry("setup_in_progress"))
    await change("added", entry("loaded", domain="light", entry_id="2"))
    await change("updated", entry("loaded"))
    await change("updated", entry("loaded", title="renamed"))
    await change("removed", entry("not_loaded"))
    await eventually(lambda: seen == [False, None, True, False])
    # Home Assistant restarts, and forgets it.
    home.answers["config_entries/subscribe"] = [[{"type": None, "entry": entry("loaded")}]]
    await home.drop()
    await eventually(lambda: seen == [False, None, True, False, True])
    assert len(home.subscribed("config_entries/subscribe")) == 1


async def test_a_home_that_cannot_tell_yet_is_asked_again(
    home: ScriptedHome, companion: CompanionMonitor, connection: Connection
) -> None:
    home.answers["call_service"] = Exception("Service persistent_notification.create not found")
    await begin(companion, connection)
    await eventually(lambda: len(notified(home)) > 2)
    home.answers["call_service"] = {}
    count = len(notified(home))
    await eventually(lambda: len(notified(home)) > count)
    assert companion.restart_needed
    assert len(home.subscribed("config_entries/subscribe")) == 1
