"""Orders for later while things go wrong: each is done exactly once, or told."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ollama_addon.agent.orders import Speaker
from ollama_addon.home.model import Satellite
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.store import OrderStore
from ollama_addon.understanding.vocabulary import Action
from tests.engine.scripted import Scripted
from tests.home.scripted_home import Message, ScriptedHome, eventually

from .conftest import Report
from .house import Sidecar, between, done, ending_well, furnished

SATELLITE = "assist_satellite.kitchen"


class House:
    """A scripted home that keeps which orders reached it, and what it was told."""

    def __init__(self, home: ScriptedHome) -> None:
        self.home = home
        house = furnished(home)
        house.states["light.kitchen"]["a"] = {"supported_color_modes": ["brightness"]}
        home.posts["intent/handle"] = self._handle
        home.answers["call_service"] = {}
        home.answers["ollama_addon/open_turn"] = Exception("Unknown command.")
        self.done: list[int] = []
        self.requests: list[Message] = []
        self.slow = 0.0

    def _handle(self, request: Message) -> web.Response:
        self.requests.append(request)
        self.done.append(request["data"]["brightness"])
        return done(request)

    @property
    def notifications(self) -> dict[str, str]:
        """The notifications that were made, by id."""
        return {
            data["notification_id"]: data["message"]
            for data in self.called("persistent_notification", "create")
        }

    def called(self, domain: str, service: str) -> list[dict[str, Any]]:
        return [
            {**each["service_data"], **each.get("target", {})}
            for each in self.home.asked("call_service")
            if (each["domain"], each["service"]) == (domain, service)
        ]


@pytest.fixture
def house(home: ScriptedHome) -> House:
    return House(home)


def order(number: int, due: float, **more: Any) -> Order:
    """Return an order that is told from others by its brightness, from 1 to 100."""
    return Order(
        due,
        (Action("HassLightSet", {"name": "light.kitchen", "brightness": number}),),
        f"set the kitchen light to {number}",
        Speaker("home", "en", Satellite(None, more.pop("satellite_id", None), "kitchen")),
        id=f"order{number}",
        **more,
    )


async def keep(it: Sidecar, orders: Iterable[Order]) -> None:
    """Put orders where the sidecar finds them at its start."""
    it.prepare()
    store = OrderStore(it.data / "orders.sqlite")
    await store.open()
    for each in orders:
        await store.add(each)
    await store.close()


@asynccontextmanager
async def stopped(tmp_path: Path, house: House, engine: Scripted) -> AsyncIterator[Sidecar]:
    async with ending_well(Sidecar(tmp_path / "data", **between(house.home, engine))) as it:
        yield it


async def test_done_and_seen(tmp_path: Path, house: House, engine: Scripted) -> None:
    async with stopped(tmp_path, house, engine) as it:
        now = time.time()
        await keep(
            it,
            [
                order(10, now - 100, satellite_id=SATELLITE),
                order(20, now - 1000),
                order(30, now + 3600),
                order(40, now + 7200),
                order(50, now + 7300),
            ],
        )
        await it.start("home", "agents")
        await eventually(lambda: house.done == [10] and house.notifications)
        assert house.requests[0]["satellite_id"] == SATELLITE
        await eventually(lambda: house.called("assist_satellite", "announce"))
        (said,) = house.called("assist_satellite", "announce")
        assert said["entity_id"] == [SATELLITE] or said["entity_id"] == SATELLITE
        assert "kitchen light" in said["message"].lower()
        assert list(house.notifications) == ["ollama_addon_order_order20"]
        planned = (await it.ask("/api/orders"))["orders"]
        assert [each["id"] for each in planned] == ["order30", "order40", "order50"]
        assert planned[0]["phrase"].startswith("set Kitchen light to 30 % ")
        assert planned[0]["entity_ids"] == ["light.kitchen"]
        assert (await it.client.delete("/api/orders/order40")).status_code == 204
        assert (await it.client.delete("/api/orders/order40")).status_code == 404
        assert (await it.client.post("/api/orders/order50/now")).status_code == 202
        await eventually(lambda: house.done == [10, 50])
        assert (await it.client.post("/api/orders/order50/now")).status_code == 404
        # The token does not write into Home Assistant.
        assert await it.ask("/api/automations") == []
        assert (await it.client.delete("/api/automations/any")).status_code == 403
        kept = (await it.ask("/api/history?source=order"))["turns"]
        assert Counter(each["outcome"] for each in kept) == {"done": 2, "failed": 1}
        whole = await it.ask(f"/api/history/{kept[0]['id']}")
        assert whole["actions"][0]["ok"]


async def test_not_exposed_any_more(tmp_path: Path, house: House, engine: Scripted) -> None:
    hidden = Action("HassLightSet", {"name": "light.attic", "brightness": 7})
    async with stopped(tmp_path, house, engine) as it:
        await keep(it, [replace(order(10, time.time() - 1), actions=(hidden,))])
        await it.start("home", "agents")
        await eventually(lambda: house.notifications)
        assert house.done == []
        (turn,) = (await it.ask("/api/history?source=order"))["turns"]
        assert turn["outcome"] == "failed"
        assert house.notifications == {"ollama_addon_order_order10": turn["reply"]}


@pytest.mark.parametrize(
    "moment", [-0.05, 0.05, *(pytest.param(each, marks=pytest.mark.all) for each in (0.01, 0.15))]
)
async def test_killed_at_the_very_second(
    tmp_path: Path, house: House, engine: Scripted, report: Report, moment: float
) -> None:
    numbers = range(1, 101)
    async with stopped(tmp_path, house, engine) as it:
        due = time.time() + 6
        await keep(it, [order(number, due) for number in numbers])
        await it.start("home", "agents")
        await asyncio.sleep(due + moment - time.time())
        it.kill()
        before = len(house.done)
        await it.start("home", "agents")
        told: set[str] = set()

        def settled() -> bool:
            told.update(key.removeprefix("ollama_addon_order_order") for key in house.notifications)
            return {*house.done, *map(int, told)} == set(numbers)

        await eventually(settled)
        await asyncio.sleep(0.5)
        times = Counter(house.done)
        assert max(times.values()) == 1, times
        assert not (await it.ask("/api/orders"))["orders"]
        report(
            f"killed {moment:+.2f} s from the second of 100 orders",
            heard=f"{before} done before, {len(told)} told, {len(house.done)} done in the end",
        )


async def test_home_assistant_restarts_at_the_second(
    tmp_path: Path, house: House, engine: Scripted, report: Report
) -> None:
    async with stopped(tmp_path, house, engine) as it:
        due = time.time() + 6
        await keep(it, [order(number, due) for number in range(1, 21)])
        await it.start("home", "agents")
        await asyncio.sleep(due - 0.2 - time.time())
        await house.home.close()
        await asyncio.sleep(1.0)
        assert house.done == []
        await house.home.open()
        await eventually(lambda: len(house.done) == 20)
        assert max(Counter(house.done).values()) == 1
        assert not house.notifications
        report("Home Assistant restarts at the second of 20 orders", heard="all done, once")


def test_what_is_kept_is_private(tmp_path: Path) -> None:
    async def made() -> Path:
        store = OrderStore(tmp_path / "orders.sqlite")
        await store.open()
        await store.add(order(1, time.time()))
        await store.close()
        return tmp_path / "orders.sqlite"

    path = asyncio.run(made())
    assert path.stat().st_mode & 0o077 == 0
    assert json.dumps("set the kitchen light to 1").encode() in path.read_bytes()
