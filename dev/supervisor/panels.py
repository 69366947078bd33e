"""What Home Assistant asks about panels: which apps have one, and sessions for their users."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import ClientError, ClientSession, web

from dev.supervisor.addon import Addon
from dev.supervisor.answers import body_of, ok
from dev.supervisor.core import Core
from dev.supervisor.ingress import Sessions, User


class PanelApi:
    """The routes below `/ingress` that are no way to the app.

    `only_core` raises when Home Assistant does not ask; `core` is the running Home Assistant.
    """

    def __init__(
        self,
        addon: Addon,
        sessions: Sessions,
        only_core: Callable[[web.Request], None],
        core: Callable[[], Core | None],
    ) -> None:
        self._addon = addon
        self._sessions = sessions
        self._only_core = only_core
        self._core = core

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/ingress/panels", self.panels),
            web.post("/ingress/session", self.create),
            web.post("/ingress/validate_session", self.validate),
        ]

    async def panels(self, request: web.Request) -> web.Response:
        """List the panels; `enable` tells whether one stands in the sidebar."""
        manifest = self._addon.manifest
        panel = {
            "title": manifest.panel_title or manifest.name,
            "icon": manifest.panel_icon,
            "admin": manifest.panel_admin,
            "enable": self._addon.ingress_panel,
        }
        return ok({"panels": {self._addon.slug: panel} if manifest.ingress else {}})

    async def create(self, request: web.Request) -> web.Response:
        """Begin a session; it is nobody's while Home Assistant does not tell who has this id."""
        self._only_core(request)
        user_id = (await body_of(request)).get("user_id")
        user = await self._user(user_id) if user_id else None
        return ok({"session": self._sessions.create(user)})

    async def validate(self, request: web.Request) -> web.Response:
        """Answer 401 for a session that is over, and make another last longer."""
        self._only_core(request)
        session = (await body_of(request)).get("session", "")
        if not self._sessions.validate(session):
            raise web.HTTPUnauthorized
        return ok()

    async def _user(self, user_id: str) -> User | None:
        core = self._core()
        if core is None:
            return None
        try:
            async with (
                ClientSession() as session,
                session.ws_connect(f"{core.url}/api/websocket") as socket,
            ):
                await socket.receive_json()
                await socket.send_json({"type": "auth", "access_token": core.token})
                await socket.receive_json()
                await socket.send_json({"id": 1, "type": "config/auth/list"})
                users = (await socket.receive_json())["result"]
        except (ClientError, TypeError, KeyError):
            return None
        for each in users or ():
            if each["id"] == user_id:
                return User(user_id, each["username"] or "", each["name"] or "")
        return None
