"""The downloads: one after the other, each to an end that is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

import psutil

from ollama_addon.background import child
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical

from .catalogue import CATALOGUE
from .pull import Pull
from .pulling import pull
from .server import Server
from .servers import Servers

_LOGGER = logging.getLogger(__name__)

_LOG_EVERY = 10.0
"""Seconds, unless the download gets 5 % further before."""


class Downloads:
    """Downloads to the server of this house, by canonical name.

    That is the bundled one, or where there is none the first that answers.
    """

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._pulls: dict[str, Pull] = {}
        self._asked: dict[str, int] = {}
        """How often each model was asked for."""
        self._wake = asyncio.Event()
        self._running: tuple[str, asyncio.Task[None]] | None = None
        self.on_done: Callable[[str], None] = lambda name: None
        """Called with the name of each model whose download is done."""
        self._subscribers: set[asyncio.Queue[Pull]] = set()

    async def work(self) -> None:
        """Download what is asked for, for as long as this runs."""
        while True:
            waiting = (key for key, pull in self._pulls.items() if pull.state == "waiting")
            key = next(waiting, None)
            if key is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            task = child(f"download of {key}", self._run(self._pulls[key]))
            self._running = key, task
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                self._running = None
            if (now := self._pulls.get(key)) and now.state == "done" and now.total:
                self.on_done(now.name)

    @property
    def all(self) -> list[Pull]:
        """The downloads since the start, in the order in which they were asked for."""
        return list(self._pulls.values())

    def of(self, key: str) -> Pull | None:
        """Return the last download of a model."""
        return self._pulls.get(key)

    def active(self, key: str) -> bool:
        """Tell whether a model is being downloaded, or waits for that."""
        return key in self._pulls and self._pulls[key].active

    def ask(self, key: str, name: str) -> Pull:
        """Have the model `name` downloaded after those asked for before.

        Asked for again while it is on its way, it is the same download.
        """
        if not self.active(key):
            self._pulls.pop(key, None)  # it goes to the end
            self._asked[key] = self._asked.get(key, 0) + 1
            self._publish(Pull(name))
            self._wake.set()
        return self._pulls[key]

    async def cancel(self, key: str) -> None:
        """Stop a download; what has arrived stays."""
        asked = self._asked.get(key)
        if self._running is not None and self._running[0] == key:
            task = self._running[1]
            task.cancel()
            await asyncio.wait({task})
        # One that waited, or whose task was cancelled before its first step, has told nothing.
        # Asked for again meanwhile, it is another one.
        if self.active(key) and self._asked.get(key) == asked:
            self._publish(replace(self._pulls[key], state="cancelled", rate=0))

    def forget(self, key: str) -> None:
        """Know no more of a download that is over."""
        if not self.active(key):
            self._pulls.pop(key, None)

    def subscribe(self) -> AsyncGenerator[Pull, None]:
        """Follow all downloads from now on; who is too slow misses the oldest news."""
        queue: asyncio.Queue[Pull] = asyncio.Queue(maxsize=100)
        self._subscribers.add(queue)

        async def follow() -> AsyncGenerator[Pull, None]:
            try:
                while True:
                    yield await queue.get()
            finally:
                self._subscribers.discard(queue)

        return follow()

    def target(self) -> Server:
        """Find the server that models are downloaded to.

        Raises AddonError (`engine_down`, `no_downloads`).
        """
        if self._servers.bundled is not None:
            return self._servers.bundled
        healthy = [server for server in self._servers.all if server.healthy]
        for server in healthy:
            if server.manages:
                return server
        if healthy:
            raise AddonError(
                "no_downloads",
                "None of the servers that answer downloads models. Add them on the server itself.",
                409,
            )
        raise AddonError("engine_down", self._servers.why_down(), 503)

    def free(self) -> int:
        """Return the bytes that are free on the disk that models are kept on."""
        return psutil.disk_usage(str(self._servers.data)).free

    def _publish(self, now: Pull) -> None:
        self._pulls[canonical(now.name)] = now
        for queue in self._subscribers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(now)

    def _size(self, name: str) -> int:
        """Return how many bytes `name` will take, where that is known and none are here yet."""
        if any((self._servers.data / "models").glob("blobs/*-partial*")):
            return 0  # they may be of this model
        sizes = {canonical(known.name): known.size for known in CATALOGUE}
        return sizes.get(canonical(name), 0)

    async def _run(self, now: Pull) -> None:
        now = replace(now, state="pulling")
        self._publish(now)
        logged, share = time.monotonic(), 0
        try:
            server = self.target()
            _LOGGER.info("Downloading the model %s", now.name)
            free, size = (self.free, self._size(now.name)) if server.bundled else (None, 0)
            async with aclosing(pull(server, now.name, free, size)) as steps:
                async for step in steps:
                    late = time.monotonic() - logged >= _LOG_EVERY
                    if step.state in ("retrying", "stalled") and step.state != now.state:
                        _LOGGER.warning("%s", step.message)
                    elif step.state == "pulling" and (late or step.percent >= share + 5):
                        logged, share = time.monotonic(), step.percent
                        _LOGGER.info("%s", step.message)
                    now = step
                    if now.active:
                        self._publish(now)
            await server.check()
        except AddonError as error:
            now = replace(now, state="failed", problem=error.message, cause="unreachable")
        except asyncio.CancelledError:
            now = replace(now, state="cancelled", rate=0)
            raise
        except Exception:
            _LOGGER.exception("The download of %s ended unexpectedly", now.name)
            problem = "The log of the app says why."
            now = replace(now, state="failed", problem=problem, cause="internal")
        finally:
            self._publish(now)
            _LOGGER.log(logging.ERROR if now.state == "failed" else logging.INFO, "%s", now.message)
