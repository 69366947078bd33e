"""The app's sidecar, as Home Assistant talks to it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

_QUICK = ClientTimeout(total=15)
_STREAM = ClientTimeout(total=None, connect=10, sock_read=60)
"""Seconds of silence that a stream may have; events are sent more often."""
_TURN = ClientTimeout(total=None, connect=10, sock_read=300)
"""A large model may think for minutes before its first word."""


class SidecarError(Exception):
    """The app answered with an error: a code, and a sentence for a person."""

    def __init__(self, code: str, message: str) -> None:
        """Make it of what the app said."""
        super().__init__(message)
        self.code = code
        self.message = message


class CannotConnectError(SidecarError):
    """The app does not answer."""


class InvalidAuthError(SidecarError):
    """The app refuses the token."""


class Client:
    """One sidecar, by its address and token. Raises SidecarError in all its methods."""

    def __init__(self, session: ClientSession, url: str, token: str) -> None:
        """Make a client; nothing is sent yet."""
        self._session = session
        self._url = str(URL(url)).rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def status(self) -> dict[str, Any]:
        """Return how the app is."""
        return await self._json("GET", "/api/status")

    async def agents(self) -> list[dict[str, Any]]:
        """Return the configured agents."""
        return await self._json("GET", "/api/agents")

    async def models(self) -> list[dict[str, Any]]:
        """Return the models that are there, wanted or on their way."""
        return await self._json("GET", "/api/models")

    async def pull(self, name: str) -> str:
        """Begin to download a model; return the id that it has in `models`."""
        answer = await self._json("POST", "/api/models/pull", {"name": name})
        return str(answer["id"])

    async def unload(self, name: str) -> None:
        """Free the memory that a model takes."""
        await self._json("POST", "/api/models/unload", {"name": name})

    async def delete(self, name: str) -> None:
        """Remove a model from the disk."""
        await self._json("DELETE", f"/api/models/{_segment(name)}")

    async def orders(self) -> list[dict[str, Any]]:
        """Return what is planned."""
        return (await self._json("GET", "/api/orders"))["orders"]

    async def cancel_order(self, order_id: str) -> None:
        """Cancel an order."""
        await self._json("DELETE", f"/api/orders/{order_id}")

    async def generate(self, agent_id: str, task: dict[str, Any]) -> dict[str, Any]:
        """Carry out an AI task; return its `text` or `data`."""
        path = f"/api/agents/{_segment(agent_id)}/generate"
        return await self._json("POST", path, task, _TURN)

    async def converse(
        self, agent_id: str, turn: dict[str, Any]
    ) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        """Take one turn; yield its events by name."""
        path = f"/api/agents/{_segment(agent_id)}/converse"
        async with self._request("POST", path, turn, _TURN) as response:
            async for event in _events(response):
                yield event

    async def events(self) -> AsyncGenerator[tuple[str, Any]]:
        """Yield what happens in the app, for as long as it lives."""
        async with self._request("GET", "/api/events", None, _STREAM) as response:
            async for event in _events(response):
                yield event

    async def _json(
        self, method: str, path: str, body: Any = None, timeout: ClientTimeout = _QUICK
    ) -> Any:
        async with self._request(method, path, body, timeout) as response:
            return None if response.status == 204 else await response.json()

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: Any, timeout: ClientTimeout
    ) -> AsyncGenerator[ClientResponse]:
        try:
            # As it is: to make a path simple would lead a name with dots elsewhere.
            url = URL(f"{self._url}{path}", encoded=True)
            async with self._session.request(
                method, url, json=body, headers=self._headers, timeout=timeout
            ) as response:
                if response.status >= 400:
                    raise await _refusal(response)
                yield response
        except (ClientError, TimeoutError, ValueError) as err:
            raise CannotConnectError("cannot_connect", f"The app does not answer: {err!r}") from err


def _segment(name: str) -> str:
    """Return a name as one segment of a path, whatever is in it."""
    quoted = quote(name, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


async def _refusal(response: ClientResponse) -> SidecarError:
    try:
        error = (await response.json())["error"]
        code, message = str(error["code"]), str(error["message"])
    except ClientError, ValueError, KeyError, TypeError:
        code, message = "http_error", f"The app answered with status {response.status}."
    if response.status == 401:
        return InvalidAuthError(code, message)
    if response.status == 404 and code == "http_error":
        return CannotConnectError("cannot_connect", "There is something else at this address.")
    return SidecarError(code, message)


async def _events(response: ClientResponse) -> AsyncGenerator[tuple[str, Any]]:
    """Yield server-sent events: name and data."""
    name, data = "", ""
    async for raw in response.content:
        line = raw.decode().rstrip("\r\n")
        key, _, value = line.partition(":")
        if key == "event":
            name = value.strip()
        elif key == "data":
            data += value.strip()
        elif not line and data:
            yield name, json.loads(data)
            name, data = "", ""
