"""The sidecar's app as it runs without an engine and while Home Assistant is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ollama_addon.app import Settings, make_app
from ollama_addon.web.state import Parts

INGRESS = "172.30.32.2"
PANEL = {"X-Ingress-Path": "/api/hassio_ingress/secret", "X-Requested-With": "panel"}


@dataclass
class Sidecar:
    """The app and a browser in front of it, behind ingress."""

    browser: httpx.AsyncClient
    parts: Parts
    token: str


@asynccontextmanager
async def sidecar(data: Path) -> AsyncIterator[Sidecar]:
    settings = Settings(
        data=data,
        host="127.0.0.1",
        port=0,
        ingress_peer=INGRESS,
        engine_command=(),
        engine_port=0,
        supervisor_url="",
        supervisor_token="",
        hass_url="http://127.0.0.1:9",
        hass_token="",
        hass_config=data / "homeassistant",
        companion=data / "companion",
        wyoming_port=0,
        gateway_port=0,
    )
    app = make_app(settings)
    transport = httpx.ASGITransport(app, client=(INGRESS, 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://panel", headers=PANEL) as browser,
    ):
        parts = app.state.parts
        yield Sidecar(browser, parts, parts.access.token)
