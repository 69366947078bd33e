"""The first agent over the Wyoming protocol, until the companion integration can be added.

A running Home Assistant offers it at once; the companion needs a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ollama_addon.background import Background
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.wyoming.migration import Migration, Offer
from ollama_addon.wyoming.server import WyomingServer

_LOGGER = logging.getLogger(__name__)

SERVICE = "wyoming"
RETRY = 30.0
"""Seconds until what failed is tried again."""
_NOTHING = "Nothing is offered through the Wyoming protocol."


class WyomingFallback:
    """Serves and announces the agent of `server` until the companion takes its place.

    An offer that nobody has taken up ends as soon as Home Assistant has loaded the companion
    integration, so that there is one card at a time; one that was taken up ends when the
    companion's entity can be asked. `kept` is the file that remembers the offer: it outlives this
    process. Without a Supervisor nothing is announced. Failures are not raised: `message` tells
    of them, and they are tried again. With `wanted` false nothing is offered.
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
        self.message = _NOTHING
        self.card_shown = False
        """Whether Home Assistant may show a card of it that nobody has pressed."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when `card_shown` may have changed."""
        self._server = server
        self._companion = companion
        self._supervisor = supervisor
        self._migration = Migration(connection, supervisor, kept) if supervisor else None
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
        offer = self._migration.offer(self._server.agent.options) if self._migration else None
        self.card_shown = offer is not None and offer.stage == "offered"
        self._companion.on_change(self._look_again.set)
        self._look_again.set()
        self._background.keep("Wyoming fallback", self._follow)

    def no_longer_wanted(self) -> None:
        """Offer nothing any more, and withdraw what is offered."""
        self._wanted = False
        self._look_again.set()

    async def stop(self) -> None:
        """Stop serving. What was announced stays."""
        await self._background.stop()
        await self._server.stop()

    async def _follow(self) -> None:
        failed = ""
        while True:
            await self._look_again.wait()
            self._look_again.clear()
            try:
                await self._look()
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

    async def _look(self) -> None:
        """Do what the companion's state asks for. Raises AddonError, OSError."""
        companion, agent = self._companion, self._server.agent.options
        offer = self._migration.offer(agent) if self._migration else None
        if companion.runs:
            if offer and self._migration:
                await self._migration.finish(offer, agent)
                _LOGGER.info("The integration has taken the place of the agent over Wyoming")
            await self._end()
        elif not self._wanted:
            await self._end(offer)
        elif not companion.looked:
            return
        elif companion.running_version is None:
            if companion.runs is False:
                await self._begin()
        elif offer and self._migration and await self._migration.taken(offer, agent):
            self.card_shown = False
            await self._begin()
        else:
            await self._end(offer)
        self.on_change()

    async def _begin(self) -> None:
        """Serve, then announce it. Raises AddonError, OSError."""
        await self._server.start()
        if self._supervisor is not None and self._migration is not None and not self._announced:
            agent = self._server.agent.options
            own = await self._supervisor.self_info()
            uri = f"tcp://{own['hostname']}:{self._server.port}"
            offer = Offer(await self._supervisor.announce(SERVICE, {"uri": uri}), agent.name)
            self._migration.keep(offer)
            self._announced = True
            if self._companion.running_version is None:
                self.card_shown = True
        self.message = f"The first agent speaks the Wyoming protocol on port {self._server.port}."
        _LOGGER.info("%s", self.message)

    async def _end(self, offer: Offer | None = None) -> None:
        """Withdraw an offer, by an earlier run too, then serve no more. Raises AddonError."""
        if offer and self._migration:
            await self._migration.end(offer)
            _LOGGER.info("What was offered through the Wyoming protocol was withdrawn")
        self._announced = self.card_shown = False
        await self._server.stop()
        self.message = _NOTHING
