"""An Ollama server as a process of its own, with a runner, that the sidecar starts and loses.

What it says to a sentence is `reply` of this module, in the test's process as in this one.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

from aiohttp import web

from tests.engine.scripted import MODEL, Scripted, answer, lines

COMMAND = f"{sys.executable} -m tests.faults.engine"


def reply(messages: list[dict[str, str]]) -> str:
    """Turn the kitchen light on when it is spoken of, greet otherwise."""
    said = messages[-1]["content"].lower()
    if "turn on the kitchen light" in said:
        return '{"do": ["turn on Kitchen light"]}'
    return '{"say": "Hello."}'


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer at once; a sentence with "slowly" in it takes minutes."""
    body = await request.json()
    text = reply(body["messages"])
    if "slowly" in body["messages"][-1]["content"]:
        return await lines(request, *answer('{"say": "He')[:1], then=asyncio.sleep(600))
    if body.get("stream") is False:
        whole, end = answer(text)
        return web.json_response(end | {"message": whole["message"]})
    return await lines(request, *answer(text))


async def show(request: web.Request) -> web.StreamResponse:
    """Describe a capable model of one billion weights and more."""
    info = {
        "general.architecture": "a",
        "a.context_length": 131_072,
        "general.parameter_count": 4 * 10**9,
    }
    return web.json_response({"model_info": info, "capabilities": ["completion", "tools"]})


def capable(port: int = 0) -> Scripted:
    """Return a server with one model that understands the sentences of these tests."""
    engine = Scripted(MODEL, port=port)
    engine.on |= {"/api/chat": chat, "/api/show": show}
    return engine


def _run() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


async def _serve() -> None:
    runners: list[subprocess.Popen[bytes]] = []

    async def load(request: web.Request) -> web.StreamResponse:
        if not runners:
            runners.append(_run())
            if "load slowly" in json.dumps(await request.json()):
                await asyncio.sleep(600)
        return await chat(request)

    async def endless(request: web.Request) -> web.StreamResponse:
        name = (await request.json())["model"]
        part = {"status": f"pulling {name}", "digest": "sha256:1", "total": 10**6}
        return await lines(request, part | {"completed": 10**5}, then=asyncio.sleep(600))

    engine = capable(int(os.environ["OLLAMA_HOST"].rpartition(":")[2]))
    engine.on |= {"/api/chat": load, "/api/pull": endless}
    async with engine:
        print("level=INFO msg=listening", flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(_serve())
