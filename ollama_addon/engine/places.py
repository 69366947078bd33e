"""The places at each server's models, and who has one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from ollama_addon.model_name import canonical

from .queue import Place, Queue
from .server import Server

_ELSEWHERE = 17
"""How many requests for a model a server on another machine is sent at once; it has a queue.

Sixteen of them may be tasks."""


class Places:
    """Counts who asks what. `parallel` is how many a model of the bundled server takes at once."""

    def __init__(self) -> None:
        self.parallel = 1
        self.loading: Counter[str] = Counter()
        """Models that are being loaded, by canonical name."""
        self._queues: dict[tuple[str, str], Queue] = {}
        """By server and model."""
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many requests wait until a model has time for them."""
        return sum(queue.waiting for queue in self._queues.values())

    def busy(self, server: Server) -> int:
        """Return how many requests a server has, those that wait among them."""
        return sum(
            queue.waiting + queue.running
            for (url, _), queue in self._queues.items()
            if url == server.url
        )

    async def wait_idle(self, timeout: float) -> None:
        """Wait until the bundled server gives no answer, or `timeout` seconds have passed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout)

    @asynccontextmanager
    async def answering(self, server: Server, model: str, place: Place) -> AsyncIterator[None]:
        """Wait until `server` may be asked something of `model`, and count the answer meanwhile.

        Raises AddonError (`engine_busy`).
        """
        key = server.url, canonical(model)
        places = self.parallel if server.bundled else _ELSEWHERE
        queue = self._queues.setdefault(key, Queue(places))
        queue.places = places
        async with queue.enter(place):
            if not server.bundled:
                yield
                return
            self._answering += 1
            self._idle.clear()
            try:
                yield
            finally:
                self._answering -= 1
                if not self._answering:
                    self._idle.set()

    @contextmanager
    def until_it_answers(self, server: Server, model: str) -> Iterator[None]:
        """Count a model that is not in memory as loading meanwhile."""
        name = canonical(model)
        if server.has_loaded(model):
            yield
            return
        self.loading[name] += 1
        try:
            yield
        finally:
            self.loading[name] -= 1
            self.loading = +self.loading
