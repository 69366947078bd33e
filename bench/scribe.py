"""A real engine whose model says what a bench tells it to: what it costs stays real.

It stands in front of an Ollama server. Prompts are read and tokens are decoded there; only the
choice is made here, by a JSON schema that leaves one answer. So a model that is too small to
call tools does the same work as one that can, for Home Assistant's own integration and for ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from aiohttp import web

from bench.weights import MODELS
from dev.stack import ROOT
from ollama_addon.engine.processes import free_port

_CAPABLE = 4_000_000_000
"""Weights that the model is said to have: ours then gives it the whole house, as it does those."""


@dataclass
class Script:
    """What is said in a turn: our action, core's tool call, and core's sentence afterwards."""

    action: str
    """A phrase of ours, such as `turn on Kitchen light`."""
    tool: str
    arguments: dict[str, Any]
    reply: str


@dataclass
class Call:
    """What a call cost: tokens, and milliseconds."""

    ours: bool
    prompt_tokens: int
    cached_tokens: int
    decoded_tokens: int
    prompt_ms: float
    decode_ms: float
    first_at: float
    """When its first token was there, as `time.perf_counter` tells."""


class Scribe:
    """Passes Ollama's API on; chats answer what the script says."""

    def __init__(self, engine: str) -> None:
        self.script: Script | None = None
        self.calls: list[Call] = []
        self.port = 0
        self._running = 0
        self._engine = httpx.AsyncClient(base_url=engine, timeout=600, trust_env=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def busy(self) -> bool:
        """Tell whether anybody waits for an answer."""
        return self._running > 0

    async def pull(self, model: str) -> None:
        """Have the engine fetch a model, where it has not."""
        asked = {"model": model, "stream": False}
        (await self._engine.post("/api/pull", json=asked)).raise_for_status()

    async def unload(self, model: str) -> None:
        """Have the engine forget the model and everything it has read."""
        await self._engine.post("/api/generate", json={"model": model, "keep_alive": 0})
        while (await self._engine.get("/api/ps")).json()["models"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        if request.path == "/api/chat":
            self._running += 1
            try:
                return await self._chat(request, json.loads(body))
            finally:
                self._running -= 1
        answer = await self._engine.request(request.method, request.path_qs, content=body)
        content = answer.content
        if request.path == "/api/show" and answer.is_success:
            shown = answer.json()
            shown["model_info"]["general.parameter_count"] = _CAPABLE
            shown["capabilities"] = sorted({*shown["capabilities"], "tools"})
            content = json.dumps(shown).encode()
        return web.Response(
            body=content, status=answer.status_code, content_type="application/json"
        )

    async def _chat(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        core = bool(body.get("tools"))
        newest = body["messages"][-1]["role"]
        warming = self.script is None or (body.get("options") or {}).get("num_predict") == 1
        calls = core and newest == "user"
        if not warming:
            body["format"] = only(self._said(core=core, calls=calls))
            body.setdefault("options", {})["num_predict"] = 256
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        with suppress(ConnectionResetError):  # a warm-up that is not needed any more
            await response.prepare(request)
            await self._answer(response, body, core=core, calls=calls, warming=warming)
        return response

    async def _answer(
        self,
        response: web.StreamResponse,
        body: dict[str, Any],
        *,
        core: bool,
        calls: bool,
        warming: bool,
    ) -> None:
        """Write what the engine says."""
        written, first_at = "", 0.0
        last: dict[str, Any] = {}
        async with self._engine.stream("POST", "/api/chat", json=body) as answer:
            async for line in answer.aiter_lines():
                chunk = json.loads(line)
                first_at = first_at or time.perf_counter()
                if error := chunk.get("error"):
                    raise RuntimeError(error)
                written += chunk["message"].get("content") or ""
                if chunk["done"]:
                    last = chunk
                elif warming or not core:
                    # Core is given it whole: what is decoded there is not what it shows.
                    await response.write(json.dumps(chunk).encode() + b"\n")
        if not warming:
            # The engine's own record of a request is there when its answer has ended.
            await self._note(last, first_at, ours=not core)
            if core:
                last["message"] = self._message(written, calls=calls)
        await response.write(json.dumps(last).encode() + b"\n")

    def _said(self, *, core: bool, calls: bool) -> Any:
        assert self.script
        if not core:
            return {"do": [self.script.action]}
        if calls:
            return {"name": self.script.tool, "arguments": self.script.arguments}
        return self.script.reply

    def _message(self, written: str, *, calls: bool) -> dict[str, Any]:
        said = json.loads(written)
        if not calls:
            return {"role": "assistant", "content": said}
        return {"role": "assistant", "content": "", "tool_calls": [{"function": said}]}

    async def _note(self, last: dict[str, Any], first_at: float, *, ours: bool) -> None:
        """Keep what a call cost, with what the engine had cached, as it tells itself."""
        (entry,) = (await self._engine.get("/dev/requests?count=1")).json()["requests"]
        self.calls.append(
            Call(
                ours,
                last["prompt_eval_count"],
                entry["cached_tokens"],
                last["eval_count"],
                last["prompt_eval_duration"] / 1e6,
                last["eval_duration"] / 1e6,
                first_at,
            )
        )


def only(value: Any) -> dict[str, Any]:
    """Return the schema that this value alone keeps to, written without a space too many."""
    return {"const": value}


@asynccontextmanager
async def scribe() -> AsyncIterator[Scribe]:
    """Run the embedded engine with a scribe in front of it."""
    port = free_port()
    engine = f"http://127.0.0.1:{port}"
    environment = {"OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(MODELS)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dev.engine", "serve"),
        cwd=ROOT,
        env={**_inherited(), **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    it = Scribe(engine)
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", it.answer)
    runner = web.AppRunner(app, access_log=None)
    try:
        await _until_up(engine)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        it.port = runner.addresses[0][1]
        yield it
    finally:
        await runner.cleanup()
        process.terminate()
        await process.wait()


def _inherited() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("OLLAMA_")}


async def _until_up(url: str) -> None:
    deadline = time.monotonic() + 60
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                (await client.get(f"{url}/api/version")).raise_for_status()
                return
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
