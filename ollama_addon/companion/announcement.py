"""Home Assistant told of the app, so that the companion integration can be added, or follows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ollama_addon.background import Background
from ollama_addon.companion.files import DOMAIN
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.supervisor.client import Supervisor

_LOGGER = logging.getLogger(__name__)

RETRY = 10.0
"""Seconds until what failed, or came too early, is tried again."""


class Announcement:
    """Announces `message` (but for the host name) once for each Home Assistant that starts.

    Home Assistant reads messages when it starts, those of started apps only, and is told of new
    ones only while it runs: after a reboot of the host a message that is kept reaches nobody. So
    it is sent again, with another time in it, whenever Home Assistant is connected and has
    started. Nothing is sent while its integration is not loaded, which could not take it, or
    while `held` is true.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        connection: Connection,
        companion: CompanionMonitor,
        message: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.held: Callable[[], bool] = lambda: False
        """Whether something else has to be withdrawn before."""
        self._supervisor = supervisor
        self._connection = connection
        self._companion = companion
        self._message = message
        self._told = False
        self._look_again = asyncio.Event()

    def start(self, background: Background) -> None:
        """Begin to announce."""
        self._connection.on_connect(self.again)
        self._companion.on_change(self.look)
        self.look()
        background.keep("discovery message", self._run)

    def again(self) -> None:
        """Announce once more, such as another token."""
        self._told = False
        self.look()

    def look(self) -> None:
        """See whether it is time to announce."""
        self._look_again.set()

    async def withdraw(self) -> None:
        """Take the message back, so that Home Assistant removes what was set up from it.

        Raises AddonError. It is announced again when Home Assistant or the app starts.
        """
        self._told = True
        # The only way to learn the message's uuid is to send it.
        uuid = await self._announce()
        await self._supervisor.withdraw(uuid)

    async def _run(self) -> None:
        failed = ""
        while True:
            await self._look_again.wait()
            self._look_again.clear()
            loaded = self._companion.looked and self._companion.running_version is not None
            if self._told or not self._connection.connected or not loaded or self.held():
                continue
            try:
                configuration = await self._connection.command("get_config") or {}
                if configuration.get("state", "RUNNING") == "RUNNING":
                    await self._announce()
                    self._told, failed = True, ""
                    _LOGGER.info("Announced to Home Assistant")
                    continue
            except AddonError as error:
                if error.logged != failed:
                    failed = error.logged
                    _LOGGER.warning("Could not be announced to Home Assistant: %s", failed)
            except Exception:
                self.look()
                raise
            await asyncio.sleep(RETRY)
            self.look()

    async def _announce(self) -> str:
        own = await self._supervisor.self_info()
        # The Supervisor passes a message on only when it is another one than before.
        now = datetime.now(UTC).isoformat()
        message = {**self._message(), "host": own["hostname"], "announced": now}
        return await self._supervisor.announce(DOMAIN, message)
