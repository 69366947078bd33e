"""The sidecar's app as it runs without an engine and while Home Assistant is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ollama_addon.app.settings import Settings
from ollama_addon.app.wiring import make_app
from ollama_addon.web.access.tokens import read_token
from ollama_addon.web.listener import Listener
from ollama_addon.web.state import Parts

INGRESS = "172.30.32.2"
PASSWORD = "the password of the panel"
PANEL = {"X-Requested-With": "panel"}
"""What the panel's scripts send."""


@dataclass
class Sidecar:
    """The app and a browser in front of it, with the password."""

    browser: httpx.AsyncClient
    parts: Parts
    token: str


def settings(data: Path, ingress_peer: str = INGRESS, **more: Any) -> Settings:
    """Return the settings of a sidecar without an engine and without Home Assistant."""
    plain: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "engine_command": (),
        "engine_port": 0,
        "supervisor_url": "",
        "supervisor_token": "",
        "hass_url": "http://127.0.0.1:9",
        "hass_token": "",
        "hass_config": data / "homeassistant",
        "companion": data / "companion",
        "app_config": data / "config",
        "wyoming_port": 0,
        "gateway_port": 0,
    }
    return Settings(data=data, ingress_peer=ingress_peer, **(plain | more))


@asynccontextmanager
async def sidecar(data: Path, password: str = PASSWORD) -> AsyncIterator[Sidecar]:
    app = make_app(settings(data, ingress_peer="", password=password))
    transport = httpx.ASGITransport(app, client=("192.168.1.4", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport,
            base_url="http://panel",
            headers=PANEL,
            auth=httpx.BasicAuth("anyone", password),
        ) as browser,
    ):
        parts = app.state.parts
        yield Sidecar(browser, parts, parts.access.token)


@asynccontextmanager
async def listening(
    data: Path, ingress_peer: str = INGRESS, **more: Any
) -> AsyncIterator[tuple[int, str]]:
    """Run the app as it is run in the container; gives its port and its token."""
    app = make_app(settings(data, ingress_peer, **more))
    listener = Listener(app, "127.0.0.1", 0)
    await listener.start()
    try:
        yield listener.port, read_token(data / "token")
    finally:
        await listener.stop()
