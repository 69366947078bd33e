"""The simulated Supervisor as a server: who may ask for what, and the parts that answer."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Awaitable, Callable
from types import TracebackType
from urllib.parse import unquote

from aiohttp import ClientError, ClientSession, TCPConnector, hdrs, web

from dev.supervisor.addon import Addon
from dev.supervisor.answers import ApiError
from dev.supervisor.api import Api
from dev.supervisor.core import Core, CoreProxy
from dev.supervisor.discovery import Discovery, DiscoveryApi, Messages
from dev.supervisor.ingress import Ingress, Sessions, User
from dev.supervisor.panels import PanelApi

ADDRESS = "127.0.0.2"
"""Where ingress comes from: as with the real one, an address that nobody else has."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_BODY = 16 * 1024 * 1024
_LONGEST_LINE = 24570

_SUSPICIOUS = re.compile(
    r"\.\./|=/(?:[\w.]//?)+|proc/self/environ|<.*script.*>"
    r"|union.*select.*\(|union.*all.*select|concat.*\(",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r"/core/api/hassio[/_].*")
_WITHOUT_TOKEN = re.compile(
    r"/core/api/.*|/core/websocket|/supervisor/ping|/(api/hassio_)?ingress/[^/]+/.*"
)
"""Paths that check for themselves who asks."""
_EVERY_ADDON = re.compile(
    r"/addons/self/(?!security|update)[^/]+|/addons/self/options/config|/info|/discovery.*"
)
_ROLES = {
    "default": re.compile(r"/.+/info"),
    "backup": re.compile(r"/.+/info"),
    "homeassistant": re.compile(r"/.+/info|/core/.+"),
    "manager": re.compile(r"/.+/info|/(addons|core|hardware|host|supervisor)/.+"),
    "admin": re.compile(r".*"),
}
"""What an app with `hassio_api` may reach besides."""


class Supervisor:
    """The Supervisor of one app. `async with` starts and stops the server, not the app.

    `port` 0 takes a free one. `core` is the running Home Assistant, None while it is away;
    `user` is who looks at the panel without a session, None refuses that. Both may be set at any
    time; `sessions` are those of people who came through Home Assistant.
    """

    def __init__(self, addon: Addon, *, core: Core | None = None, port: int = 0) -> None:
        self.addon = addon
        self.core = core
        self.core_token = secrets.token_hex(28)
        """What Home Assistant itself calls the Supervisor with."""
        self.user: User | None = User("developer", "developer", "Developer")
        self.sessions = Sessions()
        self._port = port
        self._failures: dict[str, int] = {}
        self._api = Api(addon, lambda: self.core, self._caller)
        self._api.on_panel = self._push_panel
        self._messages = Messages(addon, self._push)

    @property
    def url(self) -> str:
        """Where the app finds the Supervisor."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ingress_url(self) -> str:
        """The address of the app's panel for a browser on this machine."""
        return f"{self.url}{self.addon.ingress_path}/{self.addon.manifest.ingress_entry}"

    @property
    def discovery(self) -> list[Discovery]:
        """The discovery messages that the app has sent and not removed."""
        return list(self._messages.by_uuid.values())

    async def push_discovery(self) -> None:
        """Tell Home Assistant of every message again, as if each had changed."""
        for uuid, message in self._messages.by_uuid.items():
            await self._push(hdrs.METH_POST, uuid, message.service)

    async def _push(self, method: str, uuid: str, service: str) -> None:
        message = {"addon": self.addon.slug, "service": service, "uuid": uuid}
        await self._tell_core(method, f"discovery/{uuid}", message)

    async def _push_panel(self) -> None:
        method = hdrs.METH_POST if self.addon.ingress_panel else hdrs.METH_DELETE
        await self._tell_core(method, f"panel/{self.addon.slug}", None)

    async def _tell_core(self, method: str, path: str, message: dict[str, str] | None) -> None:
        """Tell Home Assistant something, where it runs with a Supervisor; lost while it is away."""
        if self.core is None:
            return
        headers = {"Authorization": f"Bearer {self.core.token}"}
        api = f"{self.core.url}/api"
        with contextlib.suppress(ClientError, ValueError):
            async with self._to_core.get(f"{api}/core/state", headers=headers) as answer:
                state = await answer.json() if answer.ok else {}
            # What is pushed while it starts is lost.
            if state.get("state", "RUNNING") == "RUNNING":
                await self._to_core.request(
                    method, f"{api}/hassio_push/{path}", headers=headers, json=message
                )

    def fail(self, path: str, status: int = 500) -> None:
        """Answer every request whose path starts with `path` with an error, until `heal`."""
        self._failures[path] = status

    def heal(self) -> None:
        """Stop failing."""
        self._failures.clear()

    async def __aenter__(self) -> Supervisor:
        """Start the server."""
        self._to_core = ClientSession()
        self._to_addon = ClientSession(connector=TCPConnector(local_addr=(ADDRESS, 0)))
        app = web.Application(
            middlewares=[self._guard],
            client_max_size=_LARGEST_BODY,
            handler_args={"max_line_size": _LONGEST_LINE, "max_field_size": _LONGEST_LINE},
        )
        app.add_routes(self._api.routes())
        app.add_routes(CoreProxy(self.addon, lambda: self.core, self._to_core).routes())
        app.add_routes(DiscoveryApi(self._messages, self._api.only_core, self._api.own).routes())
        panels = PanelApi(self.addon, self.sessions, self._api.only_core, lambda: self.core)
        app.add_routes(panels.routes())
        ingress = Ingress(self.addon, self.sessions, lambda: self.user, self._to_addon)
        app.add_routes(ingress.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server, with every connection that passes through it."""
        await self._to_core.close()
        await self._to_addon.close()
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if any(_SUSPICIOUS.search(_plain(part)) for part in (request.path, request.query_string)):
            raise web.HTTPBadRequest
        if _FORBIDDEN.fullmatch(request.path):
            raise web.HTTPForbidden
        for path, status in self._failures.items():
            if request.path.startswith(path):
                return ApiError("Unknown error, see Supervisor logs", status).answer()
        if not _WITHOUT_TOKEN.fullmatch(request.path):
            self._check_token(request)
        try:
            return await handler(request)
        except ApiError as error:
            return error.answer()

    def _check_token(self, request: web.Request) -> None:
        token = _token(request)
        if not token:
            raise web.HTTPUnauthorized
        if token == self.core_token:
            return
        manifest = self.addon.manifest
        allowed = _EVERY_ADDON.fullmatch(request.path) or (
            manifest.hassio_api and _ROLES[manifest.hassio_role].fullmatch(request.path)
        )
        if token != self.addon.token or not allowed:
            raise web.HTTPForbidden

    def _caller(self, request: web.Request) -> Addon | None:
        return self.addon if _token(request) == self.addon.token else None


def _token(request: web.Request) -> str:
    bearer = request.headers.get(hdrs.AUTHORIZATION, "").split(" ")[-1]
    return request.headers.get("X-Supervisor-Token", bearer)


def _plain(text: str) -> str:
    """Undo every layer of percent-encoding."""
    while (decoded := unquote(text)) != text:
        text = decoded
    return text
