"""Who is an administrator of Home Assistant, kept as Home Assistant last told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection, Event

_LOGGER = logging.getLogger(__name__)

LOOK_EVERY = 30.0
"""Seconds between two questions: who is demoted is out within a minute, whatever was missed."""
_ANSWER_TIME = 5.0
"""Seconds that an answer is waited for; a person waits behind it."""
_ADMINISTRATORS = "system-admin"
"""The group of administrators; its id is the same in every Home Assistant."""
_CHANGES = ("user_added", "user_updated", "user_removed")


class Users:
    """Knows the administrators of the Home Assistant behind `connection`.

    Asked on each connection, when a user is changed, every half minute, and by `ask`. While
    Home Assistant cannot be asked, the last answer stands.
    """

    def __init__(self, connection: Connection) -> None:
        self.administrators: frozenset[str] | None = None
        """Their ids as last told; None before the first answer."""
        self._connection = connection
        self._look = asyncio.Event()
        self._connections, self._heard = 0, -1
        """How many connections there were, and on which of them changes are heard."""
        self._background = Background()

    def start(self) -> None:
        """Begin to follow who is an administrator, until `stop`."""
        self._connection.on_connect(self._connected)
        self._background.keep("list of administrators", self._follow)

    async def stop(self) -> None:
        """Follow no more; may be called at any time."""
        await self._background.stop()

    async def ask(self) -> frozenset[str]:
        """Return the ids of the administrators, as Home Assistant tells them now.

        Raises AddonError where it cannot be asked, or gives no list of users.
        """
        found = await self._connection.command("config/auth/list", within=_ANSWER_TIME)
        if not isinstance(found, list):
            raise AddonError("home_failed", "Home Assistant gave no list of its users.", 502)
        self.administrators = frozenset(
            str(user["id"]) for user in found if isinstance(user, Mapping) and _administers(user)
        )
        return self.administrators

    def _connected(self) -> None:
        self._connections += 1
        self._look.set()

    async def _follow(self) -> None:
        told = ""
        while True:
            if self._connection.connected:
                try:
                    await self._hear()
                    await self.ask()
                    told = ""
                except AddonError as error:
                    if error.logged != told:
                        told = error.logged
                        _LOGGER.warning("It is not known who is an administrator now: %s", told)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._look.wait()
            except TimeoutError:
                continue
            self._look.clear()

    async def _hear(self) -> None:
        """Hear of changes of users, once on each connection. Raises AddonError."""
        connection = self._connections
        if connection != self._heard:
            for change in _CHANGES:
                await self._connection.subscribe(
                    self._changed, "subscribe_events", event_type=change
                )
            self._heard = connection

    def _changed(self, event: Event) -> None:
        self._look.set()


def _administers(user: Mapping[str, object]) -> bool:
    """Tell whether a user is an administrator, by Home Assistant's own rule."""
    groups = user.get("group_ids")
    return bool(user.get("id") and user.get("is_active")) and bool(
        user.get("is_owner") or (isinstance(groups, list) and _ADMINISTRATORS in groups)
    )
