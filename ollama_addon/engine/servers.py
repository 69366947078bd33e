"""The Ollama servers there are, and which of them answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any, Literal

from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical
from ollama_addon.options import AgentOptions, EngineOptions, ServerOptions

from .advice import Recommendation
from .answers import Answers
from .choice import Paces, ordered
from .daemon import Daemon
from .fitting import Fitting
from .loading import Loading
from .measurements import Measurements
from .places import Places
from .profile import context_windows, default_context, keep_alives
from .queue import Place, Priority
from .request import chat_request
from .server import TROUBLE, Details, Server, missing
from .speeds import Speeds, was_loaded
from .state import EngineState, engine_state

_LOGGER = logging.getLogger(__name__)

_CHECK_EVERY = 15.0
"""Seconds between two health checks."""
_CHECK_AGAIN = 5.0
"""The same while a server does not answer."""


class Servers:
    """The servers of the options in their order, the bundled one last.

    `agents` say how large a context each model needs, `engine` how the bundled server runs.
    `measurements` keep what is measured of this machine.
    """

    def __init__(
        self,
        remote: Sequence[ServerOptions],
        daemon: Daemon | None,
        *,
        agents: Sequence[AgentOptions] = (),
        engine: EngineOptions | None = None,
        measurements: Measurements | None = None,
    ) -> None:
        self.bundled = None if daemon is None else Server(daemon.url, bundled=True)
        self.all = [Server(each.url, each.api_key, api=each.api) for each in remote]
        if self.bundled is not None:
            self.all.append(self.bundled)
        self._daemon = daemon
        self.data = daemon.data if daemon else Path()
        """Where the bundled server keeps its models."""
        self.fitting = Fitting(
            self.data,
            measurements or Measurements(),
            daemon.private_memory if daemon else lambda: 0,
        )
        self.on_answer: Callable[[str, Mapping[str, Any]], None] = lambda model, last: None
        """Called with the model and the last chunk of each answer."""
        self.on_emptied: Callable[[str], None] = lambda model: None
        """Called with the model of which what the bundled server had read is lost; "": all."""
        self.places = Places()
        self.paces = Paces()
        self.configure(agents, engine or EngineOptions())
        self._background = Background()
        self.loading = Loading(self, self._background)
        self.answers = Answers(self)

    def configure(self, agents: Sequence[AgentOptions], engine: EngineOptions) -> None:
        """Take over other options; models are loaded anew where their runner differs."""
        self.engine = self.fitting.engine = engine
        self.places.parallel = engine.num_parallel
        self._agents = tuple(agents)
        self._contexts = context_windows(agents)
        self._keep_alives = keep_alives(agents)

    def answering(
        self, server: Server, model: str, place: Place
    ) -> AbstractAsyncContextManager[None]:
        """Wait for a place, as `Places.answering` says. Raises AddonError (`engine_busy`)."""
        return self.places.answering(server, model, place)

    @property
    def waiting(self) -> int:
        """How many requests wait until a model has time for them."""
        return self.places.waiting

    async def start(self) -> None:
        """Check all servers, now and from time to time."""
        if self._daemon is not None:
            self._daemon.on_change = self._daemon_changed
        await self.refresh()
        self._background.keep("checks of the servers", self._check_often)

    async def stop(self) -> None:
        """Stop checking and close the connections."""
        await self._background.stop()
        if self.bundled is not None:
            await asyncio.to_thread(self.fitting.note)
        await asyncio.gather(*(server.close() for server in self.all))

    async def refresh(self) -> None:
        """Check all servers now."""
        await asyncio.gather(*(server.check() for server in self.all))

    async def for_model(
        self, model: str, priority: Priority = Priority.VOICE, *, native: bool = False
    ) -> Server:
        """Find the healthy server that is to be asked something of `model` first.

        `native` are only those that speak Ollama's own API. Raises AddonError: `engine_down`
        when no server answers, `model_missing` when none of those that do has it.
        """
        return (await self._having(model, priority, native=native))[0]

    async def _having(
        self, model: str, priority: Priority, *, native: bool = False
    ) -> list[Server]:
        name = canonical(model)
        asked = [server for server in self.all if server.manages or not native]
        found = [server for server in asked if server.healthy and name in server.models]
        if not found:
            await self.refresh()
            found = [server for server in asked if server.healthy and name in server.models]
        if found:
            chosen = ordered(found, model, priority, self.paces, self.places.busy)
            if priority is Priority.VOICE and chosen[0] is not found[0]:
                self.loading.prepare(found[0], model)
            return chosen
        if any(server.healthy for server in self.all):
            raise missing(model)
        raise AddonError("engine_down", self.why_down(), 503)

    @property
    def state(self) -> EngineState:
        """How the servers are."""
        return engine_state(self.all, self._daemon, self.why_down(), self.fitting.tight)

    def why_down(self) -> str:
        """Say why no server answers, and what to do."""
        if self._daemon is not None and self._daemon.state == "starting":
            return "Ollama is still starting. Try again in a moment."
        if self._daemon is not None and self._daemon.state != "running":
            return self._daemon.message
        if not self.all:
            return "There is no Ollama server. Add one to 'servers' in the app's options."
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
            if (
                server
                and server.manages
                and not (server.bundled and window == self.default_context)
            ):
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

        The last chunk has `done: true`, counts, durations (nanoseconds) and the address of the
        `server` that answered; without `stream` it is the only one. `keep_alive` is in seconds,
        -1 for ever, 0 not at all.
        `priority` says who else goes first; an answer that no person waits for comes in one go.
        As long as nothing has been answered, the next server takes over from one that fails.
        Close the iterator to make Ollama stop. Raises AddonError (`engine_down`,
        `engine_busy`, `model_missing`, `model_failed`, `bad_answer`).
        """
        servers = await self._having(model, priority)
        if think and "thinking" not in await self.capabilities(model):
            think = None  # Ollama would refuse the whole request
        written = {"num_predict": num_predict, "temperature": temperature, "seed": seed}
        request = chat_request(
            model,
            self.profile(model) | written,
            messages=list(messages),
            stream=stream,
            format=format,
            tools=tools,
            think=think,
            keep_alive=keep_alive,
        )
        for server in servers:
            answered = False
            try:
                async with (
                    self.answers.other_slots(server, model, request, priority),
                    aclosing(self.answers.of(server, model, request, priority)) as chunks,
                ):
                    async for chunk in chunks:
                        answered = True
                        yield chunk | {"server": server.url} if chunk.get("done") else chunk
                return
            except TROUBLE as error:
                trouble = server.said(error, model)
                if trouble.code == "engine_down":
                    server.down(trouble.message)
                if answered or server is servers[-1]:
                    raise trouble from error
                _LOGGER.warning("%s The next server takes over.", trouble.message)

    async def check_fit(self, server: Server, model: str) -> None:
        """See to it that loading `model` leaves Home Assistant its memory.

        Raises AddonError (`model_too_large`).
        """
        await self.fitting.check(server, model, self.context_window(model))

    def context_window(self, model: str) -> int | None:
        """Return the context window that `model` runs with, in tokens, where agents say so."""
        return self._contexts.get(canonical(model))

    async def recommendations(self, context_window: int, language: str) -> list[Recommendation]:
        """Return the known models, and how they would do on this machine."""
        return await self.fitting.recommendations(self.bundled, context_window, language)

    @property
    def speeds(self) -> Speeds:
        """How fast models are on this machine."""
        return self.fitting.speeds

    def learn(
        self, server: Server, model: str, last: Mapping[str, Any], priority: Priority
    ) -> None:
        """Take in a chunk of an answer; all but the last tell nothing."""
        if not last.get("done"):
            return
        if not server.has_loaded(model):
            # It is in memory now.
            self._background.once("check after an answer", server.check())
        if server.bundled:
            self.speeds.learn(model, last)
            if was_loaded(last) and priority is not Priority.WARM_UP:
                # It was unloaded, or its runner has died: what else it had read is gone.
                self.on_emptied(model)
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
            await self.loading.keep()
            if self.bundled is not None:
                await asyncio.to_thread(self.fitting.note)

    def _daemon_changed(self) -> None:
        """Know of the bundled server's start and end at once, and not by the next check."""
        if self._daemon is None or self.bundled is None:
            return
        if self._daemon.state == "running":
            self._background.once(
                "check after a start", self.loading.look_until_it_answers(self.bundled)
            )
        else:
            self.bundled.down(self._daemon.message)
