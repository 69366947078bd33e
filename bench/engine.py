"""An Ollama server that answers from a script at once: what is left is the sidecar's own time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

MODEL = "bench:4b"
_INFO = {
    "general.architecture": "llama",
    "general.parameter_count": 4_000_000_000,
    "llama.context_length": 131_072,
}


class ScriptedEngine:
    """Says `reply` to every chat, in so many `pieces`, `pause` seconds apart."""

    def __init__(self) -> None:
        self.reply = "{}"
        self.pieces = 1
        self.pause = 0.0
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer what the sidecar and other clients ask."""
        match request.path:
            case "/api/version":
                return web.json_response({"version": "0.33.0"})
            case "/api/tags":
                listed = {"name": MODEL, "model": MODEL, "digest": "1", "size": 10**9}
                return web.json_response({"models": [listed]})
            case "/api/ps":
                return web.json_response({"models": [{"name": MODEL, "model": MODEL, "size": 1}]})
            case "/api/show":
                able = ["completion", "tools"]
                return web.json_response({"model_info": _INFO, "capabilities": able})
            case "/api/chat":
                return await self._chat(request)
        raise web.HTTPNotFound

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        step = -(-len(self.reply) // self.pieces)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for start in range(0, len(self.reply), step):
            due += self.pause
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            await response.write(_line(self.reply[start : start + step]))
        await response.write(_line("", done=True))
        return response


def _line(content: str, *, done: bool = False) -> bytes:
    chunk: dict[str, Any] = {"message": {"role": "assistant", "content": content}, "done": done}
    if done:
        chunk |= {"done_reason": "stop", "prompt_eval_count": 1, "eval_count": 1}
    return json.dumps(chunk).encode() + b"\n"


@asynccontextmanager
async def scripted_engine() -> AsyncIterator[ScriptedEngine]:
    """Run one on a free port of loopback."""
    engine = ScriptedEngine()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", engine.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engine.port = runner.addresses[0][1]
    try:
        yield engine
    finally:
        await runner.cleanup()
