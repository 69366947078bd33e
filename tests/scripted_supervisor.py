"""What a Supervisor answers about the app itself, and what it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Told:
    """What a Supervisor was told."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def discovered(self) -> list[dict[str, Any]]:
        """What Home Assistant is told of the app, each time."""
        return [message["config"] for message in self.messages]

    async def wait(self, token: str) -> None:
        """Wait until Home Assistant is told of a token."""
        async with asyncio.timeout(10):
            while not any(each.get("token") == token for each in self.discovered):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def answer_for_itself(app: web.Application, told: Told) -> None:
    """Have `app` answer what is asked of a Supervisor about the app."""

    async def info(_: web.Request) -> web.Response:
        data = {"hostname": "a0b1-ollama", "slug": "a0b1_ollama", "options": told.options}
        return web.json_response({"result": "ok", "data": data})

    async def discovery(request: web.Request) -> web.Response:
        told.messages.append(await request.json())
        return web.json_response({"result": "ok", "data": {"uuid": "u"}})

    async def options(request: web.Request) -> web.Response:
        told.options = (await request.json())["options"]
        return web.json_response({"result": "ok", "data": {}})

    app.router.add_get("/addons/self/info", info)
    app.router.add_post("/discovery", discovery)
    app.router.add_post("/addons/self/options", options)
