"""The Ollama servers there are, and which of them answers."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical
from ollama_addon.options import AgentOptions, EngineOptions, ServerOptions

from .advice import Measured, Need, memory_needed, need
from .daemon import Daemon
from .hardware import machine
from .profile import FOR_EVER, OLLAMAS_CONTEXT, context_windows, default_context, keep_alives
from .queue import GivenUpError, Place, Priority, Queue
from .server import TROUBLE, Details, Server, missing
from .speeds import Speeds, was_loaded

_LOGGER = logging.getLogger(__name__)

NEUTRAL = {"repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
"""Penalties of a Modelfile hold under a grammar too, and push a model off names that it repeats."""
_ELSEWHERE = 17
"""How many requests for a model a server on another machine is sent at once; it has a queue.

Sixteen of them may be tasks."""
_CHECK_EVERY = 15.0
"""Seconds between two health checks."""
_LOOKS, _LOOK_AGAIN = 10, 0.2
"""How often a server that has just started is looked at, and the seconds in between."""
_FOR_LONG = timedelta(days=30)
"""A model that is in memory for so long yet is there for ever."""
_CHECK_AGAIN = 5.0
"""The same while a server does not answer."""


class Servers:
    """The servers of the options in their order, the bundled one last.

    `agents` say how large a context each model needs, `engine` how the bundled server runs.
    """

    def __init__(
        self,
        remote: Sequence[ServerOptions],
        daemon: Daemon | None,
        *,
        agents: Sequence[AgentOptions] = (),
        engine: EngineOptions | None = None,
    ) -> None:
        self.bundled = None if daemon is None else Server(daemon.url, bundled=True)
        self.all = [Server(server.url, server.api_key) for server in remote]
        if self.bundled is not None:
            self.all.append(self.bundled)
        self._daemon = daemon
        self.data = daemon.data if daemon else Path()
        """Where the bundled server keeps its models."""
        self.speeds = Speeds()
        self.on_answer: Callable[[str, Mapping[str, Any]], None] = lambda model, last: None
        """Called with the model and the last chunk of each answer."""
        self.on_emptied: Callable[[], None] = lambda: None
        """Called when what the bundled server had read of prompts is lost."""
        self.tight = ""
        """A warning about the model that was loaded last, when it leaves too little memory."""
        self.loading: Counter[str] = Counter()
        """Models that are being loaded, by canonical name."""
        self.too_large: set[str] = set()
        """Models that were not loaded for want of memory when they were last asked."""
        self._queues: dict[tuple[str, str], Queue] = {}
        """By server and model."""
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.configure(agents, engine or EngineOptions())
        self._background = Background()

    def configure(self, agents: Sequence[AgentOptions], engine: EngineOptions) -> None:
        """Take over other options; models are loaded anew where their runner differs."""
        self.engine = engine
        self._agents = tuple(agents)
        self._contexts = context_windows(agents)
        self._keep_alives = keep_alives(agents)

    @asynccontextmanager
    async def answering(self, server: Server, model: str, place: Place) -> AsyncIterator[None]:
        """Wait until `server` may be asked something of `model`, and count the answer meanwhile.

        Raises AddonError (`engine_busy`).
        """
        key = server.url, canonical(model)
        places = self.engine.num_parallel if server.bundled else _ELSEWHERE
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

    @property
    def waiting(self) -> int:
        """How many requests wait until a model has time for them."""
        return sum(queue.waiting for queue in self._queues.values())

    async def wait_idle(self, timeout: float) -> None:
        """Wait until the bundled server gives no answer, or `timeout` seconds have passed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout)

    async def start(self) -> None:
        """Check all servers, now and from time to time."""
        if self._daemon is not None:
            self._daemon.on_change = self._daemon_changed
        await self.refresh()
        self._background.keep("checks of the servers", self._check_often)

    async def stop(self) -> None:
        """Stop checking and close the connections."""
        await self._background.stop()
        await asyncio.gather(*(server.close() for server in self.all))

    async def refresh(self) -> None:
        """Check all servers now."""
        await asyncio.gather(*(server.check() for server in self.all))

    async def for_model(self, model: str) -> Server:
        """Find the first healthy server that has `model`.

        Raises AddonError: `engine_down` when no server answers, `model_missing` when
        none of those that do has it.
        """
        return (await self._having(model))[0]

    async def _having(self, model: str) -> list[Server]:
        name = canonical(model)
        found = [server for server in self.all if server.healthy and name in server.models]
        if not found:
            await self.refresh()
            found = [server for server in self.all if server.healthy and name in server.models]
        if found:
            return found
        if any(server.healthy for server in self.all):
            raise missing(model)
        raise AddonError("engine_down", self.why_down(), 503)

    def why_down(self) -> str:
        """Say why no server answers, and what to do."""
        if self._daemon is not None and self._daemon.state == "starting":
            return "Ollama is still starting. Try again in a moment."
        if self._daemon is not None and self._daemon.state != "running":
            return self._daemon.message
        if not self.all:
            return "There is no Ollama server. Add one to 'servers' in the add-on's options."
        return " ".join(server.message for server in self.all)

    def profile(self, model: str) -> dict[str, Any]:
        """Give the runner options for `model`, the same for everything that is sent to it.

        Ollama reloads a model when they differ.
        """
        context = self.context_window(model)
        return {"num_ctx": context} if context else {}

    def keep_alive(self, model: str) -> int | None:
        """Return the seconds that agents want `model` in memory, -1 for ever; None: no agent."""
        return self._keep_alives.get(canonical(model))

    @property
    def default_context(self) -> int:
        """The context window, in tokens, that the bundled server gives to who names none."""
        return default_context(self._contexts)

    def used_by(self, model: str) -> tuple[str, ...]:
        """Return the ids of the agents that use `model`."""
        name = canonical(model)
        return tuple(a.id for a in self._agents if a.model and canonical(a.model) == name)

    @property
    def reloaded_by_v1(self) -> tuple[tuple[str, Server], ...]:
        """The agents' models that calls of `/v1/…` load anew, each with the server that has it.

        Such a call gets the server's own window: of one elsewhere it is not known, and of ours it
        is one for all models.
        """
        found = []
        for model, window in self._contexts.items():
            having = (each for each in self.all if each.healthy and model in each.models)
            server = next(having, None)
            if server and not (server.bundled and window == self.default_context):
                found.append((model, server))
        return tuple(found)

    async def details(self, model: str) -> Details:
        """Tell what `model` is and can do. Raises AddonError."""
        return await (await self.for_model(model)).details(model)

    def longest_context(self, model: str) -> int | None:
        """Return the longest context that `model` was made for, in tokens, where that is known."""
        name = canonical(model)
        for server in self.all:
            if server.healthy and name in server.models:
                details = server.known(model)
                return details.context_length if details else None
        return None

    async def capabilities(self, model: str) -> set[str]:
        """Tell what `model` can do: `completion`, `tools`, `thinking` … Raises AddonError."""
        return set((await self.details(model)).capabilities)

    async def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        *,
        format: Mapping[str, Any] | Literal["json"] | None = None,  # noqa: A002
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: bool = True,
        think: bool | Literal["low", "medium", "high"] | None = None,
        num_predict: int | None = None,
        temperature: float | None = None,
        keep_alive: int | None = None,
        seed: int | None = None,
        priority: Priority = Priority.VOICE,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Send `messages` to `model` and yield Ollama's answer, chunk by chunk.

        The last chunk has `done: true`, counts and durations (nanoseconds); without
        `stream` it is the only one. `keep_alive` is in seconds, -1 for ever, 0 not at all.
        `priority` says who else goes first; an answer that no person waits for comes in one go.
        As long as nothing has been answered, the next server takes over from one that fails.
        Close the iterator to make Ollama stop. Raises AddonError (`engine_down`,
        `engine_busy`, `model_missing`, `model_failed`, `bad_answer`).
        """
        servers = await self._having(model)
        if think and "thinking" not in await self.capabilities(model):
            think = None  # Ollama would refuse the whole request
        for server in servers:
            options = (
                NEUTRAL
                | self.profile(model)
                | {"num_predict": num_predict, "temperature": temperature, "seed": seed}
            )
            request = {
                "model": model,
                "messages": list(messages),
                "stream": stream,
                "format": format,
                "tools": tools,
                "think": think,
                "keep_alive": keep_alive,
                # Cut at its head without a word, a prompt would lose its rules and the house.
                "truncate": False,
                "options": {key: value for key, value in options.items() if value is not None},
            }
            request = {key: value for key, value in request.items() if value is not None}
            answered = False
            try:
                async with aclosing(self._answer(server, model, request, priority)) as chunks:
                    async for chunk in chunks:
                        answered = True
                        yield chunk
                return
            except TROUBLE as error:
                trouble = server.said(error, model)
                if trouble.code == "engine_down":
                    server.down(trouble.message)
                if answered or server is servers[-1]:
                    raise trouble from error
                _LOGGER.warning("%s The next server takes over.", trouble.message)

    async def _answer(
        self, server: Server, model: str, request: Mapping[str, Any], priority: Priority
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Wait for a place at `server`, and yield its answer.

        As long as nothing was answered it is begun anew where a person needed the place.
        """
        place = Place(priority)
        while True:
            async with self.answering(server, model, place):
                await self.check_fit(server, model)
                async with aclosing(server.chat(request)) as chunks:
                    with self._loading(server, model):
                        try:
                            async with place.interruptible():
                                if priority is Priority.VOICE:
                                    first = [chunk] if (chunk := await anext(chunks, None)) else []
                                else:
                                    # Nobody hears it while it is made: all of it can be repeated.
                                    first = [chunk async for chunk in chunks]
                        except GivenUpError:
                            continue
                    for chunk in first:
                        self._learn(server, model, chunk, priority)
                        yield chunk
                    async for chunk in chunks:
                        self._learn(server, model, chunk, priority)
                        yield chunk
            return

    @contextmanager
    def _loading(self, server: Server, model: str) -> Iterator[None]:
        """Count a model that is not in memory as loading meanwhile."""
        name = canonical(model)
        if name in server.loaded:
            yield
            return
        self.loading[name] += 1
        try:
            yield
        finally:
            self.loading[name] -= 1
            self.loading = +self.loading

    async def need(self, server: Server, model: str) -> Need | None:
        """Tell how the memory that `model` needs compares with what there is.

        None when it is in memory already, is another machine's affair, or cannot be told.
        Raises AddonError.
        """
        name = canonical(model)
        listed = server.models.get(name)
        if not server.bundled or listed is None or not listed.size or name in server.loaded:
            return None
        details = await server.details(model)
        context = (self.context_window(model) or OLLAMAS_CONTEXT) * self.engine.num_parallel
        return need(
            memory_needed(listed.size, details.kv_bytes, context, self.engine.kv_cache_type),
            machine(self.data),
            self.in_memory(),
        )

    async def check_fit(self, server: Server, model: str) -> None:
        """See to it that loading `model` leaves Home Assistant its memory.

        Raises AddonError (`model_too_large`).
        """
        name = canonical(model)
        if not server.bundled or name in server.loaded:
            return
        await server.check()  # it may have been loaded, or another one unloaded, since
        found = await self.need(server, model)
        self.too_large.discard(name)
        if found is None:
            return
        self.tight = found.sentence(model, self.context_window(model) or OLLAMAS_CONTEXT)
        if found.fits == "no":
            self.too_large.add(name)
            raise AddonError("model_too_large", self.tight, 507)
        if self.tight:
            _LOGGER.warning("%s", self.tight)

    def context_window(self, model: str) -> int | None:
        """Return the context window that `model` runs with, in tokens, where agents say so."""
        return self._contexts.get(canonical(model))

    def in_memory(self) -> int:
        """Return the bytes that the models in the bundled server's memory take."""
        loaded = self.bundled.loaded.values() if self.bundled and self.bundled.healthy else ()
        return sum(each.size or 0 for each in loaded)

    async def measured(self) -> list[Measured]:
        """Return the models of the bundled server whose speed is known."""
        found = []
        for name in self.speeds.models:
            listed = self.bundled.models.get(name) if self.bundled else None
            if self.bundled and listed and listed.size:
                with suppress(AddonError):
                    details = await self.bundled.details(name)
                    if details.parameters:
                        speed = self.speeds.of(name)
                        found.append(Measured(name, details.parameters, listed.size, speed))
        return found

    def _learn(
        self, server: Server, model: str, last: Mapping[str, Any], priority: Priority
    ) -> None:
        """Take in a chunk of an answer; all but the last tell nothing."""
        if not last.get("done"):
            return
        if server.bundled:
            self.speeds.learn(model, last)
            if canonical(model) not in server.loaded:
                # It is in memory now.
                self._background.once("check after an answer", server.check())
            if was_loaded(last) and priority is not Priority.WARM_UP:
                # It was unloaded, or its runner has died: what else it had read is gone.
                self.on_emptied()
        self.on_answer(model, last)

    async def unload(self, model: str) -> None:
        """Free the memory that a model takes, on every server. Raises AddonError."""
        name = canonical(model)
        for server in self.all:
            if server.healthy and name in server.loaded:
                try:
                    await server.client.generate(server.loaded[name].model or model, keep_alive=0)
                except TROUBLE as error:
                    raise server.said(error, model) from error
                await server.check()

    async def _check_often(self) -> None:
        while True:
            well = all(server.healthy for server in self.all)
            await asyncio.sleep(_CHECK_EVERY if well else _CHECK_AGAIN)
            await self.refresh()
            await self.keep_loaded()

    async def keep_loaded(self) -> None:
        """Have the models stay in memory that agents want there for ever.

        Who asks without a `keep_alive`, as all of `/v1/…` do, has set them to the server's own.
        """
        for server in self.all:
            for name, loaded in server.loaded.items() if server.healthy else ():
                ends = loaded.expires_at
                if self.keep_alive(name) != FOR_EVER or ends is None:
                    continue
                if ends - datetime.now(ends.tzinfo) > _FOR_LONG:
                    continue
                try:
                    # Without a prompt nothing is read and nothing written.
                    await server.client.generate(
                        loaded.model or name, options=self.profile(name), keep_alive=FOR_EVER
                    )
                except TROUBLE as error:
                    _LOGGER.debug("%s could not be kept in memory: %r", name, error)

    def _daemon_changed(self) -> None:
        """Know of the bundled server's start and end at once, and not by the next check."""
        if self._daemon is None or self.bundled is None:
            return
        if self._daemon.state == "running":
            self._background.once("check after a start", self._look_until_it_answers(self.bundled))
        else:
            self.bundled.down(self._daemon.message)

    async def _look_until_it_answers(self, server: Server) -> None:
        # A check that was under way when it started tells of the time before.
        for _ in range(_LOOKS):
            await server.check()
            if server.healthy:
                self.on_emptied()
                return
            await asyncio.sleep(_LOOK_AGAIN)
