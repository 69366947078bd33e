"""A hundred open orders that wait: what they cost while nothing is due."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_most
from ollama_addon.agent.orders import Speaker
from ollama_addon.home.model import House
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.performer import Result
from ollama_addon.scheduling.planner import MOST
from ollama_addon.scheduling.scheduler import Scheduler
from ollama_addon.scheduling.store import OrderStore
from ollama_addon.understanding.vocabulary import Action

_SECONDS = 40
_CORE_SHARE = 1.0
"""Percent of a core."""
_MEMORY = 2.0
"""MiB."""


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure the share of a core and the memory of a scheduler with all orders that it takes."""
    seconds = 10 if quick else _SECONDS
    with tempfile.TemporaryDirectory() as folder:
        scheduler = Scheduler(
            OrderStore(Path(folder) / "orders.sqlite"),
            _Nobody(),
            _Nobody(),
            ready=_ready,
            house=House,
            wording=lambda key, order: key,
        )
        await scheduler.start()
        gc.collect()
        tracemalloc.start()
        for number in range(MOST):
            await scheduler.add(_order(number))
        gc.collect()
        memory = tracemalloc.get_traced_memory()[0] / 2**20
        tracemalloc.stop()
        used, began = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        share = (time.process_time() - used) / (time.monotonic() - began) * 100
        await scheduler.stop()
    return [
        at_most(f"{MOST} open orders, share of a core", [share], _CORE_SHARE, "%"),
        at_most(f"{MOST} open orders, memory", [memory], _MEMORY, "MiB"),
    ], {"orders": MOST, "seconds": seconds}


def _order(number: int) -> Order:
    action = Action("HassLightSet", {"name": "light.kitchen", "brightness": number})
    due = time.time() + 3600 + number
    return Order(due, (action,), f"set the kitchen light to {number}", Speaker("home", "en"))


async def _ready() -> bool:
    return True


class _Nobody:
    """Nothing is due while it is measured: whatever is done is a fault."""

    async def perform(self, order: Order) -> Result:
        raise AssertionError(order)

    async def not_done(self, order: Order, sentence: str) -> None:
        raise AssertionError(order)

    async def done(self, order: Order, sentence: str) -> None:
        raise AssertionError(order)

    async def failed(self, order: Order, sentence: str, *, aloud: bool) -> None:
        raise AssertionError(order)
