"""Models that are loaded ahead, kept in memory, and measured."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical

from .fixed_task import OPTIONS, fixed_task
from .profile import FOR_EVER
from .queue import Priority
from .request import chat_request
from .server import TROUBLE, Server

if TYPE_CHECKING:
    from .servers import Servers

_LOGGER = logging.getLogger(__name__)

_FOR_LONG = timedelta(days=30)
"""A model that is in memory for so long yet is there for ever."""

_LOOKS, _LOOK_AGAIN = 10, 0.2
"""How often a server that has just started is looked at, and the seconds in between."""


class Loading:
    """Has the servers load models when nobody waits for it."""

    def __init__(self, servers: Servers, background: Background) -> None:
        self._servers = servers
        self._background = background
        self._preparing: set[tuple[str, str]] = set()

    def prepare(self, server: Server, model: str) -> None:
        """Have a server that is to be asked first, and has just come back, load `model`.

        Until it has, nobody waits for that: the one that has it in memory is asked.
        """
        key = server.url, canonical(model)
        if server.has_loaded(model) or key in self._preparing:
            return
        self._preparing.add(key)
        self._background.once(f"loading of {model}", self._load(server, model))

    async def _load(self, server: Server, model: str) -> None:
        try:
            await self._servers.check_fit(server, model)
            # Without a prompt nothing is read and nothing written.
            keep_alive = self._servers.keep_alive(model)
            await server.client.generate(
                model, options=self._servers.profile(model), keep_alive=keep_alive
            )
            await server.check()
        except AddonError as error:
            _LOGGER.info("%s", error.logged)
        except TROUBLE as error:
            _LOGGER.info("%s", server.said(error, model).message)
        finally:
            self._preparing.discard((server.url, canonical(model)))

    async def keep(self) -> None:
        """Have the models stay in memory that agents want there for ever.

        Who asks without a `keep_alive`, as all of `/v1/…` do, has set them to the server's own.
        """
        for server in self._servers.all:
            for name, loaded in server.loaded.items() if server.healthy else ():
                ends = loaded.expires_at
                if self._servers.keep_alive(name) != FOR_EVER or ends is None:
                    continue
                if ends - datetime.now(ends.tzinfo) > _FOR_LONG:
                    continue
                try:
                    # Without a prompt nothing is read and nothing written.
                    await server.client.generate(
                        loaded.model or name,
                        options=self._servers.profile(name),
                        keep_alive=FOR_EVER,
                    )
                except TROUBLE as error:
                    _LOGGER.debug("%s could not be kept in memory: %r", name, error)

    async def measure(self, model: str) -> None:
        """Do the fixed task with `model` once, so that it is known how fast it is here.

        Nothing is done where that would load what no agent uses beside what they do, or where
        the model is not the bundled server's. Raises AddonError.
        """
        server, name = self._servers.bundled, canonical(model)
        if server is None or name not in server.models or self._servers.speeds.has_task(name):
            return
        used = bool(self._servers.used_by(name))
        if not used and server.loaded:
            return
        capabilities = (await server.details(model)).capabilities
        if "completion" not in capabilities:
            return
        request = chat_request(
            model,
            self._servers.profile(model) | OPTIONS,
            messages=fixed_task(),
            stream=False,
            keep_alive=self._servers.keep_alive(model) if used else 0,
            think=False if "thinking" in capabilities else None,
        )
        try:
            async for chunk in self._servers.answers.of(server, model, request, Priority.TASK):
                if chunk.get("done"):
                    self._servers.speeds.learn_task(model, chunk)
        except TROUBLE as error:
            raise server.said(error, model) from error

    async def look_until_it_answers(self, server: Server) -> None:
        """Look at a server that has just started, and tell that nothing is read there."""
        # A check that was under way when it started tells of the time before.
        for _ in range(_LOOKS):
            await server.check()
            if server.healthy:
                self._servers.on_emptied("")
                return
            await asyncio.sleep(_LOOK_AGAIN)
