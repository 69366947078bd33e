from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from ollama_addon.model_name import canonical

MODEL = "smollm2:135m"
"""The model of the embedded engine."""

_OF_A_MODEL = ("/api/chat", "/api/generate", "/api/show", "/api/delete")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; that it comes to be so is all that is tested."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - of other processes there are no events
            await asyncio.sleep(0.01)


class Scripted:
    """A server that answers Ollama's API exactly as a test says."""

    def __init__(self, *models: str, port: int = 0) -> None:
        self.models = dict.fromkeys(models, "sha256:1")
        """Names and digests."""
        self.capabilities = ["completion"]
        self.info: dict[str, Any] = {"general.architecture": "a", "a.context_length": 4096}
        self.size: int | None = None
        """Bytes of each model's file."""
        self.loaded: dict[str, int] = {}
        """Models in memory, and their bytes there."""
        self.expires: dict[str, datetime] = {}
        """Until when they are there, where that is told."""
        self.vram: dict[str, int] = {}
        """Bytes of them on a graphics card, where that is told."""
        self.requests: list[tuple[str, Any]] = []
        """Path and body of everything that was posted."""
        self.on: dict[str, Handler] = {}
        """Handlers by path, instead of the usual answer."""
        self._port = port
        self._server: TestServer | None = None

    async def __aenter__(self) -> Scripted:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, at the same address as before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app, port=self._port)
        await self._server.start_server(shutdown_timeout=0.1)
        self._port = self._server.port or 0

    async def stop(self) -> None:
        """Break everything off, and listen no more."""
        if self._server is not None:
            await self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def asked(self, path: str) -> list[Any]:
        return [body for asked, body in self.requests if asked == path]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body: Any = await request.json() if request.can_read_body else None
        if body is not None:
            self.requests.append((request.path, body))
        if request.path in self.on:
            return await self.on[request.path](request)
        named = str((body or {}).get("model", ""))
        there = canonical(named) in map(canonical, self.models)
        if request.path in _OF_A_MODEL and not there:
            return web.json_response({"error": f"model '{named}' not found"}, status=404)
        size = {} if self.size is None else {"size": self.size}
        models = [{"name": m, "model": m, "digest": d, **size} for m, d in self.models.items()]
        match request.path:
            case "/api/version":
                return web.json_response({"version": "0.33.0"})
            case "/api/tags":
                return web.json_response({"models": models})
            case "/api/ps":
                loaded = [
                    {"name": m, "model": m, "size": s}
                    | ({"expires_at": self.expires[m].isoformat()} if m in self.expires else {})
                    | ({"size_vram": self.vram[m]} if m in self.vram else {})
                    for m, s in self.loaded.items()
                ]
                return web.json_response({"models": loaded})
            case "/api/show":
                about = {"model_info": self.info, "capabilities": self.capabilities}
                return web.json_response(about)
            case "/api/chat":
                self.loaded.setdefault(named, 10**8)
                chunks = answer("Hello")
                if body.get("stream") is False:
                    return web.json_response(chunks[-1] | {"message": chunks[0]["message"]})
                return await lines(request, *chunks)
            case "/api/generate" if not body.get("prompt") and body.get("keep_alive") != 0:
                self.loaded.setdefault(named, 10**8)
                return web.json_response({"response": "", "done": True, "done_reason": "load"})
            case "/api/generate" if body.get("keep_alive") == 0:
                self.loaded.pop(named, None)
                return web.json_response({"response": "", "done": True, "done_reason": "unload"})
            case "/api/pull" if "unknown" in named:
                error = {"error": "pull model manifest: file does not exist"}
                if body.get("stream") is False:
                    return web.json_response(error, status=500)
                return await lines(request, {"status": "pulling manifest"}, error)
            case "/api/pull":
                self.models.setdefault(named, "sha256:2")
                if body.get("stream") is False:
                    return web.json_response({"status": "success"})
                return await lines(request, {"status": "success"})
            case "/api/delete":
                del self.models[named]
                return web.Response()
        raise web.HTTPNotFound


def answer(*words: str) -> list[dict[str, Any]]:
    """Chunks of a chat that says `words`."""
    chunks: list[dict[str, Any]] = [
        {"message": {"role": "assistant", "content": word}, "done": False} for word in words
    ]
    counts = {
        "load_duration": 1,
        "prompt_eval_count": 40,
        "prompt_eval_duration": 10**6,
        "eval_count": len(words) + 4,
        "eval_duration": 10**6,
    }
    end = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return [*chunks, end | counts]


async def lines(
    request: web.Request, *objects: dict[str, Any], then: Awaitable[None] | None = None
) -> web.StreamResponse:
    """Stream JSON lines, then wait for `then`."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for each in objects:
        await response.write(json.dumps(each).encode() + b"\n")
    if then is not None:
        await then
    return response


async def cut(request: web.Request, *objects: dict[str, Any]) -> web.StreamResponse:
    """Stream JSON lines, then lose the connection."""
    response = await lines(request, *objects)
    assert request.transport is not None
    request.transport.abort()
    return response
