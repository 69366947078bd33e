"""More people than a model can answer at once, and very many turns one after another."""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial

import pytest
from aiohttp import web

from ollama_addon.engine.queue import LIMIT
from tests.engine.scripted import Scripted
from tests.home.scripted_home import eventually

from .conftest import Report
from .engine import chat
from .house import Sidecar

PLACES = 17
"""How many requests a server elsewhere is sent at once."""
BEYOND = 12


async def test_more_people_than_a_model_can_answer(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    before = await house.at_rest()
    released = asyncio.Event()
    asked = 0

    async def busy(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        await released.wait()
        return await chat(request)

    engine.on["/api/chat"] = busy
    turns = {asyncio.create_task(house.say()) for _ in range(PLACES + LIMIT + BEYOND)}
    while len(ended := {turn for turn in turns if turn.done()}) < BEYOND:
        await asyncio.wait(turns - ended, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    sent_away = [turn.result() for turn in ended]
    assert len(sent_away) == BEYOND
    assert {turn.error["code"] for turn in sent_away if turn.error} == {"engine_busy"}
    await eventually(lambda: asked >= PLACES)
    assert asked == PLACES
    began = time.monotonic()
    released.set()
    answered = await asyncio.gather(*(turns - ended))
    assert {turn.outcome for turn in answered} == {"done"}
    assert sent_away[0].error is not None
    report(
        f"{len(turns)} people at once",
        heard=f"{BEYOND} of them: {sent_away[0].error['message']}",
        seconds=time.monotonic() - began,
    )
    engine.on["/api/chat"] = chat
    await house.lets_go(before)


async def test_thirty_two_conversations_are_answered_in_their_order(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    heard: list[int] = []
    gate = asyncio.Semaphore(0)

    async def one_by_one(request: web.Request) -> web.StreamResponse:
        said = (await request.json())["messages"][-1]["content"]
        if found := re.search(r"number (\d+)", said):
            heard.append(int(found[1]))
            await gate.acquire()
        return await chat(request)

    assert (await house.say()).outcome == "done"
    engine.on["/api/chat"] = one_by_one
    turns = []
    for number in range(32):
        turns.append(asyncio.create_task(house.say(f"good evening number {number}")))
        await asyncio.sleep(0.2)
    began = time.monotonic()
    for asked in range(PLACES, 32):
        await eventually(partial(_reached, heard, asked))
        gate.release()
    for _ in range(PLACES):
        gate.release()
    assert {turn.reply for turn in await asyncio.gather(*turns)} == {"Hello."}
    # Those that had to wait come in the order in which they began to.
    assert heard[PLACES:] == list(range(PLACES, 32))
    report(f"{len(turns)} conversations at once", seconds=time.monotonic() - began)


def _reached(heard: list[int], number: int) -> bool:
    return len(heard) >= number


async def test_a_person_goes_ahead_of_tasks(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    released = asyncio.Event()

    async def chore(request: web.Request) -> web.StreamResponse:
        if "a chore" in (await request.json())["messages"][-1]["content"]:
            await released.wait()
        return await chat(request)

    engine.on["/api/chat"] = chore
    body = {"instructions": "a chore"}
    path = "/api/agents/home/generate"
    tasks = [asyncio.create_task(house.client.post(path, json=body)) for _ in range(LIMIT)]
    await asyncio.sleep(1)
    turn = await house.say()
    assert turn.outcome == "done"
    assert not [task for task in tasks if task.done()]
    released.set()
    for answer in await asyncio.gather(*tasks):
        answer.raise_for_status()
    report(f"an order while {LIMIT} AI tasks run or wait", heard=turn.reply)


@pytest.mark.all
async def test_many_turns_leave_nothing_behind(house: Sidecar, report: Report) -> None:
    async def talk(number: int) -> None:
        for _ in range(number):
            assert (await house.say()).outcome == "done"

    await asyncio.gather(*(talk(50) for _ in range(4)))
    before = await house.at_rest()
    memory = house.process.memory_info().rss
    await asyncio.gather(*(talk(150) for _ in range(4)))
    grown = house.process.memory_info().rss - memory
    assert grown < 24 * 2**20, grown
    report("600 turns, one after another", heard=f"{grown / 2**20:.1f} MiB more")
    await house.lets_go(before)
