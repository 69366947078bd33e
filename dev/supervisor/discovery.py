"""Discovery messages: kept, pushed to Home Assistant, listed while the app is started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import web
from pydantic import BaseModel, ValidationError

from dev.supervisor.addon import Addon
from dev.supervisor.answers import ApiError, body_of, first_error, ok

Push = Callable[[str, str, str], Awaitable[None]]
"""Tells Home Assistant of a message: method, uuid and service."""


class Discovery(BaseModel):
    """What an app sends to be found by an integration of Home Assistant."""

    service: str
    config: dict[str, Any]


@dataclass
class Messages:
    """The messages of an app. They outlive its restarts, and those of Home Assistant.

    A message for a service that has one keeps its uuid. One with another content is pushed to
    Home Assistant; the same content again is swallowed.
    """

    addon: Addon
    push: Push
    by_uuid: dict[str, Discovery] = field(default_factory=dict)

    async def send(self, message: Discovery) -> str:
        """Keep a message, push it where it is new, and return its uuid."""
        known = (uuid for uuid, kept in self.by_uuid.items() if kept.service == message.service)
        uuid = next(known, uuid4().hex)
        if self.by_uuid.get(uuid) != message:
            self.by_uuid[uuid] = message
            await self.push("POST", uuid, message.service)
        return uuid

    async def remove(self, uuid: str) -> None:
        """Forget a message and push that it is gone. Raises KeyError when there is none."""
        message = self.by_uuid.pop(uuid)
        await self.push("DELETE", uuid, message.service)

    def listed(self) -> list[str]:
        """Return the uuids that Home Assistant finds when it starts: those of a started app."""
        return list(self.by_uuid) if self.addon.state == "started" else []


class DiscoveryApi:
    """The routes below `/discovery`. `only_core` raises when Home Assistant does not ask."""

    def __init__(
        self,
        messages: Messages,
        only_core: Callable[[web.Request], None],
        own: Callable[[web.Request], Addon],
    ) -> None:
        self._messages = messages
        self._only_core = only_core
        self._own = own

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/discovery", self.list),
            web.post("/discovery", self.send),
            web.get("/discovery/{uuid}", self.get),
            web.delete("/discovery/{uuid}", self.remove),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """List the messages of started apps; for Home Assistant only."""
        self._only_core(request)
        addon = self._messages.addon
        services = {service: [addon.slug] for service in addon.manifest.discovery}
        messages = [self._described(uuid) for uuid in self._messages.listed()]
        return ok({"discovery": messages, "services": services})

    async def send(self, request: web.Request) -> web.Response:
        """Keep a message and return its uuid."""
        try:
            message = Discovery.model_validate(await body_of(request))
        except ValidationError as error:
            raise ApiError(first_error(error)) from None
        if message.service not in self._own(request).manifest.discovery:
            raise ApiError(
                "Apps must list services they provide via discovery in their config!", 403
            )
        return ok({"uuid": await self._messages.send(message)})

    async def get(self, request: web.Request) -> web.Response:
        """Return one message; for Home Assistant only."""
        self._only_core(request)
        return ok(self._described(request.match_info["uuid"]))

    async def remove(self, request: web.Request) -> web.Response:
        """Forget a message."""
        try:
            await self._messages.remove(request.match_info["uuid"])
        except KeyError:
            raise ApiError("Discovery message not found", 404) from None
        return ok()

    def _described(self, uuid: str) -> dict[str, Any]:
        message = self._messages.by_uuid.get(uuid)
        if message is None:
            raise ApiError("Discovery message not found", 404)
        return {"addon": self._messages.addon.slug, "uuid": uuid, **message.model_dump()}
