"""The Supervisor's proxy to Home Assistant Core: `/core/api` and `/core/websocket`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType, hdrs, web

from dev.supervisor.addon import Addon
from dev.supervisor.websocket import bridge

_TIMEOUT = ClientTimeout(total=300)
_PASSED_HEADERS = (
    "Accept",
    "Last-Event-ID",
    "MCP-Protocol-Version",
    "Mcp-Session-Id",
    "X-Speech-Content",
)
_RETURNED_HEADERS = ("Cache-Control", "Mcp-Session-Id")
_LARGEST_FROM_CORE = 64 * 1024 * 1024
"""Bytes of a message. Those of the app end at aiohttp's own 4 MiB: both close with code 1009."""
_REFUSED_COMMANDS = ("supervisor/", "hassio/")


@dataclass(frozen=True)
class Core:
    """A running Home Assistant: where it is, and a token of its administrator."""

    url: str
    token: str
    version: str = ""


class CoreProxy:
    """Passes the app's requests on to Home Assistant, under the Supervisor's own name.

    `core` returns the Home Assistant to pass them to, or None while it is away.
    """

    def __init__(
        self, addon: Addon, core: Callable[[], Core | None], session: ClientSession
    ) -> None:
        self._addon = addon
        self._core = core
        self._session = session

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; other methods than these three are not passed."""
        return [
            web.get("/core/websocket", self.websocket),
            web.get("/core/api/websocket", self.websocket),
            web.get("/core/api/", self.api),
            web.get("/core/api/{path:.+}", self.api),
            web.post("/core/api/{path:.+}", self.api),
            web.delete("/core/api/{path:.+}", self.api),
        ]

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Pass a REST request on. Answers 401 without the token, 502 when Core is away."""
        self._check_access(request)
        core = self._running()
        headers = {
            name: request.headers[name]
            for name in (*_PASSED_HEADERS, hdrs.CONTENT_TYPE)
            if name in request.headers
        }
        body = await request.read()
        try:
            async with self._session.request(
                request.method,
                f"{core.url}/api/{request.match_info.get('path', '')}",
                params=request.query,
                headers={**headers, hdrs.AUTHORIZATION: f"Bearer {core.token}"},
                data=body or None,
                timeout=_TIMEOUT,
            ) as answer:
                returned = {
                    name: answer.headers[name]
                    for name in _RETURNED_HEADERS
                    if name in answer.headers
                }
                if answer.content_type != "text/event-stream":
                    return web.Response(
                        body=await answer.read(),
                        status=answer.status,
                        content_type=answer.content_type,
                        headers=returned,
                    )
                stream = web.StreamResponse(status=answer.status, headers=returned)
                stream.content_type = answer.content_type
                await stream.prepare(request)
                async for part in answer.content.iter_any():
                    await stream.write(part)
                return stream
        except (ClientError, TimeoutError):
            raise web.HTTPBadGateway from None

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Let the app in with its own token, then connect it with Core."""
        core = self._running()
        server = web.WebSocketResponse(heartbeat=30)
        await server.prepare(request)
        await server.send_json({"type": "auth_required", "ha_version": core.version})
        try:
            greeting = await server.receive_json(timeout=10)
            token = greeting.get("access_token") or greeting.get("api_password")
        except (TimeoutError, TypeError, ValueError, AttributeError):
            await server.close()
            return server
        if token != self._addon.token or not self._addon.manifest.homeassistant_api:
            await server.send_json({"type": "auth_invalid", "message": "Invalid access"})
            await server.close()
            return server
        await server.send_json({"type": "auth_ok", "ha_version": core.version})

        async def refuse(text: str) -> bool:
            try:
                command = json.loads(text)
                refused = command["type"].startswith(_REFUSED_COMMANDS)
            except (ValueError, TypeError, KeyError, AttributeError):
                return False
            if refused:
                error = {"code": "unauthorized", "message": "Unauthorized"}
                await server.send_json(
                    {"id": command.get("id"), "type": "result", "success": False, "error": error}
                )
            return bool(refused)

        try:
            async with self._session.ws_connect(
                f"{core.url}/api/websocket", max_msg_size=_LARGEST_FROM_CORE
            ) as client:
                await client.receive_json()
                await client.send_json({"type": "auth", "access_token": core.token})
                answer = await client.receive()
                if answer.type is WSMsgType.TEXT and answer.json()["type"] == "auth_ok":
                    await bridge(server, client, refuse)
        except (ClientError, ConnectionError, TypeError):
            pass  # Core went away; the app sees its connection close
        await server.close()
        return server

    def _check_access(self, request: web.Request) -> None:
        bearer = request.headers.get(hdrs.AUTHORIZATION, "").split(" ")[-1]
        token = bearer or request.headers.get("X-Ha-Access", "")
        if token != self._addon.token or not self._addon.manifest.homeassistant_api:
            raise web.HTTPUnauthorized

    def _running(self) -> Core:
        core = self._core()
        if core is None:
            raise web.HTTPBadGateway
        return core
