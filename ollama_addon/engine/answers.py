"""One answer of one server: its place, its beginning, and what is asked again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import ollama

from ollama_addon.background import child

from .queue import GivenUpError, Place, Priority
from .server import Server

if TYPE_CHECKING:
    from .servers import Servers

_LOGGER = logging.getLogger(__name__)

_DIED = "unexpectedly stopped"
"""How Ollama says that a runner was gone when it was asked: the next request starts another."""


class Answers:
    """Asks servers for answers, one place at a time."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def of(
        self, server: Server, model: str, request: Mapping[str, Any], priority: Priority
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Wait for a place at `server`, and yield its answer.

        As long as nothing was answered it is asked again where a person needed the place, and
        once where the runner had died. Raises AddonError and what is in TROUBLE.
        """
        servers, place, again = self._servers, Place(priority), True
        while True:
            async with servers.answering(server, model, place):
                await servers.check_fit(server, model)
                async with aclosing(server.chat(request)) as chunks:
                    began, warm = time.monotonic(), server.has_loaded(model)
                    with servers.places.until_it_answers(server, model):
                        try:
                            async with place.interruptible():
                                first = await _beginning(chunks, priority)
                        except GivenUpError:
                            continue
                        except ollama.ResponseError as error:
                            if not again or _DIED not in error.error:
                                raise
                            _LOGGER.warning("The runner of %s had died, and is asked again", model)
                            again = False
                            continue
                    if warm and priority is Priority.VOICE:
                        servers.paces.took(server, time.monotonic() - began)
                    for chunk in first:
                        servers.learn(server, model, chunk, priority)
                        yield chunk
                    async for chunk in chunks:
                        servers.learn(server, model, chunk, priority)
                        yield chunk
            return

    @asynccontextmanager
    async def other_slots(
        self, server: Server, model: str, request: Mapping[str, Any], priority: Priority
    ) -> AsyncIterator[None]:
        """Have the other slots of a model read a warm-up's prompt meanwhile.

        Each has a cache of its own: a second person would wait until all of it is read again.
        """
        more = self._servers.engine.num_parallel - 1
        if priority is not Priority.WARM_UP or not server.bundled or not more:
            yield
            return

        async def read() -> None:
            async for _ in self.of(server, model, request, priority):
                pass

        reading = [child(f"warm-up of another slot for {model}", read()) for _ in range(more)]
        try:
            yield
            await asyncio.gather(*reading)
        finally:
            for each in reading:
                each.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


async def _beginning(
    chunks: AsyncGenerator[dict[str, Any], None], priority: Priority
) -> list[dict[str, Any]]:
    """Return what can be repeated: the first chunk, or all where nobody hears it meanwhile."""
    if priority is not Priority.VOICE:
        return [chunk async for chunk in chunks]
    first = await anext(chunks, None)
    return [] if first is None else [first]
