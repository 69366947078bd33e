"""One loaded model: a child process and the HTTP server of llama.cpp in it."""

import asyncio
import json
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import psutil

from dev.engine.environment import Launch
from dev.engine.errors import EngineError
from dev.engine.store import StoredModel

_LOGGER = logging.getLogger(__name__)
_PROGRAM = Path(__file__).with_name("runner_process.py")
# Threads that spin long while they wait for each other write a hundred times slower as soon as
# other processes want the same cores. A crash need not start a debugger.
_ENVIRONMENT = {"GOMP_SPINCOUNT": "10000", "GGML_NO_BACKTRACE": "1"}
_NEEDS_FLASH = "error: V cache quantization requires flash_attn"
_STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an "
    "internal error; the next request loads it again"
)
# llama.cpp closes the connection of a streamed answer a moment after the end of the answer. A
# request that is sent on it in that moment is lost, so no connection is used twice.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)


class PromptTooLongError(EngineError):
    """The prompt has more tokens than the context window; what llama.cpp says is passed on."""


class Runner:
    """A model in memory, until ``stop``."""

    def __init__(self, process: Process, address: str, num_ctx: int) -> None:
        self.num_ctx = num_ctx
        self._process = process
        self._client = httpx.AsyncClient(
            base_url=address, timeout=None, limits=_LIMITS, trust_env=False
        )

    @classmethod
    async def start(
        cls, model: StoredModel, options: dict[str, Any], num_parallel: int, launch: Launch
    ) -> "Runner":
        """Load a model; ``options`` as by ``Options.runner``. EngineError 500 when that fails."""
        if launch.kv_cache_type != "f16" and launch.flash_attention is False:
            raise EngineError(500, f"llama-server process has terminated: {_NEEDS_FLASH}")
        settings = {
            **options,
            **asdict(launch),
            "name": str(model.name),
            "weights": str(model.weights),
            "template": model.template,
            "num_parallel": num_parallel,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_PROGRAM), json.dumps(settings)),
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
            env=_ENVIRONMENT | os.environ,
        )
        try:
            assert process.stdout
            address = (await process.stdout.readline()).decode().strip()
            if not address:
                raise EngineError(
                    500, f"{model.name} could not be loaded; the engine's log says why"
                )
        except BaseException:
            _kill(process)
            raise
        return cls(process, address, options["num_ctx"])

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    @property
    def memory(self) -> int:
        """Bytes that the process holds."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    async def stop(self) -> None:
        """Free the model at once; requests that still run on it fail."""
        _kill(self._process)
        await self._process.wait()
        await self._client.aclose()

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send one request and return the JSON answer; EngineError when it is an error."""
        try:
            response = await self._client.post(path, json=body)
        except httpx.TransportError as error:
            raise await self._lost(error) from None
        if response.is_error:
            raise _error(response)
        return response.json()

    async def stream(self, path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the events of a streamed answer. Closing the iterator stops llama.cpp's work."""
        async with self.open(path, {**body, "stream": True}) as response:
            if response.is_error:
                await response.aread()
                raise _error(response)
            async for line in response.aiter_lines():
                data = line.removeprefix("data: ")
                if data == line or data == "[DONE]":
                    continue
                event = json.loads(data)
                if "error" in event:
                    raise EngineError(500, event["error"]["message"])
                yield event

    @asynccontextmanager
    async def open(self, path: str, body: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        """Give the unread response itself, for routes that pass it on."""
        try:
            async with self._client.stream("POST", path, json=body) as response:
                yield response
        except httpx.TransportError as error:
            raise await self._lost(error) from None

    async def _lost(self, error: httpx.TransportError) -> EngineError:
        """Say what became of a request, and in the log why."""
        try:
            # The end of the process is seen a moment after the end of its connections.
            await asyncio.wait_for(self._process.wait(), 1)
        except TimeoutError:
            _LOGGER.error("The connection to llama.cpp was lost, which still runs: %r", error)
        else:
            _LOGGER.error("llama.cpp ended with status %s: %r", self._process.returncode, error)
        return EngineError(500, _STOPPED)


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


def _error(response: httpx.Response) -> EngineError:
    error = response.json()["error"]
    if error["type"] == "exceed_context_size_error":
        return PromptTooLongError(400, response.text)
    return EngineError(response.status_code, error["message"])
