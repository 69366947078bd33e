"""Servers that speak OpenAI's API: found out by asking, and used like Ollama's.

The same questions go to a scripted server, to the embedded engine's OpenAI routes, to llama.cpp's
own server, and to any that OPENAI_BASE_URL names (with OPENAI_API_KEY and OPENAI_MODEL).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

import dev.engine
from dev.engine import library
from dev.engine.names import ModelName
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.queue import Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import AgentOptions, ServerOptions
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener

from .scripted import MODEL, Scripted, cut, until

HELLO = [{"role": "user", "content": "Say hello."}]
ID = "Org/Model-4B"


class OpenAi:
    """A server that answers OpenAI's API, and nothing else, exactly as a test says."""

    def __init__(self, prefix: str = "/v1") -> None:
        self.prefix = prefix
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.events: list[Any] = said("Hello")
        self.on: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self._server: TestServer | None = None

    async def __aenter__(self) -> OpenAi:
        app = web.Application()
        app.router.add_get(f"{self.prefix}/models", self._models)
        app.router.add_post(f"{self.prefix}/chat/completions", self._chat)
        self._server = TestServer(app)
        await self._server.start_server(shutdown_timeout=0.1)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        await self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.port}"

    async def _models(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("authorization", ""))
        listed = {"id": ID, "object": "model", "max_model_len": 16384}
        return web.json_response({"object": "list", "data": [listed]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        if self.on is not None:
            return await self.on(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": a comment\n\n")
        for event in self.events:
            text = event if isinstance(event, str) else json.dumps(event)
            await response.write(f"data: {text}\n\n".encode())
        return response


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def said(*words: str) -> list[Any]:
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 40, "completion_tokens": len(words)}}
    return [delta(role="assistant"), *(delta(content=word) for word in words), end, usage, "[DONE]"]


@pytest_asyncio.fixture
async def openai() -> AsyncIterator[OpenAi]:
    async with OpenAi() as server:
        yield server


@asynccontextmanager
async def servers(*given: ServerOptions, **more: Any) -> AsyncIterator[Servers]:
    result = Servers(given, None, **more)
    await result.refresh()
    try:
        yield result
    finally:
        await result.stop()


def at(url: str, **more: Any) -> ServerOptions:
    return ServerOptions(url=url, **more)


async def chat(asked: Servers, model: str = ID, **more: Any) -> list[dict[str, Any]]:
    messages = more.pop("messages", HELLO)
    return [chunk async for chunk in asked.chat(model, messages, **more)]


def text_of(chunks: list[dict[str, Any]]) -> str:
    return "".join(chunk["message"]["content"] for chunk in chunks)


# Which API it is


@pytest.mark.parametrize(
    ("prefix", "written", "reached"),
    [("/v1", "/v1", "/v1"), ("/v1", "", "/v1"), ("", "", ""), ("/llm/v1", "/llm/v1", "/llm/v1")],
)
async def test_a_server_of_openais_api_is_found_out(
    prefix: str, written: str, reached: str
) -> None:
    async with OpenAi(prefix) as other, servers(at(other.url + written, api_key="k")) as asked:
        (server,) = asked.all
        assert (server.healthy, server.manages) == (True, False)
        assert server.url == other.url + reached
        assert set(other.keys) == {"Bearer k"}
        assert text_of(await chat(asked)) == "Hello"


@pytest.mark.parametrize("suffix", ["", "/v1", "/api"])
async def test_the_address_of_an_ollama_server_is_cut(suffix: str, scripted: Scripted) -> None:
    async with servers(at(scripted.url + suffix)) as asked:
        (server,) = asked.all
        assert (server.healthy, server.manages, server.url) == (True, True, scripted.url)


async def test_what_the_options_name_is_not_asked_for(openai: OpenAi) -> None:
    async with servers(at(f"{openai.url}/v1", api="openai")) as asked:
        assert asked.all[0].healthy
    async with servers(at(openai.url, api="ollama")) as asked:
        assert not asked.all[0].healthy


async def test_something_else_speaks_neither() -> None:
    async with OpenAi("/elsewhere") as other, servers(at(other.url)) as asked:
        assert not asked.all[0].healthy
        assert "sent something that is not" in asked.all[0].message


# What is asked and answered


async def test_the_request_is_openais(openai: OpenAi) -> None:
    image = "iVBORw0KGgo="
    messages = [
        {"role": "user", "content": "What is this?", "images": [image]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "look", "arguments": {"at": "it"}}}],
        },
        {"role": "tool", "tool_name": "look", "content": "A lamp."},
        {"role": "user", "content": "And now?"},
    ]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    schema = {"type": "object", "properties": {"a": {"const": 1}}}
    agents = [AgentOptions(name="a", model=ID, context_window=8192)]
    async with servers(at(openai.url), agents=agents) as asked:
        await chat(
            asked,
            messages=messages,
            tools=tools,
            format=schema,
            num_predict=50,
            temperature=0.0,
            seed=3,
            keep_alive=-1,
        )
    (sent,) = openai.requests
    call = {"name": "look", "arguments": '{"at": "it"}'}
    assert sent == {
        "model": ID,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}},
                ],
            },
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "call_1_0", "type": "function", "function": call}],
            },
            {"role": "tool", "content": "A lamp.", "tool_call_id": "call_1_0"},
            {"role": "user", "content": "And now?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "temperature": 0.0,
        "seed": 3,
        "max_tokens": 50,
        "tools": tools,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        },
    }


@pytest.mark.parametrize("stream", [True, False])
async def test_thoughts_words_calls_and_counts_come_as_ollamas(
    openai: OpenAi, stream: bool
) -> None:
    def part(**function: str) -> dict[str, Any]:
        return delta(tool_calls=[{"index": 0, "function": function}])

    openai.events = [
        delta(reasoning_content="Hm."),
        delta(content="Well"),
        part(name="turn_on", arguments='{"na'),
        part(arguments='me": "lamp"}'),
        *said(" done")[1:],
    ]
    async with servers(at(openai.url)) as asked:
        chunks = await chat(asked, "org/model-4b", stream=stream)
    assert [bool(chunk.get("done")) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert text_of(chunks) == "Well done"
    assert "".join(chunk["message"].get("thinking", "") for chunk in chunks) == "Hm."
    last = chunks[-1]
    call = {"function": {"name": "turn_on", "arguments": {"name": "lamp"}}}
    assert last["message"]["tool_calls"] == [call]
    assert (last["prompt_eval_count"], last["eval_count"]) == (40, 1)
    assert (last["done_reason"], last["server"]) == ("stop", f"{openai.url}/v1")
    if not stream:
        assert len(chunks) == 1


def refuses(status: int, message: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": message}}, status=status)

    return answer


@pytest.mark.parametrize(
    ("on", "events", "code"),
    [
        (refuses(401, "no key"), [], "engine_down"),
        (refuses(404, "no such model"), [], "model_missing"),
        (refuses(400, "maximum context length is 8192 tokens"), [], "context_overflow"),
        (refuses(503, "busy"), [], "engine_busy"),
        (None, [delta(content="He"), {"error": {"message": "it broke"}}], "model_failed"),
        (None, [delta(content="He")], "engine_down"),
        (None, ["{"], "bad_answer"),
        (None, [[1]], "bad_answer"),
    ],
)
async def test_what_goes_wrong_is_said(
    openai: OpenAi, on: Any, events: list[Any], code: str
) -> None:
    openai.on, openai.events = on, events
    async with servers(at(openai.url)) as asked:
        with pytest.raises(AddonError) as raised:
            await chat(asked)
        assert raised.value.code == code


# Beside Ollama's


async def test_each_takes_over_from_the_other(openai: OpenAi) -> None:
    async with Scripted(ID) as ollama_server:
        pair = at(openai.url), at(ollama_server.url)
        async with servers(*pair) as asked:
            openai.on = refuses(503, "busy")
            assert (await chat(asked))[-1]["server"] == ollama_server.url
        openai.on = None
        async with servers(*reversed(pair)) as asked:
            ollama_server.on["/api/chat"] = cut
            assert (await chat(asked))[-1]["server"] == f"{openai.url}/v1"
            assert len(openai.requests) == 2
            await asked.loading.keep()
            await asked.unload(ID)


async def test_what_it_cannot_do_is_not_offered(openai: OpenAi) -> None:
    async with servers(at(openai.url)) as asked:
        models = Inventory(asked, [])
        await models.start()
        (model,) = models.models
        assert (model.name, model.state, model.ours) == (ID, "present", False)
        assert (await asked.details(ID)).context_length == 16384
        await models.pull("new:1")
        await until(lambda: not models.pulls[0].active)
        assert "downloads models" in models.pulls[0].problem
        with pytest.raises(AddonError) as raised:
            await models.remove(ID)
        assert raised.value.code == "no_downloads"
        await models.stop()


async def test_the_gateway_passes_on_openais_routes_to_it(openai: OpenAi) -> None:
    async with (
        Scripted("m:1") as ollama_server,
        servers(at(openai.url, api_key="theirs"), at(ollama_server.url)) as asked,
    ):
        listener = Listener(make_gateway(asked, Key("ours")), "127.0.0.1", 0)
        await listener.start()
        headers = {"authorization": "Bearer ours"}
        base = f"http://127.0.0.1:{listener.port}"
        async with httpx.AsyncClient(base_url=base, headers=headers) as other:
            body = {"model": ID, "messages": HELLO, "stream": True}
            answer = await other.post("/v1/chat/completions", json=body)
            assert "[DONE]" in answer.text
            assert openai.requests[-1]["messages"] == HELLO
            assert (await other.post("/api/chat", json=body)).status_code == 404
            tags = (await other.get("/api/tags")).json()["models"]
            assert [each["name"] for each in tags] == ["m:1"]
            assert (await other.get("/api/version")).json()["version"]
        await listener.stop()


# For real


@asynccontextmanager
async def llama_server() -> AsyncIterator[str]:
    """llama.cpp's own server with the model of development, as it is."""
    _, layers = library.find(ModelName.parse(MODEL))
    weights = next(layer.source for layer in layers if layer.source)
    folder = Path(dev.engine.__file__).parent
    settings = {
        "name": MODEL,
        "weights": str(weights),
        "template": (folder / "chat_template.jinja").read_text(),
        "num_ctx": 2048,
        "num_batch": 512,
        "num_thread": 2,
        "num_parallel": 1,
        "shift": False,
        "threads": 0,
        "cache_ram": 64,
        "flash_attention": None,
        "kv_cache_type": "f16",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(folder / "runner_process.py"),
        json.dumps(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            address = (await process.stdout.readline()).decode().strip()
        yield address
    finally:
        process.kill()
        await process.wait()


@pytest_asyncio.fixture(params=["embedded", "llama.cpp", "named"])
async def real(request: pytest.FixtureRequest) -> AsyncIterator[tuple[ServerOptions, str]]:
    if request.param == "embedded":
        engine = request.getfixturevalue("engine")
        yield at(f"{engine}/v1", api="openai"), MODEL
    elif request.param == "llama.cpp":
        async with llama_server() as url:
            yield at(url), MODEL
    else:
        if not (url := os.environ.get("OPENAI_BASE_URL", "")):
            pytest.skip("OPENAI_BASE_URL names no server")
        yield (
            at(url, api="openai", api_key=os.environ.get("OPENAI_API_KEY", "")),
            os.environ.get("OPENAI_MODEL", ""),
        )


async def test_a_model_answers_and_keeps_to_a_schema(real: tuple[ServerOptions, str]) -> None:
    options, model = real
    async with servers(options) as asked:
        assert not asked.all[0].manages
        name = model or next(iter(asked.all[0].models.values())).model or ""
        chunks = await chat(asked, name, num_predict=8, temperature=0.0)
        assert text_of(chunks)
        assert len(chunks) > 2
        assert 0 < chunks[-1]["eval_count"] <= 8
        assert chunks[-1]["prompt_eval_count"] > 0
        schema = {
            "type": "object",
            "properties": {"verb": {"enum": ["open", "close"]}},
            "required": ["verb"],
            "additionalProperties": False,
        }
        kept = await chat(
            asked, name, format=schema, num_predict=20, temperature=0.0, priority=Priority.TASK
        )
        assert json.loads(text_of(kept))["verb"] in ("open", "close")


async def test_a_prompt_that_does_not_fit_is_refused(real: tuple[ServerOptions, str]) -> None:
    options, model = real
    if not model:
        pytest.skip("its window is not known")
    async with servers(options) as asked:
        with pytest.raises(AddonError) as raised:
            await chat(asked, model, messages=[{"role": "user", "content": "word " * 9000}])
        assert raised.value.code == "context_overflow"
