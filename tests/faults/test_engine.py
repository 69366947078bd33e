"""An engine that says what it should not, or nothing: elsewhere on the network, and our own."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from dev.stack import PARTS
from ollama_addon.engine.processes import free_port
from tests.engine.scripted import MODEL, Handler, Scripted, answer, cut, lines
from tests.home.scripted_home import ScriptedHome

from .conftest import Report
from .engine import COMMAND, chat
from .house import Sidecar, sidecar


def says(body: str | bytes, kind: str = "application/x-ndjson", status: int = 200) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        content = body.encode() if isinstance(body, str) else body
        return web.Response(body=content, content_type=kind, status=status)

    return handler


async def fails_in_the_middle(request: web.Request) -> web.StreamResponse:
    error = {"error": "llama runner process has terminated: exit status 2"}
    return await lines(request, *answer('{"say": "He')[:1], error)


async def breaks_off(request: web.Request) -> web.StreamResponse:
    return await cut(request, *answer('{"say": "He')[:1])


async def never_ends(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(10**9):
        content = f"word {number} " if number else '{"say": "'
        chunk = {"message": {"role": "assistant", "content": content}, "done": False}
        await response.write(json.dumps(chunk).encode() + b"\n")
    return response


async def one_endless_line(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 2**20)


async def endless_error(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=500)
    await response.prepare(request)
    while True:
        await response.write(b"x" * 2**20)


def out_of_memory(text: str) -> Handler:
    return says(json.dumps({"error": text}), "application/json", 500)


ANSWERS: dict[str, tuple[Handler, str, str]] = {
    "HTML instead of JSON": (says("<html>Welcome</html>", "text/html"), "bad_answer", "address"),
    "a line of JSON that is broken": (says('{"message": {"con\n'), "bad_answer", "address"),
    "a list instead of an object": (says("[1, 2]\n"), "bad_answer", "address"),
    "numbers instead of text": (
        says('{"message": {"content": 7}, "done": true}\n'),
        "bad_answer",
        "address",
    ),
    "bytes that are no text": (says(bytes(range(128, 256))), "bad_answer", "address"),
    "nothing at all": (says(""), "engine_down", "Clear commands work"),
    "status 500 without a word": (says("", status=500), "model_failed", "log"),
    "a proxy that finds no server": (says("<h1>Bad Gateway</h1>", status=502), "engine_down", ""),
    "an error in mid-stream": (fails_in_the_middle, "model_failed", "terminated"),
    "the connection lost in mid-stream": (breaks_off, "engine_down", "Clear commands work"),
    "a line without an end": (one_endless_line, "bad_answer", "address"),
    "an error without an end": (endless_error, "model_failed", "log"),
    "out of memory": (
        out_of_memory("model requires more system memory (5.6 GiB) than is available (2.1 GiB)"),
        "model_failed",
        "smaller",
    ),
    "out of memory, of llama.cpp": (
        out_of_memory("llama runner process has terminated: error: failed to allocate CPU buffer"),
        "model_failed",
        "smaller",
    ),
    "out of memory, of a graphics processor": (
        out_of_memory("llama runner process has terminated: cudaMalloc failed: out of memory"),
        "model_failed",
        "smaller",
    ),
    "out of memory, killed": (
        out_of_memory("llama runner process has terminated: signal: killed"),
        "model_failed",
        "smaller",
    ),
}


async def test_whatever_the_engine_answers(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    assert (await house.say()).outcome == "done"
    before = await house.at_rest()
    for fault, (handler, code, advice) in ANSWERS.items():
        engine.on["/api/chat"] = handler
        turn = await house.say()
        assert turn.error is not None, (fault, turn)
        assert (turn.error["code"], advice in turn.error["message"]) == (code, True), (fault, turn)
        engine.on["/api/chat"] = chat
        seconds = await house.recovered()
        report(fault, heard=turn.error["message"], seconds=seconds)
    await house.until("engine", "ok")
    await house.lets_go(before)


async def test_an_answer_without_an_end_is_ended(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    assert (await house.say()).outcome == "done"
    before = await house.at_rest()
    memory = house.process.memory_info().rss
    engine.on["/api/chat"] = never_ends
    turn = await house.say("tell me something")
    assert turn.reply or turn.error
    assert len(turn.reply) < 100_000
    engine.on["/api/chat"] = chat
    seconds = await house.recovered()
    assert house.process.memory_info().rss < memory + 100 * 2**20
    heard = turn.error["message"] if turn.error else f"{turn.reply[:40]}…"
    report("an answer without an end", heard=heard, seconds=seconds)
    await house.lets_go(before)


@pytest.mark.parametrize("path", ["/api/tags", "/api/ps", "/api/show"])
async def test_an_engine_whose_description_is_garbage(
    house: Sidecar, engine: Scripted, report: Report, path: str
) -> None:
    usual = engine.on.copy()
    heard = ""
    for number, body in enumerate(("<html>", "[]", '{"models": 7}', '{"models": [{"name": 7}]}')):
        engine.models[MODEL] = f"sha256:{number}"
        engine.on |= {path: says(body, "application/json"), "/api/chat": breaks_off}
        turn = await house.say()
        assert turn.error is not None, (path, body, turn)
        engine.on["/api/chat"] = chat
        turn = await house.say()  # everything is asked for again
        assert turn.error or turn.reply, (path, body, turn)
        heard = turn.error["message"] if turn.error else heard
    engine.on = usual
    report(f"{path} is garbage", heard=heard, seconds=await house.recovered())


async def test_a_slow_engine_is_waited_for(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(8)
        return await chat(request)

    engine.on["/api/chat"] = slow
    turn = await house.say()
    assert turn.outcome == "done"
    report("it takes its time", heard=turn.reply, status=await house.until("engine", "ok"))


async def test_an_engine_elsewhere_is_switched_off(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    assert (await house.say()).outcome == "done"
    before = await house.at_rest()
    await engine.stop()
    turn = await house.say()
    assert turn.error is not None
    assert turn.error["code"] == "engine_down"
    assert "Clear commands work" in turn.error["message"]
    status = await house.until("engine", "down")
    await engine.start()
    seconds = await house.recovered()
    report("it is switched off", heard=turn.error["message"], status=status, seconds=seconds)
    await house.lets_go(before)


# The daemon that the sidecar starts


@pytest.fixture
async def bundled(tmp_path: Path, home: ScriptedHome) -> AsyncIterator[Sidecar]:
    async with sidecar(
        tmp_path / "bundled",
        *PARTS,
        environment={"HASS_URL": home.url, "OLLAMA_ADDON_ENGINE_COMMAND": COMMAND},
    ) as it:
        yield it


def daemon(house: Sidecar) -> psutil.Process:
    return next(
        child for child in house.process.children() if "tests.faults.engine" in child.cmdline()
    )


async def broken_by(
    house: Sidecar, fault: Callable[[psutil.Process], None]
) -> tuple[str, psutil.Process]:
    """Do something to the daemon while it answers; return what the person hears."""
    process = daemon(house)
    turn = asyncio.create_task(house.say("tell me something slowly"))
    await asyncio.sleep(1)
    assert not turn.done()
    fault(process)
    heard = await turn
    assert heard.error is not None, heard
    return heard.error["message"], process


async def test_the_daemon_is_killed(bundled: Sidecar, report: Report) -> None:
    assert (await bundled.say()).outcome == "done"
    before = await bundled.at_rest()
    heard, process = await broken_by(bundled, psutil.Process.kill)
    assert "Clear commands work" in heard
    status = await bundled.until("engine", "down")
    assert "started again" in status or "starting" in status
    seconds = await bundled.recovered()
    assert daemon(bundled).pid != process.pid
    report("killed in the middle of an answer", heard=heard, status=status, seconds=seconds)
    await bundled.until("engine", "ok")
    await bundled.lets_go(before)


async def test_the_daemon_cannot_listen(tmp_path: Path, home: ScriptedHome, report: Report) -> None:
    port = free_port()

    async def occupy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    occupied = await asyncio.start_server(occupy, "127.0.0.1", port)
    async with sidecar(
        tmp_path / "data",
        environment={
            "HASS_URL": home.url,
            "OLLAMA_ADDON_ENGINE_COMMAND": COMMAND,
            "OLLAMA_ADDON_ENGINE_PORT": str(port),
        },
    ) as it:
        status = await it.until("engine", "down", "started again in")
        turn = await it.say()
        assert turn.error is not None
        occupied.close()
        seconds = await it.recovered()
        heard = turn.error["message"]
        report("its port is taken", heard=heard, status=status, seconds=seconds)


# Those that hang, at the same time: that takes most of a minute


async def test_engines_that_hang(
    house: Sidecar, engine: Scripted, bundled: Sidecar, report: Report
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(one_elsewhere_hangs(house, engine, report))
        group.create_task(our_own_hangs(bundled, report))


async def one_elsewhere_hangs(house: Sidecar, engine: Scripted, report: Report) -> None:
    assert (await house.say()).outcome == "done"
    before = await house.at_rest()
    silent = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        await silent.wait()
        raise web.HTTPServiceUnavailable

    usual = dict(engine.on)
    paths = ("/api/version", "/api/tags", "/api/ps", "/api/show", "/api/chat")
    engine.on |= dict.fromkeys(paths, hang)
    began = time.monotonic()
    turn = await house.say()
    took = time.monotonic() - began
    assert turn.error is not None
    assert "Clear commands work" in turn.error["message"]
    status = await house.until("engine", "down")
    engine.on = usual
    silent.set()
    seconds = await house.recovered()
    fault = f"it hangs; the person hears so after {took:.0f} s"
    report(fault, heard=turn.error["message"], status=status, seconds=seconds)
    await house.until("engine", "ok")
    await house.lets_go(before)


async def our_own_hangs(bundled: Sidecar, report: Report) -> None:
    assert (await bundled.say()).outcome == "done"
    before = await bundled.at_rest()
    began = time.monotonic()
    broken = asyncio.create_task(
        broken_by(bundled, lambda process: process.send_signal(signal.SIGSTOP))
    )
    status = await bundled.until("engine", "down")
    assert "does not answer" in status
    heard, process = await broken
    assert "Clear commands work" in heard
    await bundled.recovered()
    assert daemon(bundled).pid != process.pid
    report(
        "stopped with SIGSTOP in the middle of an answer",
        heard=heard,
        status=status,
        seconds=time.monotonic() - began,
    )
    await bundled.until("engine", "ok")
    await bundled.lets_go(before)
