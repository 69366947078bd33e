"""A server that speaks Home Assistant's protocol from a script, to cause faults on purpose."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

Message = dict[str, Any]
TOKEN = "right"
_SUBSCRIPTIONS = (
    "config_entries/subscribe",
    "render_template",
    "subscribe_entities",
    "subscribe_events",
)


class ScriptedHome:
    """Answers what `answers` says; `requests` holds what was asked.

    An answer is a value, a function of the request, or an exception whose text is the error.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "auth/current_user": {"id": "1", "name": "Supervisor", "is_admin": True},
            "config/label_registry/list": [],
        }
        self.posts: dict[str, Callable[[Message], web.Response | None]] = {}
        """Answers by path; None loses the connection."""
        self.requests: list[Message] = []
        self.token = TOKEN
        self.greeting: str | None = None
        """Said in place of the greeting."""
        self.silent: set[str] = set()
        """Kinds of command that are never answered; `*` is all."""
        self.sockets: list[web.WebSocketResponse] = []
        self.connections = 0
        self._subscriptions: list[tuple[web.WebSocketResponse, Message]] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        app = web.Application()
        app.router.add_get("/api/websocket", self._websocket)
        app.router.add_route("*", "/api/{path:.*}", self._rest)
        app.router.add_get("/core/websocket", self._websocket)
        app.router.add_route("*", "/core/api/{path:.*}", self._rest)
        self.add_routes(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    def add_routes(self, app: web.Application) -> None:
        """Answer what else is asked of who speaks for Home Assistant."""

    async def close(self) -> None:
        await self.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def drop(self) -> None:
        """Close every socket, as a restart does."""
        for socket in list(self.sockets):
            await socket.close()

    def asked(self, kind: str) -> list[Message]:
        """Return the commands of one kind that were received."""
        return [request for request in self.requests if request.get("type") == kind]

    def subscribed(self, kind: str, **fields: Any) -> list[Message]:
        """Return the commands behind the live subscriptions of a kind."""
        return [request for _, request in self._matching(kind, fields)]

    async def send(self, kind: str, event: Any, **fields: Any) -> None:
        """Send an event to each live subscription of a kind."""
        for socket, request in self._matching(kind, fields):
            await socket.send_json({"id": request["id"], "type": "event", "event": event})

    def _matching(self, kind: str, fields: Message) -> list[tuple[web.WebSocketResponse, Message]]:
        return [
            (socket, request)
            for socket, request in self._subscriptions
            if request["type"] == kind and fields.items() <= request.items()
        ]

    async def fire(self, event_type: str, **data: Any) -> None:
        """Fire an event of the event bus."""
        event = {"event_type": event_type, "data": data}
        await self.send("subscribe_events", event, event_type=event_type)

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        self.sockets.append(socket)
        try:
            if self.greeting is not None:
                await socket.send_str(self.greeting)
                return socket
            await socket.send_json({"type": "auth_required", "ha_version": "2026.11.0"})
            auth = await socket.receive_json()
            if auth["access_token"] != self.token:
                await socket.send_json({"type": "auth_invalid", "message": "Invalid"})
                return socket
            await socket.send_json({"type": "auth_ok", "ha_version": "2026.11.0"})
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._command(socket, message.json())
        finally:
            self.sockets.remove(socket)
            self._subscriptions = [one for one in self._subscriptions if one[0] is not socket]
        return socket

    async def _command(self, socket: web.WebSocketResponse, request: Message) -> None:
        self.requests.append(request)
        kind, number = request["type"], request["id"]
        if kind in self.silent or "*" in self.silent:
            return
        if kind == "unsubscribe_events":
            self._subscriptions = [
                (other, earlier)
                for other, earlier in self._subscriptions
                if other is not socket or earlier["id"] != request["subscription"]
            ]
        answer = self.answers.get(kind)
        if callable(answer):
            answer = answer(request)
        if asyncio.iscoroutine(answer):
            answer = await answer
        answer = copy.deepcopy(answer)
        result: Message = {"id": number, "type": "result", "success": True, "result": answer}
        first: list[Any] = []
        if isinstance(answer, Exception):
            error = {"code": "home_assistant_error", "message": str(answer)}
            result = {"id": number, "type": "result", "success": False, "error": error}
        elif kind in _SUBSCRIPTIONS:
            self._subscriptions.append((socket, request))
            first, result["result"] = answer or [], None
        await socket.send_json(result)
        for event in first:
            await socket.send_json({"id": number, "type": "event", "event": event})

    async def _rest(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, text="401: Unauthorized")
        body = await request.json() if request.can_read_body else {}
        path = request.match_info["path"]
        self.requests.append({request.method.lower(): path, **body})
        if path not in self.posts:
            return web.Response(status=404, text="404: Not Found")
        if (answer := self.posts[path](body)) is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; the test's own time-out is the limit."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
