"""The way from a browser to the app's panel, through Home Assistant and the Supervisor.

Both of them change the request. A real Home Assistant asks the second of the two ways in; the
first stands for both, for tests and for a browser without one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from aiohttp import ClientError, ClientSession, ClientTimeout, hdrs, web
from multidict import CIMultiDict

from dev.supervisor.addon import Addon
from dev.supervisor.websocket import bridge

COOKIE = "ingress_session"
_SESSION_SECONDS = 15 * 60
_LARGEST_MESSAGE = 16 * 1024 * 1024
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_NOT_PASSED_BY_CORE = (
    "Accept-Encoding",  # Home Assistant compresses at its own door
    "Content-Encoding",
    "Content-Length",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
)
_NOT_PASSED = (
    *_NOT_PASSED_BY_CORE,
    "X-Hassio-Key",
    "X-Remote-User-Display-Name",
    "X-Remote-User-Id",
    "X-Remote-User-Name",
    "X-Supervisor-Token",
)
"""Compared as they are spelt, as the real one does: another spelling passes."""
_NOT_RETURNED = _HOP_BY_HOP | {"content-encoding", "content-length", "content-type"}


@dataclass(frozen=True)
class User:
    """A user of Home Assistant, as ingress tells of one."""

    id: str
    name: str
    display_name: str


class Sessions:
    """Ingress sessions: who opened the panel, for a quarter of an hour after the last request."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._users: dict[str, User] = {}

    def create(self, user: User | None) -> str:
        """Begin a session, for nobody while Home Assistant cannot tell whose it is."""
        session = token_hex(64)
        self._until[session] = time.monotonic() + _SESSION_SECONDS
        if user is not None:
            self._users[session] = user
        return session

    def validate(self, session: str) -> bool:
        """Tell whether a session is valid, and make it last longer."""
        if self._until.get(session, 0.0) < time.monotonic():
            return False
        self._until[session] += _SESSION_SECONDS
        return True

    def user(self, session: str) -> User | None:
        """Return whose session it is."""
        return self._users.get(session)

    def expire(self) -> None:
        """Let the time of every session be over."""
        self._until = dict.fromkeys(self._until, 0.0)


class Ingress:
    """Passes what comes to the ingress path on to the app.

    `developer` is whose requests those without the session's cookie are on the way through both
    Home Assistant and the Supervisor; None refuses them, as the real ones do.
    """

    def __init__(
        self,
        addon: Addon,
        sessions: Sessions,
        developer: Callable[[], User | None],
        session: ClientSession,
    ) -> None:
        self._addon = addon
        self._sessions = sessions
        self._developer = developer
        self._session = session

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for every method: through Home Assistant, and what that asks."""
        return [
            web.route(hdrs.METH_ANY, "/api/hassio_ingress/{token}/{path:.*}", self.handle),
            web.route(hdrs.METH_ANY, "/ingress/{token}/{path:.*}", self.handle_from_core),
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a browser's request on, with what Home Assistant adds to it."""
        cookie = request.cookies.get(COOKIE)
        developer = self._developer()
        if cookie is None and developer is not None:
            return await self._pass(request, developer, _through_core(request))
        return await self._pass(request, self._who(cookie), _through_core(request))

    async def handle_from_core(self, request: web.Request) -> web.StreamResponse:
        """Pass on what a real Home Assistant asks. Answers 401 without a valid session."""
        headers = CIMultiDict(request.headers)
        return await self._pass(request, self._who(request.cookies.get(COOKIE)), headers)

    def _who(self, session: str | None) -> User | None:
        if session is None or not self._sessions.validate(session):
            raise web.HTTPUnauthorized
        return self._sessions.user(session)

    async def _pass(
        self, request: web.Request, user: User | None, headers: CIMultiDict[str]
    ) -> web.StreamResponse:
        """Pass a request on. Answers 503 for an unknown token, 502 when the app is away."""
        if request.match_info["token"] != self._addon.ingress_token:
            raise web.HTTPServiceUnavailable
        is_websocket = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        passed = _as_passed(headers, user)
        try:
            if is_websocket:
                return await self._websocket(request, passed)
            return await self._request(request, passed)
        except ClientError:
            raise web.HTTPBadGateway from None

    async def _request(self, request: web.Request, headers: CIMultiDict[str]) -> web.StreamResponse:
        body = await request.read()
        async with self._session.request(
            request.method,
            self._url(request),
            params=request.query,
            headers=headers,
            data=body or None,
            allow_redirects=False,
            timeout=ClientTimeout(total=None),
            skip_auto_headers={hdrs.CONTENT_TYPE},
        ) as answer:
            returned = CIMultiDict(
                (name, value)
                for name, value in answer.headers.items()
                if name.lower() not in _NOT_RETURNED
            )
            if content_type := answer.headers.get(hdrs.CONTENT_TYPE):
                returned[hdrs.CONTENT_TYPE] = content_type
            empty = request.method == hdrs.METH_HEAD or answer.status in (204, 304)
            if empty or hdrs.CONTENT_LENGTH in answer.headers:
                return web.Response(
                    status=answer.status, headers=returned, body=await answer.read()
                )
            stream = web.StreamResponse(status=answer.status, headers=returned)
            stream.headers["X-Accel-Buffering"] = "no"
            await stream.prepare(request)
            async for part in answer.content.iter_any():
                await stream.write(part)
            return stream

    async def _websocket(
        self, request: web.Request, passed: CIMultiDict[str]
    ) -> web.WebSocketResponse:
        protocols = [
            name.strip()
            for name in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")
            if name.strip()
        ]
        async with self._session.ws_connect(
            self._url(request),
            params=request.query,
            headers=passed,
            protocols=protocols,
            max_msg_size=_LARGEST_MESSAGE,
        ) as client:
            server = web.WebSocketResponse(protocols=protocols, max_msg_size=_LARGEST_MESSAGE)
            await server.prepare(request)
            await bridge(server, client)
            return server

    def _url(self, request: web.Request) -> str:
        return f"{self._addon.url}/{request.match_info['path']}"


def _through_core(request: web.Request) -> CIMultiDict[str]:
    """Return the headers as Home Assistant sends them to the Supervisor."""
    headers = CIMultiDict(
        (name, value)
        for name, value in request.headers.items()
        if name not in _NOT_PASSED_BY_CORE and name.lower() not in _HOP_BY_HOP
    )
    peer = request.remote or ""
    before = request.headers.get(hdrs.X_FORWARDED_FOR)
    headers["X-Hass-Source"] = "core.ingress"
    headers["X-Ingress-Path"] = f"/api/hassio_ingress/{request.match_info['token']}"
    headers[hdrs.X_FORWARDED_FOR] = f"{before}, {peer}" if before else peer
    headers.setdefault(hdrs.X_FORWARDED_HOST, request.host)
    headers.setdefault(hdrs.X_FORWARDED_PROTO, "http")
    return headers


def _as_passed(headers: CIMultiDict[str], user: User | None) -> CIMultiDict[str]:
    """Return the headers as the Supervisor sends them to the app: the user's first."""
    passed = CIMultiDict[str]()
    if user is not None:
        passed["X-Remote-User-Id"] = user.id
        passed["X-Remote-User-Name"] = user.name
        passed["X-Remote-User-Display-Name"] = user.display_name
    for name, value in headers.items():
        if name not in _NOT_PASSED and name.lower() not in _HOP_BY_HOP:
            passed.add(name, value)
    return passed
