"""The bundled Ollama server: started, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from ollama_addon.background import Background, child
from ollama_addon.options import EngineOptions

from .lines import Line, how_it_ended, line_of
from .processes import (
    end,
    end_leftovers,
    environment,
    free_port,
    guarded,
    listener,
    private_memory,
    settings,
)
from .profile import OLLAMAS_CONTEXT

_LOGGER = logging.getLogger("ollama_addon.daemon")
OUTPUT = logging.getLogger("ollama_addon.daemon.output")
"""What the server itself says; whoever keeps a log of it listens with `on_line` instead."""
_FAREWELL = 2.0
"""Seconds for killed processes to be gone."""

State = Literal["starting", "running", "restarting", "stopped", "failed"]
Cause = Literal["", "ended", "hangs", "silent", "port_taken", "not_started"]
"""Why it does not run, for programs."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the daemon is waited for, in seconds."""

    start: float = 60
    """For the first answer of a new process."""
    check: float = 5
    """Between two checks of a running one, and for the answer to each."""
    misses: int = 4
    """Checks in a row without an answer that make it count as hanging."""
    stop: float = 6
    """After the request to end, before it is killed."""
    first_delay: float = 1
    """Before the first restart; doubled each time up to `longest_delay`."""
    longest_delay: float = 60
    stable: float = 120
    """Running this long makes the next restart a first one again."""


class Daemon:
    """`command` kept running as an Ollama server on loopback.

    It listens on `port`, or on a free one when that is 0, and keeps models and key
    below `data`. `context_length` is the context window, in tokens, of who names none.
    Failures are never raised: `state` and `message` tell of them.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        data: Path,
        options: EngineOptions,
        patience: Patience = Patience(),
        *,
        context_length: int = OLLAMAS_CONTEXT,
    ) -> None:
        self.state: State = "stopped"
        self.message = "Ollama has not been started."
        self.cause: Cause = ""
        self.url = f"http://127.0.0.1:{port or free_port()}"
        self.restarts = 0
        self.in_a_row = 0
        """How often it has ended since it last ran for long."""
        self.on_line: Callable[[Line], None] = lambda line: None
        """Called with each line of its log."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when `state` has changed."""
        self._process: asyncio.subprocess.Process | None = None
        self._failure = ""
        """The last line of its log that tells of one."""
        self._command = tuple(command)
        self.data = data
        self._options = options
        self._context_length = context_length
        self._patience = patience
        self._running = asyncio.Event()
        self._started = False
        self._background = Background()

    async def start(self) -> None:
        """Start the server, without waiting until it answers."""
        if not self._started:
            self._started = True
            self._set("starting", "Ollama is starting.")
            self._background.keep("Ollama server", self._supervise)

    async def stop(self) -> None:
        """End the server and everything it started; returns when all of it is gone."""
        await self._background.stop()
        self._started = False
        self._set("stopped", "Ollama has been stopped.")

    def runs_with(self, options: EngineOptions, context_length: int) -> bool:
        """Tell whether other options would change nothing of the server."""
        now = settings(self._options, self._context_length)
        return settings(options, context_length) == now

    async def reconfigure(self, options: EngineOptions, context_length: int) -> None:
        """Run with other options from now on; restarted only when they change something."""
        same = self.runs_with(options, context_length)
        self._options, self._context_length = options, context_length
        if not self._started or same:
            return
        _LOGGER.info("Ollama is restarted with other settings")
        await self.restart()

    async def wait_running(self) -> None:
        """Wait until the server answers."""
        await self._running.wait()

    async def restart(self) -> None:
        """Stop the server and start it anew, without waiting until it answers."""
        await self.stop()
        await self.start()

    def private_memory(self) -> int:
        """Return the bytes that the server and its runners have for themselves; may block."""
        return private_memory(self._process.pid) if self._process else 0

    def environment(self) -> dict[str, str]:
        """Return the environment that the server is started with."""
        address = self.url.removeprefix("http://")
        return environment(self.data, address, settings(self._options, self._context_length))

    async def _supervise(self) -> None:
        delay = self._patience.first_delay
        while True:
            began = time.monotonic()
            try:
                cause, reason = await self._run()
            except OSError as error:
                _LOGGER.error("Ollama cannot be started: %s", error)
                message = f"Ollama cannot be started: {error}. Reinstall the app."
                self._set("failed", message, "not_started")
                return
            if time.monotonic() - began > self._patience.stable:
                delay, self.in_a_row = self._patience.first_delay, 0
            self.restarts += 1
            self.in_a_row += 1
            self._set("restarting", f"{reason} It is started again in {delay:g} s.", cause)
            _LOGGER.error("%s", self.message)
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._patience.longest_delay)

    async def _run(self) -> tuple[Cause, str]:
        """One process from start to end; the answer says why it ended, for programs and people."""
        self.data.mkdir(parents=True, exist_ok=True)
        if shutil.which(self._command[0]) is None:
            raise FileNotFoundError(f"there is no program '{self._command[0]}'")
        await asyncio.to_thread(end_leftovers, self.data)
        port = int(self.url.rpartition(":")[2])
        if holder := await asyncio.to_thread(listener, port):
            return "port_taken", f"Port {port}, which Ollama needs, is in use by {holder}."
        # A pipe of our own: asyncio's would not tell of the end of the process as long as a
        # runner that survives it holds the other end.
        output, inlet = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *guarded(self._command),
                env=self.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=inlet,
                stderr=inlet,
                start_new_session=True,
            )
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(inlet)
        self._process = process
        _LOGGER.info("Started %s as process %d", self._command[0], process.pid)
        self._failure = ""
        reading = child("output of Ollama", self._read(output))
        watching = child("health of Ollama", self._watch())
        ending = child("end of Ollama", process.wait())
        hangs: tuple[Cause, str] | None = None
        try:
            await asyncio.wait((watching, ending), return_when=asyncio.FIRST_COMPLETED)
            hangs = None if ending.done() else watching.result()
        finally:
            self._running.clear()
            watching.cancel()
            # One that no longer answers would not end by itself, either.
            patience = self._patience.stop if hangs is None else 0
            await asyncio.shield(end(process, self.data, patience))
            # Its log ends when the last process that writes to it has gone.
            await asyncio.wait((reading,), timeout=_FAREWELL)
            reading.cancel()
            await asyncio.gather(reading, watching, ending, return_exceptions=True)
            self._process = None
        return hangs or ("ended", how_it_ended(process.returncode or 0, self._failure))

    async def _watch(self) -> tuple[Cause, str]:
        """Return when the server hangs, and how that is said."""
        patience = self._patience
        async with httpx.AsyncClient(
            base_url=self.url, timeout=patience.check, trust_env=False
        ) as client:
            deadline = time.monotonic() + patience.start
            while not await _answers(client):
                if time.monotonic() > deadline:
                    waited = f"{patience.start:g} s"
                    return "silent", f"Ollama did not answer within {waited} of its start."
                await asyncio.sleep(min(0.1, patience.check))
            self._set("running", "Ollama is running.")
            self._running.set()
            misses = 0
            while misses < patience.misses:
                await asyncio.sleep(patience.check)
                misses = 0 if await _answers(client) else misses + 1
        return "hangs", "Ollama hangs: it no longer answers."

    async def _read(self, output: int) -> None:
        stream = asyncio.StreamReader(limit=2**20)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(output, "rb")
        )
        with contextlib.closing(transport):
            while True:
                try:
                    line = await stream.readline()
                except ValueError:  # longer than the limit; readline() has dropped it
                    continue
                if not line:
                    return
                text = line.decode(errors="replace").rstrip()
                if text:
                    said = line_of(text)
                    if said.failure:
                        self._failure = said.message
                    self.on_line(said)
                    # What it says all day long is of interest to those who look for it.
                    loud = said.level >= logging.WARNING
                    OUTPUT.log(said.level if loud else logging.DEBUG, "%s", said.message)

    def _set(self, state: State, message: str, cause: Cause = "") -> None:
        self.state, self.message, self.cause = state, message, cause
        self.on_change()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/api/version")).is_success
    except httpx.HTTPError:
        return False
