"""The sidecar's own time: per turn, by the size of the house, and by many at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.figures import Figure, at_most, quantile
from bench.houses import target
from bench.rig import Rig, rig
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.understanding.interpreter import Interpreter
from tests.home.scripted_home import TOKEN, ScriptedHome

from .houses import furnish

SIZES = (100, 500, 1000, 5000)
_TURNS = 200
_BREATH = 0.03
"""Seconds between two turns of one person."""
_AT_ONCE = (1, 8, 32)
_MB = 2**20


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure; return the figures and the raw numbers (milliseconds, MiB)."""
    raw: dict[str, Any] = {}
    for size in SIZES:
        raw[str(size)] = await _turns(size, 60 if quick else _TURNS)
    raw["lookup"] = {str(size): await _lookup(size) for size in (100, 5000)}
    figures = [
        at_most("sidecar's own time per turn, 500 entities, p50", raw["500"]["own"], 5, "ms"),
        at_most(
            "sidecar's own time per turn, 500 entities, p99",
            raw["500"]["own"],
            15,
            "ms",
            share=0.99,
        ),
        at_most("start to ready, 1,000 entities", [raw["1000"]["ready"]], 3, "s"),
        at_most("resident memory, 1,000 entities", [raw["1000"]["resident"]], 120, "MiB"),
        at_most(
            "own time per turn, 5,000 against 100 entities, by size",
            [
                quantile(raw["5000"]["own"], 0.5) / quantile(raw["100"]["own"], 0.5) / 50,
            ],
            1,
            "ratio",
            note="1 would be linear growth with the entities.",
        ),
        at_most("interpretation, 5,000 entities", raw["lookup"]["5000"], 15, "ms"),
    ]
    return figures, raw


async def _turns(size: int, turns: int) -> dict[str, Any]:
    async with rig(size) as it:
        own = []
        for number in range(turns + 10):
            # Another sentence each time, as people say them.
            text = _order(it, number)
            own.append((await it.converse(text))["timings"]["own"])
            # What was said is written down after the reply; nobody talks on at that moment.
            await asyncio.sleep(_BREATH)
        del own[:10]
        text = _order(it, 0)
        at_once = {}
        for number in _AT_ONCE:
            began = time.perf_counter()
            for _ in range(max(1, turns // 4 // number)):
                await asyncio.gather(*(it.converse(text) for _ in range(number)))
            count = max(1, turns // 4 // number) * number
            at_once[str(number)] = count / (time.perf_counter() - began)
        return {
            "own": own,
            "p50": quantile(own, 0.5),
            "p99": quantile(own, 0.99),
            "turns_a_second": at_once,
            "ready": it.seconds_to_ready,
            "resident": it.resident / _MB,
        }


def _order(it: Rig, number: int) -> str:
    """Have the engine choose a light, and return the sentence that asks for it."""
    name = target(len(it.house.areas), number)
    it.engine.reply = f'{{"do":["turn on {name}"]}}'
    return f"turn on the {name.lower()}"


async def _lookup(size: int) -> list[float]:
    """Return the milliseconds of look-ups in a house of this size."""
    async with ScriptedHome() as home:
        house = furnish(home, size)
        connection = Connection.from_url(home.url, TOKEN)
        mirror = Mirror(connection)
        await connection.start()
        found = await mirror.wait_ready(60)
        await connection.stop()
        interpreter = Interpreter(found, "en")
        took = []
        for number in range(100):
            text = f"turn on the {target(len(house.areas), number).lower()} please, {number}"
            began = time.perf_counter()
            interpreter.interpret(text)
            took.append((time.perf_counter() - began) * 1000)
        return took
