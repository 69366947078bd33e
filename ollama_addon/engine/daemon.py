"""The bundled Ollama server: started, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from ollama_addon.background import Background, child
from ollama_addon.options import EngineOptions

from .lines import Line, line_of
from .profile import OLLAMAS_CONTEXT, spare_threads

_LOGGER = logging.getLogger("ollama_addon.daemon")
OUTPUT = logging.getLogger("ollama_addon.daemon.output")
"""What the server itself says; whoever keeps a log of it listens with `on_line` instead."""
_FAREWELL = 2.0
"""Seconds for killed processes to be gone."""

State = Literal["starting", "running", "restarting", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the daemon is waited for, in seconds."""

    start: float = 60
    """For the first answer of a new process."""
    check: float = 5
    """Between two checks of a running one, and for the answer to each."""
    misses: int = 4
    """Checks in a row without an answer that make it count as hanging."""
    stop: float = 8
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
        self.url = f"http://127.0.0.1:{port or free_port()}"
        self.restarts = 0
        self.on_line: Callable[[Line], None] = lambda line: None
        """Called with each line of its log."""
        self._last = ""
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
        now = _settings(self._options, self._context_length)
        return _settings(options, context_length) == now

    async def reconfigure(self, options: EngineOptions, context_length: int) -> None:
        """Run with other options from now on; restarted only when they change something."""
        same = self.runs_with(options, context_length)
        self._options, self._context_length = options, context_length
        if not self._started or same:
            return
        _LOGGER.info("Ollama is restarted with other settings")
        await self.stop()
        await self.start()

    async def wait_running(self) -> None:
        """Wait until the server answers."""
        await self._running.wait()

    def environment(self) -> dict[str, str]:
        """Return the environment that the server is started with."""
        models = self.data / "models"
        env = {
            key: value
            for key, value in os.environ.items()
            # Nothing of an Ollama elsewhere, and no keys to Home Assistant.
            if key in ("OLLAMA_ADDON_CACHE", "OLLAMA_LIBRARY_PATH")
            or not key.startswith(("OLLAMA_", "SUPERVISOR_", "HASSIO_", "HASS_", "LLAMA_ARG_"))
        }
        env |= {
            "HOME": str(self.data),
            "OLLAMA_HOST": self.url.removeprefix("http://"),
            "OLLAMA_MODELS": str(models),
        }
        if any(models.glob("blobs/*-partial*")):
            # Ollama's clean-up at start would throw away a download that can be resumed.
            env["OLLAMA_NOPRUNE"] = "1"
        return env | _settings(self._options, self._context_length)

    async def _supervise(self) -> None:
        delay = self._patience.first_delay
        while True:
            began = time.monotonic()
            try:
                reason = await self._run()
            except OSError as error:
                _LOGGER.error("Ollama cannot be started: %s", error)
                self._set("failed", f"Ollama cannot be started: {error}. Reinstall the add-on.")
                return
            if time.monotonic() - began > self._patience.stable:
                delay = self._patience.first_delay
            self.restarts += 1
            self._set("restarting", f"{reason} It is started again in {delay:g} s.")
            _LOGGER.error("%s", self.message)
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._patience.longest_delay)

    async def _run(self) -> str:
        """One process from start to end; the answer is a sentence about why it ended."""
        self.data.mkdir(parents=True, exist_ok=True)
        if shutil.which(self._command[0]) is None:
            raise FileNotFoundError(f"there is no program '{self._command[0]}'")
        # A pipe of our own: asyncio's would not tell of the end of the process as long as a
        # runner that survives it holds the other end.
        output, inlet = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *_guarded(self._command),
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
        _LOGGER.info("Started %s as process %d", self._command[0], process.pid)
        reading = child("output of Ollama", self._read(output))
        watching = child("health of Ollama", self._watch())
        ending = child("end of Ollama", process.wait())
        try:
            await asyncio.wait((watching, ending), return_when=asyncio.FIRST_COMPLETED)
            hangs = None if ending.done() else watching.result()
        finally:
            self._running.clear()
            watching.cancel()
            await asyncio.shield(self._end(process))
            # Its log ends when the last process that writes to it has gone.
            await asyncio.wait((reading,), timeout=_FAREWELL)
            reading.cancel()
            await asyncio.gather(reading, watching, ending, return_exceptions=True)
        last = f" It said: {self._last}" if self._last else ""
        return hangs or f"Ollama ended with exit status {process.returncode}.{last}"

    async def _watch(self) -> str:
        """Return when the server hangs."""
        patience = self._patience
        async with httpx.AsyncClient(
            base_url=self.url, timeout=patience.check, trust_env=False
        ) as client:
            deadline = time.monotonic() + patience.start
            while not await _answers(client):
                if time.monotonic() > deadline:
                    return f"Ollama did not answer within {patience.start:g} s of its start."
                await asyncio.sleep(min(0.1, patience.check))
            self._set("running", "Ollama is running.")
            self._running.set()
            misses = 0
            while misses < patience.misses:
                await asyncio.sleep(patience.check)
                misses = 0 if await _answers(client) else misses + 1
        return "Ollama hangs: it no longer answers."

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._patience.stop)
        # The server is asked, its runners are not: whatever is left of them goes now.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

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
                    self._last = said.message
                    self.on_line(said)
                    # What it says all day long is of interest to those who look for it.
                    loud = said.level >= logging.WARNING
                    OUTPUT.log(said.level if loud else logging.DEBUG, "%s", said.message)

    def _set(self, state: State, message: str) -> None:
        self.state = state
        self.message = message


def _settings(options: EngineOptions, context_length: int) -> dict[str, str]:
    """Return what the options set in the server's environment."""
    settings = {
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_KEEP_ALIVE": str(options.keep_alive),
        "OLLAMA_NUM_PARALLEL": str(options.num_parallel),
        "OLLAMA_MAX_LOADED_MODELS": str(options.max_loaded_models),
        "OLLAMA_CONTEXT_LENGTH": str(context_length),
        "OLLAMA_FLASH_ATTENTION": str(int(options.uses_flash_attention)),
        "OLLAMA_KV_CACHE_TYPE": options.kv_cache_type,
        "OLLAMA_VULKAN": str(int(options.vulkan)),
        "OLLAMA_IGPU_ENABLE": str(int(options.vulkan)),
        "LLAMA_ARG_CACHE_RAM": str(options.cache_ram),
    }
    if threads := spare_threads(options.threads):
        # Not in each request, as the routes of other APIs could not name them.
        settings["LLAMA_ARG_THREADS"] = str(threads)
    return settings


def _guarded(command: Sequence[str]) -> list[str]:
    """Let `command` yield to Home Assistant and end when this process dies.

    `setpriv` and `nice` replace themselves by what they start, so the process id stays.
    """
    guards: list[str] = []
    if setpriv := shutil.which("setpriv"):
        guards += [setpriv, "--pdeathsig", "TERM"]
    if nice := shutil.which("nice"):
        guards += [nice, "-n", "5"]
    return [*guards, *command]


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/api/version")).is_success
    except httpx.HTTPError:
        return False


def free_port() -> int:
    """Find a port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
