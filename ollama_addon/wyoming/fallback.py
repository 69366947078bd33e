"""The first agent over the Wyoming protocol, for as long as the companion integration is not there.

A running Home Assistant offers it at once; the companion needs a restart.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from ollama_addon.background import Background
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.wyoming.migration import hand_over, remove_card
from ollama_addon.wyoming.server import WyomingServer

_LOGGER = logging.getLogger(__name__)

SERVICE = "wyoming"
RETRY = 30.0
"""Seconds until what failed is tried again."""


class WyomingFallback:
    """Serves and announces the agent of `server` until `companion` runs; never when not `wanted`.

    `kept` is the file that remembers the announcement: it outlives this process, as a restart of
    the add-on must not take the agent away from Home Assistant. Without a Supervisor nothing is
    announced. Failures are not raised: `message` tells of them, and they are tried again.
    """

    def __init__(
        self,
        server: WyomingServer,
        companion: CompanionMonitor,
        connection: Connection,
        supervisor: Supervisor | None,
        kept: Path,
        *,
        wanted: bool,
    ) -> None:
        self.message = "Nothing is offered through the Wyoming protocol."
        self._server = server
        self._companion = companion
        self._connection = connection
        self._supervisor = supervisor
        self._kept = kept
        self._wanted = wanted
        self._announced = False
        self._look_again = asyncio.Event()
        self._background = Background()

    @property
    def serving(self) -> bool:
        """Whether the agent can be reached through the Wyoming protocol now."""
        return self._server.running

    async def start(self) -> None:
        """Begin to serve when that is needed, and end it when it is not."""
        self._companion.on_change(self._look_again.set)
        self._look_again.set()
        self._background.keep("Wyoming fallback", self._stand_in)

    async def stop(self) -> None:
        """Stop serving. What was announced stays."""
        await self._background.stop()
        await self._server.stop()

    async def _stand_in(self) -> None:
        failed = ""
        while True:
            await self._look_again.wait()
            self._look_again.clear()
            try:
                if not self._wanted or self._companion.runs:
                    await self._end()
                elif self._companion.runs is False:
                    await self._begin()
                failed = ""
            except (AddonError, OSError) as error:
                self.message = error.message if isinstance(error, AddonError) else str(error)
                if self.message != failed:
                    failed = self.message
                    _LOGGER.warning("%s It is tried again.", failed)
                await asyncio.sleep(RETRY)
                self._look_again.set()
            except Exception:
                self._look_again.set()
                raise

    async def _begin(self) -> None:
        """Serve, then announce it. Raises AddonError, OSError."""
        await self._server.start()
        if self._supervisor is not None and not self._announced:
            own = await self._supervisor.self_info()
            uri = f"tcp://{own['hostname']}:{self._server.port}"
            self._kept.write_text(await self._supervisor.announce(SERVICE, {"uri": uri}))
            self._announced = True
        self.message = f"The first agent speaks the Wyoming protocol on port {self._server.port}."
        _LOGGER.info("%s", self.message)

    async def _end(self) -> None:
        """Withdraw what was announced, by an earlier run too, then end it.

        Home Assistant removes what was set up from it: pipelines that use it are moved before.
        Raises AddonError, OSError.
        """
        if self._supervisor is not None and self._kept.exists():
            if self._companion.runs:
                await hand_over(self._connection, self._server.agent.options)
            await self._withdraw(self._supervisor, self._kept.read_text())
            self._kept.unlink()
            _LOGGER.info("What was offered through the Wyoming protocol was withdrawn")
        self._announced = False
        await self._server.stop()
        self.message = "Nothing is offered through the Wyoming protocol."

    async def _withdraw(self, supervisor: Supervisor, uuid: str) -> None:
        try:
            await supervisor.withdraw(uuid)
        except AddonError as error:
            if error.status != 404:
                raise
            _LOGGER.debug("It was withdrawn before: %s", error.logged)
        try:
            await remove_card(self._connection, uuid)
        except AddonError as error:
            _LOGGER.debug("The card could not be removed: %s", error.logged)
