"""The sidecar for people without a Supervisor, as `compose.yaml` starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ollama_addon.app.settings import Settings

ROOT = Path(__file__).parents[1]
SERVICE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"][
    "ollama-assist"
]
GIVEN = {
    "HASS_TOKEN": "a-token",
    "OLLAMA_ADDON_PASSWORD": "a long password",
    "HASS_URL": "http://127.0.0.1:9",
    "HASS_CONFIG": "/srv/homeassistant",
}


def resolved(text: str, given: dict[str, str]) -> str:
    """Do what Compose does with `${NAME:-default}` and `${NAME:?message}`."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if kind == ":?" and not given.get(name):
            raise KeyError(rest)
        return given.get(name) or (rest or "")

    return re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text)


def environment(given: dict[str, str] = GIVEN) -> dict[str, str]:
    return {key: resolved(value, given) for key, value in SERVICE["environment"].items()}


@pytest.mark.parametrize("name", ["HASS_TOKEN", "OLLAMA_ADDON_PASSWORD"])
def test_compose_asks_for_what_is_secret(name: str) -> None:
    with pytest.raises(KeyError):
        environment({key: value for key, value in GIVEN.items() if key != name})


def test_the_sidecar_reads_what_compose_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OLLAMA_", "HASS_", "SUPERVISOR_")):
            monkeypatch.delenv(name)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment()
    assert (settings.hass_url, settings.hass_token) == (GIVEN["HASS_URL"], GIVEN["HASS_TOKEN"])
    assert settings.password == GIVEN["OLLAMA_ADDON_PASSWORD"]
    assert settings.supervisor_token == ""
    assert f"{settings.port}:{settings.port}" in SERVICE["ports"]
    inside = {resolved(each, GIVEN).rpartition(":")[2] for each in SERVICE["volumes"]}
    assert inside == {str(settings.data), str(settings.hass_config)}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def sidecar(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the sidecar with an engine that has no models; yield its address and process."""
    port, engine, gateway = free_ports(3)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HASS_")}
    changed = {
        **inherited,
        **environment(),
        "PYTHONPATH": str(ROOT),
        "OLLAMA_ADDON_DATA": str(folder / "data"),
        "OLLAMA_ADDON_HOMEASSISTANT_CONFIG": str(folder / "homeassistant"),
        "OLLAMA_ADDON_HOST": "127.0.0.1",
        "OLLAMA_ADDON_PORT": str(port),
        "OLLAMA_ADDON_ENGINE_PORT": str(engine),
        "OLLAMA_ADDON_GATEWAY_PORT": str(gateway),
        "OLLAMA_ADDON_WYOMING_PORT": "0",
        "OLLAMA_ADDON_ENGINE_COMMAND": f"{sys.executable} -m dev.engine serve",
    }
    command = [sys.executable, "-m", "ollama_addon", "serve"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=changed, stdout=log, stderr=log, cwd=folder)
    try:
        for _ in range(300):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_options_are_kept_without_a_supervisor(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "homeassistant").mkdir()
    (tmp_path / "data" / "options.json").write_text('{"agents": []}')
    wanted = {"agents": [], "journal_days": 3}
    stages: tuple[dict[str, Any], ...] = ({"agents": []}, wanted)
    for known in stages:
        with (
            sidecar(tmp_path) as (url, process),
            httpx.Client(base_url=url, trust_env=False) as browser,
        ):
            assert browser.get("/").status_code == 401
            browser.auth = httpx.BasicAuth("me", GIVEN["OLLAMA_ADDON_PASSWORD"])
            browser.headers["X-Requested-With"] = "panel"
            assert "<html" in browser.get("/").text
            kept = browser.get("/api/options")
            assert kept.json()["options"] == known
            version = {"If-Match": kept.headers["ETag"]}
            browser.put(
                "/api/options", json={"options": wanted}, headers=version
            ).raise_for_status()
            refused = browser.post("/api/restart")
            assert refused.status_code == 501
            assert "restart the container yourself" in refused.json()["error"]["message"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert json.loads((tmp_path / "data" / "options.json").read_text()) == wanted
    placed = tmp_path / "homeassistant" / "custom_components" / "ollama_addon" / "manifest.json"
    assert placed.exists()
