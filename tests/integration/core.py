"""Home Assistant, as its frontend talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from dev.homeassistant.core import HomeAssistant

_CLIENT = "http://localhost/"


class Core:
    """One user's session: REST and WebSocket."""

    def __init__(
        self,
        url: str,
        token: str,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
    ) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session = session
        self._socket = socket
        self._id = 0

    async def get(self, path: str) -> Any:
        return await self._answer("GET", path, None)

    async def post(self, path: str, data: Any) -> Any:
        return await self._answer("POST", path, data)

    async def delete(self, path: str) -> Any:
        return await self._answer("DELETE", path, None)

    async def _answer(self, method: str, path: str, data: Any) -> Any:
        async with self._session.request(
            method, f"{self.url}/api/{path}", json=data, headers=self._headers
        ) as response:
            text = await response.text()
            assert response.status < 400, f"{path}: {response.status} {text[:500]}"
            return await response.json() if text else None

    async def command(self, kind: str, **data: Any) -> Any:
        """Send a WebSocket command and return its result."""
        number = await self._send(kind, data)
        while True:
            answer = await self._socket.receive_json(timeout=60)
            if answer["id"] == number and answer["type"] == "result":
                assert answer["success"], answer
                return answer["result"]

    async def events(self, kind: str, until: str, **data: Any) -> list[dict[str, Any]]:
        """Send a command that answers with events; return them up to one of a type."""
        number = await self._send(kind, data)
        found = []
        while True:
            answer = await self._socket.receive_json(timeout=60)
            if answer["id"] != number:
                continue
            if answer["type"] == "result":
                assert answer["success"], answer
            else:
                found.append(answer["event"])
                if answer["event"]["type"] == until:
                    return found

    async def _send(self, kind: str, data: dict[str, Any]) -> int:
        self._id += 1
        await self._socket.send_json({"id": self._id, "type": kind, **data})
        return self._id

    async def say(self, text: str, agent_id: str = "conversation.home", **more: Any) -> Any:
        """Say a sentence as the frontend's text field does; return the whole answer."""
        return await self.post("conversation/process", {"text": text, "agent_id": agent_id, **more})

    async def state(self, entity_id: str) -> Any:
        return await self.get(f"states/{entity_id}")


@asynccontextmanager
async def core(url: str, token: str) -> AsyncIterator[Core]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/api/websocket") as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        assert (await socket.receive_json())["type"] == "auth_ok"
        yield Core(url, token, session, socket)


def speech(answer: Any) -> str:
    return str(answer["response"]["speech"]["plain"]["speech"])


async def token_of_new_user(owner: Core, home: HomeAssistant, name: str, group: str) -> str:
    """Make a user of a group, such as `system-read-only`, and return a token of theirs."""
    for user in await owner.command("config/auth/list"):
        if user["username"] == name:
            await owner.command("config/auth/delete", user_id=user["id"])
    created = await owner.command("config/auth/create", name=name.title(), group_ids=[group])
    await owner.command(
        "config/auth_provider/homeassistant/create",
        user_id=created["user"]["id"],
        username=name,
        password="secret",
    )
    async with aiohttp.ClientSession(home.url) as session:
        begun = await session.post(
            "/auth/login_flow",
            json={
                "client_id": _CLIENT,
                "handler": ["homeassistant", None],
                "redirect_uri": _CLIENT,
            },
        )
        flow = await begun.json()
        login = {"client_id": _CLIENT, "username": name, "password": "secret"}
        code = await (await session.post(f"/auth/login_flow/{flow['flow_id']}", json=login)).json()
        form = {"grant_type": "authorization_code", "code": code["result"], "client_id": _CLIENT}
        return str((await (await session.post("/auth/token", data=form)).json())["access_token"])
