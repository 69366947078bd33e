"""Which model is in memory, with which options, and until when. There is room for one."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.engine.environment import Launch
from dev.engine.errors import EngineError
from dev.engine.options import Options
from dev.engine.runner import Runner
from dev.engine.store import StoredModel

_FOR_EVER = timedelta(days=365 * 100)


@dataclass(eq=False)
class Loaded:
    """The model in memory. ``keep_alive`` in seconds, from the end of its last request."""

    model: StoredModel
    options: dict[str, Any]
    runner: Runner
    keep_alive: float
    used_at: datetime
    users: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def expires_at(self) -> datetime:
        """When it is unloaded, unless it is used before."""
        span = _FOR_EVER if math.isinf(self.keep_alive) else timedelta(seconds=self.keep_alive)
        return self.used_at + span


class Scheduler:
    """Loads, keeps, reloads and unloads; ``keep_alive`` in seconds is the default."""

    def __init__(self, keep_alive: float, num_parallel: int, launch: Launch) -> None:
        self.loads = 0
        """How often a model was loaded."""
        self._keep_alive = keep_alive
        self._num_parallel = num_parallel
        self._launch = launch
        self._loaded: Loaded | None = None
        self._turn = asyncio.Lock()
        self._closed = False
        self._expiry: asyncio.TimerHandle | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    @property
    def loaded(self) -> Loaded | None:
        """The model in memory."""
        return self._loaded

    @asynccontextmanager
    async def use(
        self,
        model: StoredModel,
        options: Options,
        keep_alive: float | None,
        shift: bool | None = None,
    ) -> AsyncIterator[Runner]:
        """Give the model's runner, loaded with these options, and keep it while it is used.

        ``shift`` is on where a request does not say. Raises EngineError when it cannot be loaded.
        """
        wanted = options.runner(model.metadata["llama.context_length"], shift=shift is not False)
        async with self._turn:
            loaded = await self._load(model, wanted)
            loaded.users += 1
            loaded.idle.clear()
        loaded.keep_alive = self._keep_alive if keep_alive is None else keep_alive
        loaded.used_at = datetime.now(UTC)
        self._cancel_expiry()
        try:
            yield loaded.runner
        finally:
            self._release(loaded)

    def expire(self, model: StoredModel) -> None:
        """Unload the model as soon as nothing uses it."""
        if self._loaded and self._loaded.model.digest == model.digest:
            self._loaded.keep_alive = 0
            if not self._loaded.users:
                self._unload()

    async def close(self) -> None:
        """Unload at once, whatever runs, and load nothing any more."""
        self._closed = True
        self._unload()
        await asyncio.gather(*self._stopping)

    async def _load(self, model: StoredModel, options: dict[str, Any]) -> Loaded:
        loaded = self._loaded
        if loaded and loaded.runner.alive:
            if (loaded.model.digest, loaded.options) == (model.digest, options):
                return loaded
            await loaded.idle.wait()
        self._unload()
        await asyncio.gather(*self._stopping)
        if self._closed:
            raise EngineError(503, "the engine is shutting down")
        self.loads += 1
        runner = await Runner.start(model, options, self._num_parallel, self._launch)
        self._loaded = Loaded(model, options, runner, self._keep_alive, datetime.now(UTC))
        return self._loaded

    def _release(self, loaded: Loaded) -> None:
        loaded.users -= 1
        loaded.used_at = datetime.now(UTC)
        if loaded.users:
            return
        loaded.idle.set()
        if loaded is not self._loaded:
            return
        if loaded.keep_alive == 0:
            self._unload()
        elif not math.isinf(loaded.keep_alive):
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(loaded.keep_alive, self._unload)

    def _unload(self) -> None:
        self._cancel_expiry()
        if self._loaded:
            stopping = asyncio.create_task(self._loaded.runner.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
            self._loaded = None

    def _cancel_expiry(self) -> None:
        if self._expiry:
            self._expiry.cancel()
            self._expiry = None
