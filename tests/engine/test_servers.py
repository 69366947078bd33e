from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web

from ollama_addon.engine import wire as wires
from ollama_addon.engine.choice import Paces
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.profile import context_windows, default_context, spare_threads
from ollama_addon.engine.queue import Place, Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import AgentOptions, EngineOptions, ServerOptions

from .scripted import MODEL, Scripted, answer, cut, lines, until

NEUTRAL = {"repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
HELLO = [{"role": "user", "content": "Say hello."}]
NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def servers(*urls: str, **options: Any) -> AsyncIterator[Servers]:
    result = Servers([ServerOptions(url=url) for url in urls], None, **options)
    await result.start()
    try:
        yield result
    finally:
        await result.stop()


async def said(servers: Servers, model: str = "m:1", **options: Any) -> str:
    chunks = [chunk async for chunk in servers.chat(model, HELLO, **options)]
    return "".join(chunk["message"]["content"] for chunk in chunks)


def agent(model: str, context_window: int) -> AgentOptions:
    return AgentOptions(name="a", model=model, context_window=context_window)


# Which server answers


async def test_the_first_that_answers_and_has_the_model() -> None:
    async with (
        Scripted("other:1") as without,
        Scripted("m:1") as first,
        Scripted("m:1") as second,
        servers(NOWHERE, without.url, first.url, second.url) as all_servers,
    ):
        found = await all_servers.for_model("M:1")
        assert found.url == first.url
        assert found.latency is not None
        down = all_servers.all[0]
        assert (down.healthy, down.latency) == (False, None)
        assert NOWHERE in down.message
        assert "app's options" in down.message


async def test_the_bundled_server_is_the_last(scripted: Scripted, tmp_path: Path) -> None:
    async with Scripted("m:1", "only:1") as bundled:
        daemon = Daemon(["unused"], int(bundled.url.rsplit(":", 1)[1]), tmp_path, EngineOptions())
        both = Servers([ServerOptions(url=scripted.url)], daemon)
        await both.start()
        try:
            assert not (await both.for_model("m:1")).bundled
            assert (await both.for_model("only:1")).bundled
        finally:
            await both.stop()


async def test_a_model_that_nobody_has(scripted: Scripted) -> None:
    async with servers(scripted.url) as all_servers:
        with pytest.raises(AddonError, match="other:2 is not installed") as raised:
            await all_servers.for_model("other:2")
        assert (raised.value.code, raised.value.status) == ("model_missing", 503)
        scripted.models["other:2"] = "sha256:1"
        assert (await all_servers.for_model("other:2")).url == scripted.url


async def test_no_server_that_answers() -> None:
    async with servers(NOWHERE) as all_servers:
        with pytest.raises(AddonError, match="does not answer") as raised:
            await all_servers.for_model("m:1")
        assert (raised.value.code, raised.value.status) == ("engine_down", 503)


async def test_no_server_at_all() -> None:
    async with servers() as all_servers:
        with pytest.raises(AddonError, match="Add one"):
            await all_servers.for_model("m:1")


async def test_the_reason_why_the_bundled_server_is_down_is_said(tmp_path: Path) -> None:
    daemon = Daemon([str(tmp_path / "absent")], 0, tmp_path, EngineOptions())
    bundled = Servers([], daemon)
    await daemon.start()
    await until(lambda: daemon.state == "failed")
    try:
        with pytest.raises(AddonError, match="cannot be started"):
            await bundled.for_model("m:1")
    finally:
        await daemon.stop()
        await bundled.stop()


async def test_something_else_that_listens_there() -> None:
    async with Scripted() as other:

        async def page(_request: web.Request) -> web.Response:
            return web.Response(text="<html>It works!</html>", content_type="text/html")

        other.on["/api/tags"] = page
        async with servers(other.url) as all_servers:
            assert not all_servers.all[0].healthy
            assert "not Ollama's" in all_servers.all[0].message


# What is asked for


async def test_one_runner_profile_a_model(scripted: Scripted) -> None:
    agents = [agent("m:1", 4096), agent("library/M:1", 16384), agent("other", 2048)]
    async with servers(scripted.url, agents=agents) as all_servers:
        assert all_servers.profile("m:1") == {"num_ctx": 16384}
        assert all_servers.profile("other:latest") == {"num_ctx": 2048}
        assert all_servers.profile("unknown:1") == {}
        await said(all_servers, num_predict=5, temperature=0.0, seed=1)
        await said(all_servers, format={"type": "object"})
    first, second = (body["options"] for body in scripted.asked("/api/chat"))
    assert first == {
        **NEUTRAL, "num_ctx": 16384, "num_predict": 5, "temperature": 0.0, "seed": 1
    }  # fmt: skip
    assert second == NEUTRAL | {"num_ctx": 16384}


def test_the_window_of_who_names_none_is_that_of_most_models() -> None:
    windows = context_windows([agent("a", 2048), agent("b", 8192), agent("c", 2048)])
    assert default_context(windows) == 2048
    assert default_context(windows | {"d": 8192}) == 8192  # of several the largest
    assert default_context({}) == 4096


@pytest.mark.parametrize(
    ("cores", "allowed", "threads"), [(1, 1, 0), (2, 2, 0), (4, 4, 3), (8, 4, 3)]
)
async def test_a_core_is_left_to_home_assistant(
    cores: int, allowed: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: cores)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(allowed)))
    assert spare_threads(0) == threads
    assert spare_threads(2) == 2


async def test_the_models_that_other_apis_load_anew_are_known(
    scripted: Scripted, tmp_path: Path
) -> None:
    agents = [
        agent("m:1", 8192),
        agent("here:1", 8192),
        agent("odd:1", 2048),
        agent("absent", 2048),
    ]
    async with Scripted("here:1", "odd:1") as ours:
        daemon = Daemon(["unused"], int(ours.url.rsplit(":", 1)[1]), tmp_path, EngineOptions())
        both = Servers([ServerOptions(url=scripted.url)], daemon, agents=agents)
        await both.start()
        try:
            found = [(model, server.bundled) for model, server in both.reloaded_by_v1]
            assert found == [("m:1", False), ("odd:1", True)]
        finally:
            await both.stop()


async def test_a_model_of_agents_stays_in_memory_whoever_asks_it(scripted: Scripted) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    kept = AgentOptions(name="a", model="m:1", context_window=4096)
    async with Scripted("m:1") as other:
        for server in (scripted, other):
            server.loaded = {"m:1": 1, "of_nobody:1": 1}
        scripted.expires = dict.fromkeys(scripted.loaded, soon)
        other.expires = {"m:1": soon + timedelta(days=3650)}
        async with servers(scripted.url, other.url, agents=[kept]) as all_servers:
            await all_servers.loading.keep()
        assert other.asked("/api/generate") == []
    (asked,) = scripted.asked("/api/generate")
    assert (asked["model"], asked["keep_alive"]) == ("m:1", -1)
    assert asked["options"] == {"num_ctx": 4096}
    assert not asked.get("prompt")


async def test_the_request_is_the_documented_one(scripted: Scripted) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    async with servers(scripted.url) as all_servers:
        await said(all_servers, tools=tools, think=False, keep_alive=-1, stream=False)
    assert scripted.asked("/api/chat") == [
        {
            "model": "m:1",
            "messages": HELLO,
            "stream": False,
            "tools": tools,
            "think": False,
            "keep_alive": -1,
            "truncate": False,
            "options": NEUTRAL,
        }
    ]


@pytest.mark.parametrize(("capabilities", "sent"), [(["completion"], None), (["thinking"], True)])
async def test_thinking_is_asked_only_of_models_that_can(
    capabilities: list[str], sent: bool | None, scripted: Scripted
) -> None:
    scripted.capabilities = capabilities
    async with servers(scripted.url) as all_servers:
        await said(all_servers, think=True)
    assert scripted.asked("/api/chat")[0].get("think") is sent


async def test_details_are_asked_once_for_each_version(scripted: Scripted) -> None:
    async with servers(scripted.url) as all_servers:
        for _ in range(2):
            assert (await all_servers.details("m:1")).context_length == 4096
        assert len(scripted.asked("/api/show")) == 1
        scripted.models["m:1"] = "sha256:2"
        scripted.capabilities = ["completion", "tools"]
        await all_servers.refresh()
        assert await all_servers.capabilities("m:1") == {"completion", "tools"}


async def test_a_model_is_measured_once_with_the_fixed_task(
    scripted: Scripted, tmp_path: Path
) -> None:
    daemon = Daemon(["unused"], int(scripted.url.rsplit(":", 1)[1]), tmp_path, EngineOptions())
    scripted.capabilities = ["completion", "thinking"]
    scripted.models |= {"of_nobody:1": "sha256:1", "embed:1": "sha256:1"}
    ours = Servers([], daemon, agents=[agent("m:1", 4096)])
    await ours.refresh()
    try:
        for _ in range(2):
            await ours.loading.measure("m:1")
        (asked,) = scripted.asked("/api/chat")
        assert (asked["keep_alive"], asked["think"]) == (-1, False)
        assert asked["options"] == NEUTRAL | {
            "num_ctx": 4096, "num_predict": 24, "temperature": 0.0, "seed": 1
        }  # fmt: skip
        assert ours.speeds.of("m:1").prompt == pytest.approx(40 / 0.001)
        # What no agent uses is not loaded beside what they do.
        await ours.refresh()
        await ours.loading.measure("of_nobody:1")
        assert len(scripted.asked("/api/chat")) == 1
        scripted.loaded.clear()
        await ours.refresh()
        await ours.loading.measure("of_nobody:1")
        assert scripted.asked("/api/chat")[1]["keep_alive"] == 0
        scripted.loaded.clear()
        scripted.capabilities = ["embedding"]
        await ours.refresh()
        await ours.loading.measure("embed:1")
        assert len(scripted.asked("/api/chat")) == 2
    finally:
        await ours.stop()


# What goes wrong


def status(code: int, text: str) -> Any:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"error": text}, status=code)

    return handler


OVERFLOW = json.dumps(
    {
        "error": {
            "code": 400,
            "message": "request (9000 tokens) exceeds the available context size (8192 tokens), "
            "try increasing it",
            "type": "exceed_context_size_error",
        }
    }
)
"""What llama-server says, which Ollama passes on as the text of its own error."""


def body(text: str) -> Any:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text=text)

    return handler


@pytest.mark.parametrize(
    ("handler", "code", "sentence"),
    [
        (status(404, "model 'm:1' not found"), "model_missing", "Download it"),
        (status(503, "server busy, please try again"), "engine_busy", "Try again"),
        (status(500, "model requires more system memory"), "model_failed", "smaller model"),
        (status(400, "invalid format"), "model_failed", "invalid format"),
        (status(400, OVERFLOW), "context_overflow", "context window"),
        (status(401, "unauthorized"), "engine_down", "api_key"),
        (status(502, "Bad Gateway"), "engine_down", "Bad Gateway"),
        (body("<html>"), "bad_answer", "not Ollama's"),
        (body("[1]\n"), "bad_answer", "not Ollama's"),
        (body('{"done": true}\n'), "bad_answer", "not Ollama's"),
        (body(""), "engine_down", "does not answer"),
    ],
)
async def test_errors_are_sentences(
    handler: Any, code: str, sentence: str, scripted: Scripted
) -> None:
    scripted.on["/api/chat"] = handler
    async with servers(scripted.url) as all_servers:
        with pytest.raises(AddonError, match=sentence) as raised:
            await said(all_servers)
        assert raised.value.code == code


async def test_an_error_in_the_middle_of_an_answer(scripted: Scripted) -> None:
    scripted.on["/api/chat"] = lambda request: lines(
        request, answer("Hel")[0], {"error": "llama runner process has terminated"}
    )
    async with servers(scripted.url) as all_servers:
        with pytest.raises(AddonError, match="runner process has terminated") as raised:
            await said(all_servers)
        assert raised.value.code == "model_failed"


DIED = "model runner has unexpectedly stopped, this may be due to resource limitations"


async def test_a_runner_that_had_died_is_asked_again_once(scripted: Scripted) -> None:
    asked = 0

    async def dies(times: int, request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked <= times:
            return web.json_response({"error": DIED}, status=500)
        return await lines(request, *answer("Hello"))

    async with servers(scripted.url) as all_servers:
        scripted.on["/api/chat"] = lambda request: dies(1, request)
        assert await said(all_servers) == "Hello"
        asked = 0
        scripted.on["/api/chat"] = lambda request: dies(2, request)
        with pytest.raises(AddonError, match="unexpectedly stopped"):
            await said(all_servers)
        # What was said already is not repeated.
        asked = 0
        scripted.on["/api/chat"] = lambda request: lines(request, answer("He")[0], {"error": DIED})
        with pytest.raises(AddonError, match="unexpectedly stopped"):
            await said(all_servers)
        assert len(scripted.asked("/api/chat")) == 5


@pytest.mark.parametrize("ending", [cut, lines])
async def test_an_answer_that_breaks_off(ending: Any, scripted: Scripted) -> None:
    scripted.on["/api/chat"] = lambda request: ending(request, answer("Hel")[0])
    heard = []
    async with servers(scripted.url) as all_servers:
        with pytest.raises(AddonError) as raised:  # noqa: PT012
            async for chunk in all_servers.chat("m:1", HELLO):
                heard.append(chunk)  # noqa: PERF401 - what came before the error counts
        assert raised.value.code == "engine_down"
        assert not all_servers.all[0].healthy
    assert len(heard) == 1


@pytest.mark.parametrize("words", [(), ("Hel",)])
async def test_silence_is_not_waited_for_for_ever(
    words: tuple[str, ...], scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "FIRST_LINE" if not words else "NEXT_LINE", 0.05)
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        return await lines(request, *answer(*words)[:-1], then=_wait(over))

    scripted.on["/api/chat"] = handler
    async with servers(scripted.url) as all_servers:
        with pytest.raises(AddonError, match="too long") as raised:
            await said(all_servers)
        assert raised.value.code == "engine_busy"
    over.set()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_the_next_server_takes_over_before_anything_was_said(scripted: Scripted) -> None:
    async with Scripted("m:1") as second, servers(scripted.url, second.url) as all_servers:
        scripted.on["/api/chat"] = cut
        assert await said(all_servers) == "Hello"
        assert [server.healthy for server in all_servers.all] == [False, True]
        # The first one is back as soon as it answers a check and has loaded the model. Until then
        # the other one is asked, which has it in memory.
        await all_servers.refresh()
        assert (await all_servers.for_model("m:1")).url == second.url
        await until(lambda: "m:1" in all_servers.all[0].loaded)
        assert (await all_servers.for_model("m:1")).url == scripted.url
        assert len(scripted.asked("/api/generate")) == 1
        assert second.asked("/api/generate") == []


async def test_a_slow_server_is_passed_over_and_tried_again_later(scripted: Scripted) -> None:
    now = 0.0
    async with Scripted("m:1") as second, servers(scripted.url, second.url) as all_servers:
        all_servers.paces = Paces(lambda: now)
        first, other = all_servers.all

        async def chosen(priority: Priority = Priority.VOICE) -> str:
            return (await all_servers.for_model("m:1", priority)).url

        assert await chosen() == scripted.url
        all_servers.paces.took(first, 4.0)
        all_servers.paces.took(other, 3.5)
        assert await chosen() == scripted.url  # about as slow
        for _ in range(5):
            all_servers.paces.took(other, 0.5)
        assert await chosen() == second.url
        now += 601
        assert await chosen() == scripted.url
        # One that nobody knows yet is tried before a very slow one.
        all_servers.paces.took(first, 11.0)
        assert await chosen() == second.url


async def test_what_nobody_waits_for_goes_where_least_is_asked(scripted: Scripted) -> None:
    async with Scripted("m:1") as second, servers(scripted.url, second.url) as all_servers:
        place = Place(Priority.VOICE)
        async with all_servers.answering(all_servers.all[0], "m:1", place):
            assert (await all_servers.for_model("m:1")).url == scripted.url
            for priority in (Priority.TASK, Priority.GATEWAY):
                assert (await all_servers.for_model("m:1", priority)).url == second.url
        assert (await all_servers.for_model("m:1", Priority.TASK)).url == scripted.url


async def test_the_last_chunk_tells_which_server_answered(scripted: Scripted) -> None:
    async with Scripted("m:1") as second:
        url = second.url.replace("http://", "http://user:secret@")
        async with servers(scripted.url, url) as all_servers:
            scripted.on["/api/chat"] = cut
            chunks = [chunk async for chunk in all_servers.chat("m:1", HELLO)]
        assert [chunk.get("server") for chunk in chunks] == [None, second.url]


async def test_no_server_takes_over_in_the_middle_of_an_answer(scripted: Scripted) -> None:
    scripted.on["/api/chat"] = lambda request: cut(request, answer("Hel")[0])
    async with Scripted("m:1") as second, servers(scripted.url, second.url) as all_servers:
        with pytest.raises(AddonError):
            await said(all_servers)
        assert second.asked("/api/chat") == []


async def test_closing_the_answer_stops_the_work(scripted: Scripted) -> None:
    stopped = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = await lines(request, answer("Hel")[0])
        try:
            while True:
                await asyncio.sleep(0.01)
                await response.write(b"\n")
        finally:
            stopped.set()

    scripted.on["/api/chat"] = handler
    async with servers(scripted.url) as all_servers:
        chunks = all_servers.chat("m:1", HELLO)
        await anext(chunks)
        await chunks.aclose()
        async with asyncio.timeout(60):
            await stopped.wait()


# For real


async def test_a_model_answers(engine: str) -> None:
    async with servers(engine, agents=[agent(MODEL, 2048)]) as all_servers:
        chunks = [chunk async for chunk in all_servers.chat(MODEL, HELLO, num_predict=8, seed=1)]
        assert len(chunks) > 2
        assert chunks[-1]["done"]
        assert 0 < chunks[-1]["eval_count"] <= 8
        whole = [
            chunk
            async for chunk in all_servers.chat(MODEL, HELLO, num_predict=8, seed=1, stream=False)
        ]
        assert len(whole) == 1
        assert whole[0]["done"]
        assert whole[0]["message"]["content"]
        details = await all_servers.details(MODEL)
        assert "completion" in details.capabilities
        assert details.parameters == 134_515_008


async def test_a_model_keeps_to_a_schema(engine: str) -> None:
    schema = {
        "type": "object",
        "properties": {"verb": {"enum": ["open", "close"]}},
        "required": ["verb"],
        "additionalProperties": False,
    }
    async with servers(engine, agents=[agent(MODEL, 2048)]) as all_servers:
        text = await said(all_servers, MODEL, format=schema, temperature=0, num_predict=20)
    assert json.loads(text) in ({"verb": "open"}, {"verb": "close"})
