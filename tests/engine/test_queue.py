from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from ollama_addon.engine import queue as queue_module
from ollama_addon.engine.queue import LIMIT, GivenUpError, Place, Priority, Queue
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import ServerOptions

from .scripted import Scripted, answer, lines, until


@dataclass
class OneAtATime:
    """An engine that answers what it is asked when it is told to; the order is kept."""

    asked: list[str] = field(default_factory=list)
    now: int = 0
    most: int = 0
    go: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((await request.json())["messages"][0]["content"])
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.go.acquire()
            return await lines(request, *answer("Hello"))
        finally:
            self.now -= 1


@asynccontextmanager
async def engine(scripted: Scripted, places: int) -> AsyncIterator[tuple[OneAtATime, Servers]]:
    slow = scripted.on["/api/chat"] = OneAtATime()
    servers = Servers([ServerOptions(url=scripted.url)], None)
    await servers.start()
    # As the bundled one is: it takes as many at once as its options say.
    servers.all[0].bundled = True
    servers.configure([], servers.engine.model_copy(update={"num_parallel": places}))
    try:
        yield slow, servers
    finally:
        await servers.stop()


TASK = Priority.TASK


async def ask(servers: Servers, text: str, priority: Priority = Priority.VOICE) -> str:
    messages = [{"role": "user", "content": text}]
    chunks = [chunk async for chunk in servers.chat("m:1", messages, priority=priority)]
    return "".join(chunk["message"]["content"] for chunk in chunks)


async def test_32_conversations_at_once_are_answered_in_the_order_they_came(
    scripted: Scripted,
) -> None:
    async with engine(scripted, 1) as (slow, servers):
        first = asyncio.create_task(ask(servers, "first"))
        await until(lambda: slow.asked == ["first"])
        tasks = [asyncio.create_task(ask(servers, f"task {n}", TASK)) for n in range(5)]
        await until(lambda: servers.waiting == 5)
        turns = []
        for number in range(LIMIT):
            turns.append(asyncio.create_task(ask(servers, f"turn {number}")))
            await until(lambda: servers.waiting == 5 + len(turns))

        with pytest.raises(AddonError, match="32 others wait") as raised:
            await ask(servers, "one too many")
        assert (raised.value.code, raised.value.status) == ("engine_busy", 503)

        for _ in range(1 + LIMIT + 5):
            slow.go.release()
        assert await asyncio.gather(first, *turns, *tasks) == ["Hello"] * (1 + LIMIT + 5)
        expected = ["first", *(f"turn {n}" for n in range(LIMIT)), *(f"task {n}" for n in range(5))]
        assert slow.asked == expected
        assert slow.most == 1
        assert servers.waiting == 0


async def test_tasks_leave_the_last_of_several_places_to_people(scripted: Scripted) -> None:
    async with engine(scripted, 3) as (slow, servers):
        tasks = [asyncio.create_task(ask(servers, f"task {n}", TASK)) for n in range(4)]
        await until(lambda: slow.now == 2 and servers.waiting == 2)
        turn = asyncio.create_task(ask(servers, "turn"))
        await until(lambda: slow.asked[-1] == "turn")
        assert slow.now == 3
        for _ in range(5):
            slow.go.release()
        await asyncio.gather(turn, *tasks)


async def test_tasks_do_not_take_the_places_of_people_who_wait() -> None:
    queue = Queue(1)
    async with queue.enter(Place(Priority.TASK)):
        tasks = [asyncio.create_task(enter(queue, priority=Priority.TASK)) for _ in range(LIMIT)]
        await until(lambda: queue.waiting == LIMIT)
        with pytest.raises(AddonError, match="too much to do"):
            await enter(queue, priority=Priority.TASK)
        person = asyncio.create_task(enter(queue, priority=Priority.VOICE))
        await until(lambda: queue.waiting == LIMIT + 1)
    await asyncio.gather(person, *tasks)


async def test_who_hangs_up_makes_room(scripted: Scripted) -> None:
    async with engine(scripted, 1) as (slow, servers):
        first = asyncio.create_task(ask(servers, "first"))
        await until(lambda: slow.asked == ["first"])
        second = asyncio.create_task(ask(servers, "second"))
        third = asyncio.create_task(ask(servers, "third"))
        await until(lambda: servers.waiting == 2)
        second.cancel()
        await until(lambda: servers.waiting == 1)
        first.cancel()
        await until(lambda: slow.asked == ["first", "third"])
        slow.go.release()
        slow.go.release()
        assert await third == "Hello"


async def test_an_answer_that_is_not_read_to_its_end_gives_the_place_back(
    scripted: Scripted,
) -> None:
    async with engine(scripted, 1) as (slow, servers):
        for _ in range(3):
            slow.go.release()
            async for _chunk in servers.chat("m:1", [{"role": "user", "content": "cut off"}]):
                break
        slow.go.release()
        assert await ask(servers, "after it") == "Hello"


async def test_an_engine_that_fails_gives_the_place_back(scripted: Scripted) -> None:
    async with engine(scripted, 1) as (_, servers):

        async def fail(_request: web.Request) -> web.Response:
            return web.json_response({"error": "llama runner process has terminated"}, status=500)

        scripted.on["/api/chat"] = fail
        for _ in range(3):
            with pytest.raises(AddonError, match="could not run m:1"):
                await ask(servers, "hello")
        del scripted.on["/api/chat"]
        assert await ask(servers, "after it") == "Hello"


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "_PATIENCE", 0.01)
    queue = Queue(1)
    async with queue.enter(Place(Priority.VOICE)):
        with pytest.raises(AddonError, match="for minutes") as raised:
            await enter(queue, priority=Priority.VOICE)
        assert raised.value.code == "engine_busy"
        assert queue.waiting == 0


async def test_places_are_never_lost_nor_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever callers go away: at most so many are let in, and in the end all places are free."""
    chance = random.Random(9)
    monkeypatch.setattr(queue_module, "_PATIENCE", 0.02)
    queue = Queue(3)
    inside = 0

    async def caller() -> None:
        nonlocal inside
        async with queue.enter(Place(chance.choice(list(Priority)))):
            inside += 1
            assert inside <= 3
            try:
                await asyncio.sleep(chance.random() / 200)
            finally:
                inside -= 1

    async def hasty() -> None:
        with suppress(AddonError, TimeoutError):
            async with asyncio.timeout(chance.random() / 50):
                await caller()

    for _ in range(20):
        await asyncio.gather(*(hasty() for _ in range(40)))
        assert (queue.waiting, inside) == (0, 0)
    async with (
        queue.enter(Place(Priority.VOICE)),
        queue.enter(Place(Priority.VOICE)),
        queue.enter(Place(Priority.VOICE)),
    ):
        pass


async def enter(queue: Queue, *, priority: Priority) -> None:
    async with queue.enter(Place(priority)):
        pass


# Who makes room


async def test_the_order_is_that_of_priorities(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(1)
    seen: list[Priority] = []

    async def come(priority: Priority) -> None:
        async with queue.enter(Place(priority)):
            seen.append(priority)

    async with queue.enter(Place(Priority.VOICE)):
        coming = [asyncio.create_task(come(priority)) for priority in reversed(Priority)]
        await until(lambda: queue.waiting == len(coming))
    await asyncio.gather(*coming)
    assert seen == list(Priority)


@pytest.mark.parametrize("priority", [Priority.WARM_UP, Priority.TASK])
async def test_a_person_gets_the_only_place_and_the_other_one_is_asked_again(
    priority: Priority, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "_GRACE", 0.01)
    async with engine(scripted, 1) as (slow, servers):
        other = asyncio.create_task(ask(servers, "other", priority))
        await until(lambda: slow.asked == ["other"])
        turn = asyncio.create_task(ask(servers, "turn"))
        await until(lambda: slow.asked == ["other", "turn"])
        slow.go.release()
        assert await turn == "Hello"
        await until(lambda: slow.asked == ["other", "turn", "other"])
        slow.go.release()
        assert await other == "Hello"


async def test_people_do_not_make_room_for_each_other(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "_GRACE", 0.01)
    async with engine(scripted, 1) as (slow, servers):
        first = asyncio.create_task(ask(servers, "first"))
        await until(lambda: slow.asked == ["first"])
        second = asyncio.create_task(ask(servers, "second"))
        task = asyncio.create_task(ask(servers, "task", TASK))
        await asyncio.sleep(0.05)
        slow.go.release()
        assert await first == "Hello"
        slow.go.release()
        assert await second == "Hello"
        slow.go.release()
        assert await task == "Hello"
        assert slow.asked == ["first", "second", "task"]


async def test_who_is_broken_off_knows_by_whom() -> None:
    place = Place(Priority.GATEWAY)
    asyncio.get_running_loop().call_later(0.01, place.give_up)
    with pytest.raises(GivenUpError):
        async with place.interruptible():
            await asyncio.sleep(60)
    # The next attempt is not broken off for the same reason.
    async with place.interruptible():
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with place.interruptible(), asyncio.timeout(0.001):
            await asyncio.sleep(60)
    # Told outside of it, it holds for the next thing that can be broken off.
    place.give_up()
    with pytest.raises(GivenUpError):
        async with place.interruptible():
            await asyncio.sleep(60)


async def test_a_warm_up_reaches_every_slot(scripted: Scripted) -> None:
    async with engine(scripted, 3) as (slow, servers):
        warming = asyncio.create_task(ask(servers, "prefix", Priority.WARM_UP))
        await until(lambda: slow.now == 3)
        for _ in range(3):
            slow.go.release()
        assert await warming == "Hello"
        task = asyncio.create_task(ask(servers, "task", TASK))
        await until(lambda: slow.now == 1)
        slow.go.release()
        await task
        assert slow.asked == ["prefix"] * 3 + ["task"]
