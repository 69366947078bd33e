"""The engine room, in the running stack: what the panel and the companion ask it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from dev.stack import Stack
from tests.keeping import keep_options

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def get(stack: Stack, path: str) -> Any:
    return (await stack.client.get(path)).raise_for_status().json()


async def figures(stack: Stack) -> dict[str, float]:
    """Return all samples by name and labels."""
    text = (await stack.client.get("/metrics")).raise_for_status().text
    return {
        " ".join([sample.name, *sorted(sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest_asyncio.fixture(loop_scope="session")
async def options(stack: Stack) -> AsyncIterator[dict[str, Any]]:
    """The options, put back afterwards."""
    before = (await get(stack, "/api/options"))["options"]
    yield before
    running = await engine(stack)
    changed = (await get(stack, "/api/options"))["options"]["engine"] != before["engine"]
    (await keep_options(stack.client, before)).raise_for_status()
    if changed:
        await restarted(stack, running)
    await stack.until_ready()


async def engine(stack: Stack) -> psutil.Process:
    """Return the process of the engine, a child of the sidecar's, as soon as there is one."""
    port = stack.sidecar_url.rpartition(":")[2]
    async with asyncio.timeout(60):
        while True:
            for process in psutil.process_iter(["environ", "cmdline"]):
                if (process.info["environ"] or {}).get("OLLAMA_ADDON_PORT") != port:
                    continue
                # Any of them may end while it is looked at.
                with contextlib.suppress(psutil.Error):
                    if "ollama_addon" in (process.info["cmdline"] or []):
                        for each in process.children():
                            if "serve" in each.cmdline():
                                return each
            await asyncio.sleep(0.1)


async def computing(engine: psutil.Process) -> None:
    """Wait until the engine's model has computed for a moment."""
    seconds: dict[int, float] = {}
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(psutil.Error):
                for each in engine.children():
                    now = each.cpu_times().user
                    if now > seconds.setdefault(each.pid, now) + 0.2:
                        return
            await asyncio.sleep(0.05)


async def restarted(stack: Stack, before: psutil.Process) -> None:
    """Wait until another process of the engine has taken the place of this one."""
    async with asyncio.timeout(60):
        while before.is_running() or not (await get(stack, "/api/servers"))[0]["models"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await stack.until_ready()


async def generate(stack: Stack, instructions: str) -> httpx.Response:
    """Have the model write something: a clear command needs none."""
    body = {"instructions": instructions}
    return await stack.client.post("/api/agents/home/generate", json=body)


async def test_what_this_machine_can_run(stack: Stack) -> None:
    (await generate(stack, "Say hello.")).raise_for_status()
    found = await get(stack, "/api/models/recommended")
    assert found["machine"]["cores"] >= 1
    assert sum(row["suggested"] for row in found["models"]) <= 1
    row = next(row for row in found["models"] if row["name"] == stack.model)
    assert row["basis"] == "measured"
    assert row["seconds_per_command"] > 0
    assert {row["basis"] for row in found["models"]} == {"measured", "scaled"}
    async with asyncio.timeout(10):
        while not (model := (await get(stack, "/api/models"))[0])["loaded"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert model["prompt_speed"] > 0
    assert model["decode_speed"] > 0


async def test_servers_are_shown(stack: Stack) -> None:
    (server,) = await get(stack, "/api/servers")
    assert (server["bundled"], server["state"]) == (True, "ok")
    assert stack.model in server["models"]
    assert server["latency"] > 0


async def test_figures_for_prometheus(stack: Stack) -> None:
    before = await figures(stack)
    await stack.say("turn off the kitchen light")
    (await generate(stack, "Say hello.")).raise_for_status()
    after = await figures(stack)
    assert after["ollama_addon_turns_total done home"] == 1 + before.get(
        "ollama_addon_turns_total done home", 0
    )
    calls = f"ollama_addon_model_calls_total {stack.model}"
    assert after[calls] > before.get(calls, 0)
    assert after[f"ollama_addon_tokens_total completion {stack.model}"] > 0
    assert after["ollama_addon_home_connected"] == 1
    assert after["ollama_addon_engine_restarts_total"] >= 0
    assert after["ollama_addon_first_token_seconds_count home"] >= 1
    unauthorized = await stack.client.get("/metrics", headers={"Authorization": "Bearer no"})
    assert unauthorized.status_code == 401


async def test_the_log_of_both(stack: Stack) -> None:
    lines = await get(stack, "/api/log?level=debug")
    assert {"ollama", "home.connection"} <= {line["source"] for line in lines}
    assert stack.token not in str(lines)
    assert all(line["level"] != "DEBUG" for line in await get(stack, "/api/log"))
    wrong = await stack.client.get("/api/log?level=loud")
    assert wrong.status_code == 422


async def test_other_engine_settings_restart_the_engine_after_its_answer(
    stack: Stack, options: dict[str, Any]
) -> None:
    before = await engine(stack)
    sidecar = before.ppid()
    access = await get(stack, "/api/home-assistant/access")
    request = {
        "model": stack.model,
        "messages": [{"role": "user", "content": "Tell a long story about a cat."}],
        "options": {"num_predict": 150},
    }
    async with (
        httpx.AsyncClient(timeout=120, trust_env=False) as app,
        app.stream(
            "POST",
            f"http://127.0.0.1:{access['gateway_port']}/api/chat",
            headers={"Authorization": f"Bearer {access['gateway_key']}"},
            json=request,
        ) as tale,
    ):
        lines = tale.aiter_lines()
        await anext(lines)  # it is under way
        wanted = options | {"engine": options["engine"] | {"cache_ram": 300}}
        answer = await keep_options(stack.client, wanted)
        assert answer.json() == {"waiting_for_restart": []}
        assert before.is_running()
        rest = [json.loads(line) async for line in lines]
    assert rest[-1]["done"]  # it was not cut off
    await restarted(stack, before)
    after = await engine(stack)
    assert (after.pid != before.pid, after.ppid()) == (True, sidecar)
    turn = await stack.say("turn on the kitchen light")
    assert turn.outcome == "done"


async def test_an_engine_that_is_killed_in_the_middle_of_an_answer(stack: Stack) -> None:
    before = await engine(stack)
    tale = asyncio.create_task(generate(stack, "Tell a long story about a dog."))
    await computing(before)
    before.kill()
    answer = await tale
    assert answer.status_code == 503
    assert "started again by itself" in answer.json()["error"]["message"]
    await restarted(stack, before)
    turn = await stack.say("turn off the kitchen light")
    assert (turn.outcome, bool(turn.reply)) == ("done", True)
    assert (await figures(stack))["ollama_addon_engine_restarts_total"] >= 1


async def test_another_agent_needs_no_restart(stack: Stack, options: dict[str, Any]) -> None:
    home = options["agents"][0]
    poet = home | {
        "id": "poet",
        "name": "Poet",
        "control_home": False,
        "instructions": "You are a poet.",
    }
    running = await engine(stack)
    wanted = options | {"agents": [home, poet], "wyoming": not options["wyoming"]}
    answer = await keep_options(stack.client, wanted)
    assert answer.json() == {"waiting_for_restart": ["wyoming"]}
    assert [agent["id"] for agent in await get(stack, "/api/agents")] == ["home", "poet"]
    assert (await stack.say("hello", agent="poet")).reply
    assert running.is_running()
    assert (await get(stack, "/api/options"))["options"]["agents"] == [home, poet]


async def test_bad_options_are_refused_and_change_nothing(
    stack: Stack, options: dict[str, Any]
) -> None:
    wanted = options | {"agents": [{"name": "Home", "model": "-bad-"}]}
    answer = await keep_options(stack.client, wanted)
    assert answer.status_code == 422
    assert "must be the name of a model" in answer.json()["error"]["message"]
    assert (await get(stack, "/api/options"))["options"] == options
    problems = await stack.client.post("/api/options/check", json={"options": wanted})
    assert problems.json()[0]["field"] == "agents[0].model"
