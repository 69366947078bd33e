"""The gateway between Ollama's own client and scripted servers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import ollama
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from starlette.routing import Route

from ollama_addon.engine import queue as queue_module
from ollama_addon.engine.servers import Servers
from ollama_addon.options import AgentOptions, EngineOptions, ServerOptions
from ollama_addon.web import listener as listener_module
from ollama_addon.web.gateway import gateway as gateway_module
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener
from tests.engine.scripted import Scripted, answer, cut, lines

KEY = "the gateway's key"
ASKED = [{"role": "user", "content": "Hello"}]
AGENT = AgentOptions(name="Home", model="m:1", context_window=4096)
DIGEST = "sha256:" + "0" * 64


@pytest.fixture
async def engine() -> AsyncIterator[Scripted]:
    async with Scripted("m:1") as server:
        yield server


@pytest.fixture
async def other() -> AsyncIterator[Scripted]:
    async with Scripted("m:1", "big:1") as server:
        yield server


class Running:
    """A gateway that listens, and its callers."""

    def __init__(self, url: str, servers: Servers) -> None:
        self.url = url
        self.servers = servers
        self.ollama = ollama.AsyncClient(url, headers={"Authorization": f"Bearer {KEY}"})
        self.http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
        )

    async def say(self, model: str) -> str:
        chunks = await self.ollama.chat(model, ASKED, stream=True)
        return "".join([chunk.message.content or "" async for chunk in chunks])


@asynccontextmanager
async def gateway(*remote: ServerOptions, allow_changes: bool = False) -> AsyncIterator[Running]:
    servers = Servers(remote, None, agents=[AGENT], engine=EngineOptions(threads=3))
    await servers.refresh()
    listener = Listener(
        make_gateway(servers, Key(KEY), allow_changes=allow_changes), "127.0.0.1", 0
    )
    await listener.start()
    running = Running(f"http://127.0.0.1:{listener.port}", servers)
    try:
        yield running
    finally:
        await running.http.aclose()
        await listener.stop()
        await servers.stop()


def at(server: Scripted) -> ServerOptions:
    return ServerOptions(url=server.url)


def routes() -> list[tuple[str, str]]:
    app = make_gateway(Servers((), None), Key(KEY))
    return [
        (method, route.path.replace("{digest}", DIGEST).replace("{model:path}", "m:1"))
        for route in app.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
    ]


@pytest.mark.parametrize(("method", "path"), [*routes(), ("GET", "/api/unknown")])
async def test_nothing_is_answered_without_the_key(
    engine: Scripted, method: str, path: str
) -> None:
    async with gateway(at(engine), allow_changes=True) as running:
        before = len(engine.requests)
        for given in (None, "", KEY, f"Basic {KEY}", f"Bearer {KEY}x", "Bearer", "Bearer é"):
            headers = {b"Authorization": given.encode()} if given is not None else {}
            async with httpx.AsyncClient(trust_env=False) as client:
                response = await client.request(
                    method, f"{running.url}{path}", headers=headers, json={"model": "m:1"}
                )
            assert response.status_code == 401, given
            assert response.headers["www-authenticate"] == "Bearer"
            if method != "HEAD":
                assert "key" in json.dumps(response.json()["error"])
        assert len(engine.requests) == before


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "X-API-Key"])
async def test_the_key_as_other_apis_clients_send_it(engine: Scripted, header: str) -> None:
    async with gateway(at(engine)) as running, httpx.AsyncClient(trust_env=False) as client:
        url = f"{running.url}/api/tags"
        assert (await client.get(url, headers={header: KEY})).status_code == 200
        assert (await client.get(url, headers={header: f"{KEY}x"})).status_code == 401
        # Clients of OpenAI's API want a key of their own form, too.
        both = {"authorization": "Bearer sk-unused", header: KEY}
        assert (await client.get(url, headers=both)).status_code == 200


async def test_ollamas_client_lists_shows_and_chats(engine: Scripted) -> None:
    async with gateway(at(engine)) as running:
        assert [model.model for model in (await running.ollama.list()).models] == ["m:1"]
        assert (await running.ollama.ps()).models == []
        assert (await running.ollama.show("m:1")).capabilities == ["completion"]
        assert await running.say("m:1") == "Hello"


async def test_requests_are_counted_by_route(engine: Scripted) -> None:
    counted: list[tuple[str, int]] = []
    servers = Servers([at(engine)], None)
    await servers.refresh()
    app = make_gateway(
        servers, Key(KEY), on_request=lambda path, status: counted.append((path, status))
    )
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        await client.get("/api/tags", headers=headers)
        await client.get("/api/tags")
        await client.get("/api/blobs/whatever", headers=headers)
    assert counted == [("/api/tags", 200), ("/api/tags", 401), ("other", 405)]
    await servers.stop()


async def test_an_answer_is_counted_while_it_is_given(engine: Scripted) -> None:
    heard = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        return await lines(request, *answer("one"), then=_set(heard))

    async def _set(event: asyncio.Event) -> None:
        await event.wait()

    engine.on["/api/chat"] = slowly
    async with gateway(at(engine)) as running:
        running.servers.bundled = running.servers.all[0]
        running.servers.bundled.bundled = True
        talk = asyncio.create_task(running.say("m:1"))
        while running.servers.places._idle.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        heard.set()
        await talk
        await running.servers.places.wait_idle(60)
        assert running.servers.places._idle.is_set()


async def test_a_model_that_would_starve_home_assistant(
    engine: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.size = 10**15
    async with gateway(at(engine)) as running:
        running.servers.all[0].bundled = True
        await running.servers.refresh()
        with pytest.raises(ollama.ResponseError, match="Home Assistant would starve") as raised:
            await running.say("m:1")
        assert raised.value.status_code == 507
        assert engine.asked("/api/chat") == []


async def test_an_answer_comes_as_it_is_made(engine: Scripted) -> None:
    first, second = answer("one")
    heard = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = await lines(request, first)
        await heard.wait()  # nobody hears the end before the beginning was heard
        await response.write(json.dumps(second).encode() + b"\n")
        return response

    engine.on["/api/chat"] = slowly
    async with gateway(at(engine)) as running:
        chunks = []
        async for chunk in await running.ollama.chat("m:1", ASKED, stream=True):
            chunks.append(chunk.message.content)
            heard.set()
        assert chunks == ["one", ""]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings"])
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, {"num_ctx": 4096}),
        ({"num_ctx": None, "top_k": 1}, {"num_ctx": 4096, "top_k": 1}),
        ({"num_ctx": 512.0, "num_thread": 1, "num_gpu": 0}, {"num_ctx": 4096}),
        ({"num_ctx": 9000}, {"num_ctx": 9000}),
        ("wrong", "wrong"),
    ],
)
async def test_a_model_is_not_loaded_anew(
    engine: Scripted, path: str, given: Any, sent: Any
) -> None:
    async def any_answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({})

    engine.on[path] = any_answer
    async with gateway(at(engine)) as running:
        body = {"model": "M:1", "messages": ASKED, "options": given}
        await running.http.post(path, json=body | {"keep_alive": "5m", "shift": False})
        kept = {"keep_alive": "5m", "shift": False} if given == "wrong" else {"keep_alive": -1}
        assert engine.asked(path) == [{**body, "options": sent, **kept}]


async def test_who_only_frees_the_memory_may_do_so(engine: Scripted) -> None:
    engine.loaded["m:1"] = 1
    async with gateway(at(engine)) as running:
        answer = await running.ollama.generate("m:1", keep_alive=0)
        assert answer.done_reason == "unload"
        assert engine.loaded == {}


async def test_another_model_keeps_its_own_context(other: Scripted) -> None:
    async with gateway(at(other)) as running:
        await running.say("big:1")
        assert "options" not in other.asked("/api/chat")[0]


@pytest.mark.parametrize(
    ("kind", "first", "sign"),
    [
        ("application/x-ndjson", b'{"message": {"content": "on"}, "done": false}\n', "error"),
        ("text/event-stream", b'data: {"choices": []}\n\n', "data: "),
    ],
)
async def test_a_person_need_not_wait_for_a_long_answer_of_the_gateway(
    engine: Scripted, monkeypatch: pytest.MonkeyPatch, kind: str, first: bytes, sign: str
) -> None:
    monkeypatch.setattr(queue_module, "_GRACE", 0.01)
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        try:
            await response.write(first)
            while True:
                await asyncio.sleep(0.01)
                await response.write(b" " if kind.endswith("json") else b":\n\n")
        finally:
            gone.set()

    path = "/api/chat" if kind.endswith("json") else "/v1/chat/completions"
    engine.on[path] = endless
    async with gateway(at(engine)) as running:
        running.servers.all[0].bundled = True
        body = {"model": "m:1", "messages": ASKED, "stream": True}
        async with running.http.stream("POST", path, json=body) as answered:
            parts = answered.aiter_bytes()
            assert await anext(parts)
            if path == "/api/chat":
                del engine.on[path]
            chunks = [chunk async for chunk in running.servers.chat("m:1", ASKED)]
            assert chunks[-1]["done"]
            rest = b"".join([part async for part in parts]).decode()
        assert "Somebody in the house needs the model now" in rest
        assert rest.strip().splitlines()[-1].lstrip('{"').startswith(sign)
        await asyncio.wait_for(gone.wait(), 60)


async def test_what_was_not_answered_yet_is_asked_again_after_the_person(
    engine: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "_GRACE", 0.01)
    asked = 0

    async def first_time_slow(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.sleep(60)
        return await lines(request, *answer("Hello"))

    engine.on["/api/chat"] = first_time_slow
    async with gateway(at(engine)) as running:
        running.servers.all[0].bundled = True
        other = asyncio.create_task(running.say("m:1"))
        while asked < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert [chunk async for chunk in running.servers.chat("m:1", ASKED)]
        assert await other == "Hello"
        assert asked == 3


async def test_the_openai_routes(engine: Scripted) -> None:
    events = [b'data: {"choices": []}\n\n', b"data: [DONE]\n\n"]

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Kept": "1"})
        await response.prepare(request)
        for event in events:
            await response.write(event)
        return response

    async def listed(request: web.Request) -> web.StreamResponse:
        models = [{"id": "m:1", "object": "model"}]
        return web.json_response({"object": "list", "data": models})

    engine.on["/v1/chat/completions"] = stream
    engine.on["/v1/models"] = listed
    async with gateway(at(engine)) as running:
        body = {"model": "m:1", "messages": ASKED, "stream": True}
        response = await running.http.post("/v1/chat/completions", json=body)
        assert response.content == b"".join(events)
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["x-kept"] == "1"
        assert engine.asked("/v1/chat/completions") == [body]
        assert (await running.http.get("/v1/models")).json() == {
            "object": "list",
            "data": [{"id": "m:1", "object": "model"}],
        }
        missing = await running.http.post("/v1/chat/completions", json={**body, "model": "no"})
        assert missing.status_code == 404
        assert missing.json()["error"]["code"] == "model_missing"


async def test_a_server_gets_its_own_key_and_no_other(engine: Scripted) -> None:
    seen: list[dict[str, str]] = []

    async def look(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        return await lines(request, *answer("Hello"))

    engine.on["/api/chat"] = look
    for api_key in ("", "the server's"):
        async with gateway(ServerOptions(url=engine.url, api_key=api_key)) as running:
            await running.http.post(
                "/api/chat",
                json={"model": "m:1", "messages": ASKED},
                headers={
                    "Cookie": "session=1",
                    "Connection": "keep-alive, X-Hop",
                    "X-Hop": "1",
                    "Proxy-Authorization": "Bearer x",
                    "X-Api-Key": "x",
                    "Host": "elsewhere",
                },
            )
    assert "Authorization" not in seen[0]
    assert seen[1]["Authorization"] == "Bearer the server's"
    for headers in seen:
        assert headers["Host"] == engine.url.removeprefix("http://")
        assert headers["Content-Type"] == "application/json"
        assert not {"Cookie", "X-Hop", "Proxy-Authorization", "X-Api-Key"} & headers.keys()


async def test_every_model_is_listed_once_and_asked_where_it_is(
    engine: Scripted, other: Scripted
) -> None:
    other.models["m:1"] = "sha256:other"
    async with gateway(at(engine), at(other)) as running:
        listed = {model.model: model.digest for model in (await running.ollama.list()).models}
        assert listed == {"m:1": "sha256:1", "big:1": "sha256:1"}
        await running.say("big:1")
        await running.say("m:1")
        assert [body["model"] for body in engine.asked("/api/chat")] == ["m:1"]
        assert [body["model"] for body in other.asked("/api/chat")] == ["big:1"]


async def test_the_next_server_takes_over(engine: Scripted, other: Scripted) -> None:
    async with gateway(at(engine), at(other)) as running:
        await engine.__aexit__()
        assert await running.say("m:1") == "Hello"
        assert not running.servers.all[0].healthy
        assert {model.model for model in (await running.ollama.list()).models} == {"m:1", "big:1"}


async def test_a_list_of_one_server_does_not_wait_for_another_that_fails(
    engine: Scripted, other: Scripted
) -> None:
    async with gateway(at(engine), at(other)) as running:

        async def broken(request: web.Request) -> web.StreamResponse:
            raise web.HTTPInternalServerError

        engine.on["/api/tags"] = broken
        assert {model.model for model in (await running.ollama.list()).models} == {"m:1", "big:1"}
        other.on["/api/tags"] = broken
        with pytest.raises(ollama.ResponseError) as raised:
            await running.ollama.list()
        assert raised.value.status_code == 503


async def test_a_model_that_is_missing(engine: Scripted) -> None:
    async with gateway(at(engine)) as running:
        with pytest.raises(ollama.ResponseError) as raised:
            await running.say("no:1")
        assert raised.value.status_code == 404
        assert "no:1 is not installed" in raised.value.error


async def test_without_any_server() -> None:
    async with gateway() as running:
        for asking in (
            running.ollama.list(),
            running.ollama.chat("m:1", ASKED),
            running.ollama.show("m:1"),
        ):
            with pytest.raises(ollama.ResponseError) as raised:
                await asking
            assert raised.value.status_code == 503
            assert "no Ollama server" in raised.value.error
        assert (await running.http.get("/")).status_code == 503


async def test_what_ollama_refuses_is_passed_on_as_it_is(engine: Scripted) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "m:1 does not support tools"}, status=400)

    engine.on["/api/chat"] = refuse
    async with gateway(at(engine)) as running:
        with pytest.raises(ollama.ResponseError, match="does not support tools") as raised:
            await running.say("m:1")
        assert raised.value.status_code == 400


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/chat", b""),
        ("/api/chat", b"[]"),
        ("/api/chat", b"{"),
        ("/api/chat", b"[" * 100_000),
        ("/api/chat", b"{}"),
        ("/api/show", b'{"model": 1}'),
        ("/v1/completions", b'{"model": ""}'),
        ("/api/pull", b"no JSON"),
    ],
)
async def test_requests_that_are_wrong(engine: Scripted, path: str, content: bytes) -> None:
    async with gateway(at(engine), allow_changes=True) as running:
        response = await running.http.post(path, content=content)
        assert response.status_code == 400
        assert engine.requests == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/push"),
        ("POST", "/api/signout"),
        ("DELETE", "/api/user/keys/x"),
        ("POST", "/api/me"),
        ("GET", "/api/chat"),
        ("POST", "/v1/files"),
        ("GET", "/v1/models/%2e%2e%2fapi/tags"),
        ("POST", "/api/blobs/..%2fpull"),
    ],
)
async def test_everything_else_stays_closed(engine: Scripted, method: str, path: str) -> None:
    async with gateway(at(engine), allow_changes=True) as running:
        response = await running.http.request(method, path, json={"model": "m:1"})
        assert response.status_code in (400, 404, 405)
        assert response.json()["error"]
        assert engine.requests == []


async def test_models_are_not_changed_unless_that_is_allowed(engine: Scripted) -> None:
    async with gateway(at(engine)) as running:
        changes: list[Awaitable[Any]] = [
            running.ollama.pull("new:1"),
            running.ollama.delete("m:1"),
            running.ollama.copy("m:1", "m:2"),
            running.ollama.create("m:3", from_="m:1"),
        ]
        for change in changes:
            with pytest.raises(ollama.ResponseError, match="Allow changes") as raised:
                await change
            assert raised.value.status_code == 403
        response = await running.http.post(f"/api/blobs/{DIGEST}", content=b"x")
        assert response.status_code == 403
        assert engine.requests == []
        assert set(engine.models) == {"m:1"}


async def test_models_are_changed_where_they_are_kept(engine: Scripted, other: Scripted) -> None:
    async with gateway(at(engine), at(other), allow_changes=True) as running:
        progress = [step.status async for step in await running.ollama.pull("new:1", stream=True)]
        assert progress == ["success"]
        assert "new:1" in running.servers.all[0].models  # known at once
        await running.say("new:1")
        await running.ollama.delete("new:1")
        assert set(engine.models) == {"m:1"}
        await until(lambda: "new:1" not in running.servers.all[0].models)
        assert other.requests == []


async def test_a_part_of_a_model_is_taken_in_as_it_comes() -> None:
    received: list[bytes] = []
    begun = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/tags":
            return web.json_response({"models": []})
        if request.method == "HEAD":
            raise web.HTTPNotFound
        async for part in request.content.iter_any():
            received.append(part)
            begun.set()
        return web.Response(status=201)

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await begun.wait()  # the second is only made when the first has arrived
        yield b"second"

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    async with (
        TestServer(app) as server,
        gateway(ServerOptions(url=str(server.make_url(""))), allow_changes=True) as running,
    ):
        running.servers.all[0].healthy = True
        assert (await running.http.head(f"/api/blobs/{DIGEST}")).status_code == 404
        response = await running.http.post(f"/api/blobs/{DIGEST}", content=parts())
        assert response.status_code == 201
        assert b"".join(received) == b"firstsecond"


async def never(ended: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
async def test_ollama_stops_when_the_caller_hangs_up(
    engine: Scripted, path: str, begun: bool
) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def answer_for_ever(request: web.Request) -> web.StreamResponse:
        if not begun:
            asked.set()
            await never(ended)
        response = await lines(request, answer("one")[0])
        asked.set()
        try:
            while True:  # writing to who is gone fails
                await response.write(b"\n")
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    engine.on[path] = answer_for_ever
    async with gateway(at(engine)) as running:
        asking = asyncio.create_task(
            running.http.post(path, json={"model": "m:1", "messages": ASKED})
        )
        await asked.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        if begun:
            await ended.wait()
        else:
            # aiohttp does not tell a handler that waits; the connection is gone all the same.
            await until(lambda: not busy(running))


def busy(running: Running) -> bool:
    return any(
        task.get_coro().__qualname__ == "_Relay._relay"  # type: ignore[union-attr]
        for task in asyncio.all_tasks()
    )


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - there is no event of it
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("told", [True, False])
async def test_a_request_that_is_too_large(
    engine: Scripted, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(gateway_module, "MAX_BODY", 1000)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    async with gateway(at(engine)) as running:
        content = b" " * 2000 if told else parts()
        response = await running.http.post("/api/chat", content=content)
        assert response.status_code == 413
        assert engine.requests == []


async def test_an_answer_that_breaks_off(engine: Scripted) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        return await cut(request, answer("Hel")[0])

    engine.on["/api/chat"] = break_off
    async with gateway(at(engine)) as running:
        chunks = await running.ollama.chat("m:1", ASKED, stream=True)
        assert (await anext(chunks)).message.content == "Hel"
        with pytest.raises(ollama.ResponseError, match="broke off"):
            await anext(chunks)


async def test_an_answer_of_openais_that_breaks_off_has_no_end(engine: Scripted) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: {}\n\n")
        assert request.transport is not None
        request.transport.abort()
        return response

    engine.on["/v1/completions"] = break_off
    async with gateway(at(engine)) as running:
        with pytest.raises(httpx.RemoteProtocolError):
            await running.http.post("/v1/completions", json={"model": "m:1"})


async def test_an_engine_that_hangs_up_before_it_answers(engine: Scripted) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    engine.on["/api/chat"] = hang_up
    async with gateway(at(engine)) as running:
        with pytest.raises(ollama.ResponseError, match="does not answer") as raised:
            await running.say("m:1")
        assert raised.value.status_code == 503


async def test_a_port_that_is_taken_stops_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listener = Listener(make_gateway(Servers((), None), Key(KEY)), "127.0.0.1", port)
        await listener.start()
        assert not listener.running
        assert str(port) in listener.message
        await listener.stop()


async def test_stopping_ends_what_is_under_way(
    engine: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "GRACE", 0)
    asked, ended = asyncio.Event(), asyncio.Event()

    async def never_answer(request: web.Request) -> web.StreamResponse:
        asked.set()
        await never(ended)
        raise web.HTTPGone

    engine.on["/api/chat"] = never_answer
    servers = Servers([at(engine)], None)
    await servers.refresh()
    listener = Listener(make_gateway(servers, Key(KEY)), "127.0.0.1", 0)
    await listener.start()
    running = Running(f"http://127.0.0.1:{listener.port}", servers)
    asking = asyncio.create_task(running.say("m:1"))
    await asked.wait()
    await listener.stop()
    assert not busy(running)
    with pytest.raises((ollama.ResponseError, ConnectionError, httpx.HTTPError)):
        await asking
    await listener.stop()
    await servers.stop()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:11434"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "HTTP://EVIL.EXAMPLE"}, 403),
        ({"Origin": "http://127.0.0.1:11434"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "nas.local:11434"}, 200),
        ({"Host": "a0b1c2d3-ollama"}, 200),
        ({"Origin": "app://obsidian.md"}, 200),
        ({}, 200),
    ],
)
async def test_pages_and_names_of_the_internet_are_refused_with_the_key(
    engine: Scripted, headers: dict[str, str], status: int
) -> None:
    async with gateway(at(engine)) as running:
        before = len(engine.requests)
        answer = await running.http.get("/api/tags", headers=headers)
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers
        if status != 200:
            assert answer.json()["error"]
            assert len(engine.requests) == before
        asked = await running.http.options("/api/chat", headers={**headers, "Origin": "http://x"})
        assert asked.status_code >= 400


async def test_a_key_may_have_letters_of_any_language(engine: Scripted) -> None:
    key = "schlüssel ключ"
    servers = Servers([at(engine)], None)
    listener = Listener(make_gateway(servers, Key(key)), "127.0.0.1", 0)
    await listener.start()
    url = f"http://127.0.0.1:{listener.port}/api/tags"
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {b"Authorization": f"Bearer {key}".encode()}
        assert (await client.get(url, headers=headers)).is_success
    await listener.stop()
    await servers.stop()


ODD_NAMES = [
    "../../etc/passwd",
    "a/../../b",
    "..%2f..%2fb",
    "/etc/passwd",
    ".hidden",
    "m:1\r\nX-Injected: y",
    "m\x00:1",
    "m:1 ",
    "-rf",
    "ä",
    "m:" + "1" * 5000,
    "http://evil.example/m:1",
]


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_no_model_has_a_name_that_is_a_path(engine: Scripted, name: str) -> None:
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/chat", {"model": name, "messages": ASKED}),
        ("POST", "/api/show", {"name": name}),
        ("POST", "/v1/completions", {"model": name}),
        ("POST", "/api/pull", {"model": name}),
        ("POST", "/api/create", {"model": "m:2", "from": name}),
        ("POST", "/api/copy", {"source": "m:1", "destination": name}),
        ("POST", "/api/copy", {"source": name, "destination": "m:2"}),
        ("DELETE", "/api/delete", {"model": name}),
        ("POST", "/api/pull", {"model": "m:1", "name": name}),
    ]
    async with gateway(at(engine), allow_changes=True) as running:
        asked = [path for path, _ in engine.requests]
        for method, path, body in bodies:
            answer = await running.http.request(method, path, json=body)
            assert answer.status_code == 400, (path, answer.text)
        raw = b"".join(b"%%%02x" % byte for byte in name.encode())
        url = httpx.URL(f"{running.url}/v1/models/").copy_with(raw_path=b"/v1/models/" + raw)
        assert (await running.http.get(url)).status_code in (400, 404)
        assert [path for path, _ in engine.requests] == asked


@pytest.mark.parametrize("key", ["MODEL", "Model", "Name", "moDel"])
async def test_a_model_is_not_named_twice_for_another_reading(engine: Scripted, key: str) -> None:
    """Ollama reads keys in letters of any size, and the last of them."""
    async with gateway(at(engine)) as running:
        body = {"model": "m:1", key: "other:1", "messages": ASKED}
        answer = await running.http.post("/api/chat", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]
