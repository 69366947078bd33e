"""The way from a browser to the add-on's panel, through Home Assistant and the Supervisor.

Both of them change the request; here they are one. A session of Home Assistant's frontend is the
cookie `ingress_session`, and the Supervisor knows whose it is. Unlike with the real one, who has
no session is let in too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout, hdrs, web
from multidict import CIMultiDict

from dev.supervisor.addon import Addon
from dev.supervisor.websocket import bridge

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
_NOT_PASSED = _HOP_BY_HOP | {
    "accept-encoding",  # Home Assistant compresses at its own door
    "content-encoding",
    "content-length",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "x-hassio-key",
    "x-supervisor-token",
}
_ABOUT_USERS = ("X-Remote-User-Id", "X-Remote-User-Name", "X-Remote-User-Display-Name")
"""The real one takes these away as they are written here, and in no other case."""
_SESSION = "ingress_session"
_NOT_RETURNED = _HOP_BY_HOP | {"content-encoding", "content-length", "content-type"}


@dataclass(frozen=True)
class User:
    """The Home Assistant user who looks at the panel."""

    id: str
    name: str
    display_name: str


class Ingress:
    """Passes what comes to the ingress path on to the add-on."""

    def __init__(
        self, addon: Addon, user: Callable[[str], User | None], session: ClientSession
    ) -> None:
        self._addon = addon
        self._user = user
        """Tells whose a session is; None where that is not known."""
        self._session = session

    def routes(self) -> list[web.RouteDef]:
        """Return the one route, for every method."""
        return [web.route(hdrs.METH_ANY, "/api/hassio_ingress/{token}/{path:.*}", self.handle)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on. Answers 503 for an unknown token, 502 when the add-on is away."""
        if request.match_info["token"] != self._addon.ingress_token:
            raise web.HTTPServiceUnavailable
        is_websocket = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        try:
            return await (self._websocket if is_websocket else self._request)(request)
        except ClientError:
            raise web.HTTPBadGateway from None

    async def _request(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with self._session.request(
            request.method,
            self._url(request),
            params=request.query,
            headers=self._headers(request),
            data=body or None,
            allow_redirects=False,
            timeout=ClientTimeout(total=None),
            skip_auto_headers={hdrs.CONTENT_TYPE},
        ) as answer:
            headers = CIMultiDict(
                (name, value)
                for name, value in answer.headers.items()
                if name.lower() not in _NOT_RETURNED
            )
            if content_type := answer.headers.get(hdrs.CONTENT_TYPE):
                headers[hdrs.CONTENT_TYPE] = content_type
            empty = request.method == hdrs.METH_HEAD or answer.status in (204, 304)
            if empty or hdrs.CONTENT_LENGTH in answer.headers:
                return web.Response(status=answer.status, headers=headers, body=await answer.read())
            stream = web.StreamResponse(status=answer.status, headers=headers)
            stream.headers["X-Accel-Buffering"] = "no"
            await stream.prepare(request)
            async for part in answer.content.iter_any():
                await stream.write(part)
            return stream

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        protocols = [
            name.strip()
            for name in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")
            if name.strip()
        ]
        async with self._session.ws_connect(
            self._url(request),
            params=request.query,
            headers=self._headers(request),
            protocols=protocols,
            max_msg_size=_LARGEST_MESSAGE,
        ) as client:
            server = web.WebSocketResponse(protocols=protocols, max_msg_size=_LARGEST_MESSAGE)
            await server.prepare(request)
            await bridge(server, client)
            return server

    def _url(self, request: web.Request) -> str:
        return f"{self._addon.url}/{request.match_info['path']}"

    def _headers(self, request: web.Request) -> CIMultiDict[str]:
        headers = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _NOT_PASSED and name not in _ABOUT_USERS
        )
        if user := self._user(request.cookies.get(_SESSION, "")):
            # First, as with the real one: aiohttp has one in another case take the place of these.
            named = (user.id, user.name, user.display_name)
            headers = CIMultiDict([*zip(_ABOUT_USERS, named, strict=True), *headers.items()])
        peer = request.remote or ""
        before = request.headers.get(hdrs.X_FORWARDED_FOR)
        headers.update(
            {
                "X-Ingress-Path": self._addon.ingress_path,
                "X-Hass-Source": "core.ingress",
                hdrs.X_FORWARDED_FOR: f"{before}, {peer}" if before else peer,
                hdrs.X_FORWARDED_HOST: request.headers.get(hdrs.X_FORWARDED_HOST, request.host),
                hdrs.X_FORWARDED_PROTO: request.headers.get(hdrs.X_FORWARDED_PROTO, "http"),
            }
        )
        return headers
