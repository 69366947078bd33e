"""The models: which are there, which are wanted, which are on their way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

import psutil

from ollama_addon.background import Background, child
from ollama_addon.errors import AddonError
from ollama_addon.model_name import ALLOWED, canonical, is_valid

from .pull import Pull, pull
from .server import TROUBLE, Server
from .servers import Servers

_LOGGER = logging.getLogger(__name__)

_LOOK_EVERY = 2.0
"""Seconds between two looks at start whether the server answers."""
_LOG_EVERY = 10.0
"""Seconds, unless the download gets 5 % further before."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is there, or wanted, or both."""

    name: str
    present: bool = False
    wanted: bool = False
    pulling: bool = False
    loaded: bool = False
    server: str | None = None
    """The address of the first server that has it."""
    size: int | None = None
    """Bytes on the disk."""
    memory: int | None = None
    """Bytes in memory while it is loaded."""
    digest: str | None = None
    modified: datetime | None = None
    family: str = ""
    parameter_size: str = ""
    quantization: str = ""


class Inventory:
    """The models of all servers, and the downloads to the server of this house.

    That is the bundled one, or where there is none the first that answers. `wanted`
    are the models that are downloaded at start when no server has them.
    """

    def __init__(self, servers: Servers, wanted: Sequence[str]) -> None:
        self._servers = servers
        self._wanted = {canonical(name): name for name in wanted}
        self._pulls: dict[str, Pull] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._current: asyncio.Task[None] | None = None
        self._subscribers: set[asyncio.Queue[Pull]] = set()
        self._background = Background()

    async def start(self) -> None:
        """Begin to download, the wanted models first."""
        self._background.keep("wanted models", self._pull_wanted)
        self._background.keep("downloads", self._work)

    async def want(self, names: Sequence[str]) -> None:
        """Take over another list of wanted models, and download what no server has.

        Models that are wanted no more stay until a person deletes them.
        """
        self._wanted = {canonical(name): name for name in names}
        healthy = [server for server in self._servers.all if server.healthy]
        for key, name in self._wanted.items():
            if healthy and not any(key in server.models for server in healthy):
                await self.pull(name)

    async def stop(self) -> None:
        """Break downloads off; pulled again, they are resumed."""
        await self._background.stop()

    async def refresh(self) -> None:
        """Ask all servers for their models now."""
        await self._servers.refresh()

    @property
    def models(self) -> list[Model]:
        """Every model that a server has or that is wanted, by name."""
        found = {
            key: Model(name, wanted=True, pulling=self._pulling(key))
            for key, name in self._wanted.items()
        }
        for server in reversed([server for server in self._servers.all if server.healthy]):
            for key, listed in server.models.items():
                loaded = server.loaded.get(key)
                details = listed.details
                found[key] = Model(
                    name=listed.model or key,
                    present=True,
                    wanted=key in self._wanted,
                    pulling=self._pulling(key),
                    loaded=loaded is not None,
                    server=server.url,
                    size=listed.size,
                    memory=loaded.size if loaded else None,
                    digest=listed.digest,
                    modified=listed.modified_at,
                    family=(details and details.family) or "",
                    parameter_size=(details and details.parameter_size) or "",
                    quantization=(details and details.quantization_level) or "",
                )
        return [found[key] for key in sorted(found)]

    def waits_for(self, model: str) -> Pull | None:
        """Return the download that `model` cannot answer without: no version of it is there."""
        now = self.progress(model)
        key = canonical(model)
        there = any(server.healthy and key in server.models for server in self._servers.all)
        return now if now is not None and now.active and not there else None

    def progress(self, model: str) -> Pull | None:
        """Tell how far the download of `model` is, or why it failed; None when it is there."""
        now = self._pulls.get(canonical(model))
        return now if now is not None and (now.active or now.state == "failed") else None

    @property
    def pulls(self) -> list[Pull]:
        """The downloads since the start, in the order in which they were asked for."""
        return list(self._pulls.values())

    async def pull(self, name: str) -> Pull:
        """Download the model `name` after those asked for before.

        Asked for again while it is on its way, it is the same download. Raises AddonError
        (`bad_model_name`).
        """
        key = _checked(name)
        now = self._pulls.get(key)
        if now is None or not now.active:
            self._pulls.pop(key, None)
            now = Pull(name)
            self._publish(now)
            self._queue.put_nowait(key)
        return now

    async def cancel(self, name: str) -> None:
        """Stop the download of `name`. Raises AddonError (`not_pulling`)."""
        key = _checked(name)
        now = self._pulls.get(key)
        if now is None or not now.active:
            raise AddonError("not_pulling", f"The model {name} is not being downloaded.", 404)
        if now.state == "waiting":
            self._publish(replace(now, state="cancelled"))
        elif self._current is not None:
            self._current.cancel()
            await asyncio.wait({self._current})

    async def remove(self, name: str) -> None:
        """Delete the model `name` from the disk.

        Raises AddonError (`model_busy`, `model_missing`, `engine_down` …).
        """
        key = _checked(name)
        if self._pulling(key):
            raise AddonError(
                "model_busy",
                f"The model {name} is being downloaded. Cancel the download first.",
                409,
            )
        server = self._target()
        await server.check()
        if server.healthy and key not in server.models:
            raise AddonError("model_missing", f"There is no model {name} to delete.", 404)
        try:
            await server.client.delete(server.models[key].model or name if server.healthy else name)
        except TROUBLE as error:
            raise server.said(error, name) from error
        self._pulls.pop(key, None)
        _LOGGER.info("Deleted the model %s", name)
        await server.check()

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

    def _pulling(self, key: str) -> bool:
        return key in self._pulls and self._pulls[key].active

    def _publish(self, now: Pull) -> None:
        self._pulls[canonical(now.name)] = now
        for queue in self._subscribers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(now)

    def _target(self) -> Server:
        """Raises AddonError (`engine_down`)."""
        servers = [self._servers.bundled, *(s for s in self._servers.all if s.healthy)]
        for server in servers:
            if server is not None:
                return server
        raise AddonError("engine_down", self._servers.why_down(), 503)

    def _free(self) -> int:
        return psutil.disk_usage(str(self._servers.data)).free

    async def _pull_wanted(self) -> None:
        while True:
            await self._servers.refresh()
            healthy = [server for server in self._servers.all if server.healthy]
            if healthy and (self._servers.bundled is None or self._servers.bundled.healthy):
                break
            await asyncio.sleep(_LOOK_EVERY)
        await self.want(tuple(self._wanted.values()))

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            if self._pulls[key].state != "waiting":
                continue
            now = replace(self._pulls[key], state="pulling")
            self._publish(now)
            self._current = child(f"download of {key}", self._run(now))
            try:
                await asyncio.wait({self._current})
            finally:
                self._current.cancel()
                await asyncio.gather(self._current, return_exceptions=True)

    async def _run(self, now: Pull) -> None:
        logged, share = time.monotonic(), 0
        try:
            server = self._target()
            _LOGGER.info("Downloading the model %s", now.name)
            free = self._free if server.bundled else None
            async with aclosing(pull(server, now.name, free)) as steps:
                async for now in steps:
                    late = time.monotonic() - logged >= _LOG_EVERY
                    if now.state == "retrying":
                        _LOGGER.warning("%s", now.message)
                    elif now.state == "pulling" and (late or now.percent >= share + 5):
                        logged, share = time.monotonic(), now.percent
                        _LOGGER.info("%s", now.message)
                    if now.active:
                        self._publish(now)
            await server.check()
        except AddonError as error:
            now = replace(now, state="failed", problem=error.message)
        except asyncio.CancelledError:
            now = replace(now, state="cancelled", rate=0)
            raise
        except Exception:
            _LOGGER.exception("The download of %s ended unexpectedly", now.name)
            now = replace(now, state="failed", problem="The log of the add-on says why.")
        finally:
            self._publish(now)
            _LOGGER.log(logging.ERROR if now.state == "failed" else logging.INFO, "%s", now.message)


def _checked(name: str) -> str:
    if not is_valid(name):
        raise AddonError(
            "bad_model_name", f"'{name[:100]}' cannot be the name of a model: {ALLOWED}.", 422
        )
    return canonical(name)
