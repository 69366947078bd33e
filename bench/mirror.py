"""The mirror of a large house: how long it takes to read, and how it keeps up with states."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.figures import Figure
from bench.rig import rig

_ENTITIES = 5000
_CHANGES_A_SECOND = 1000
_SECONDS = 5


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure; there is no bar for it, only raw numbers."""
    async with rig(_ENTITIES) as it:
        before = it.process.cpu_times()
        ids = list(it.house.states)
        seconds = 2 if quick else _SECONDS
        began = time.perf_counter()
        lags = []
        batch = 50
        for number in range(seconds * _CHANGES_A_SECOND // batch):
            changes = {
                ids[(number * batch + each) % len(ids)]: {"+": {"s": f"{number}", "lu": 2.0}}
                for each in range(batch)
            }
            await it.home.send("subscribe_entities", {"c": changes})
            if number % 10 == 0:
                asked = time.perf_counter()
                (await it.client.get("/health")).raise_for_status()
                lags.append((time.perf_counter() - asked) * 1000)
            ahead = began + (number + 1) * batch / _CHANGES_A_SECOND - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
        took = time.perf_counter() - began
        after = it.process.cpu_times()
        used = after.user + after.system - before.user - before.system
        return [], {
            "entities": _ENTITIES,
            "seconds to ready": it.seconds_to_ready,
            "resident, MiB": it.resident / 2**20,
            "changes a second": seconds * _CHANGES_A_SECOND / took,
            "share of a core": used / took,
            "answer of /health meanwhile, ms": {
                "median": sorted(lags)[len(lags) // 2],
                "worst": max(lags),
            },
        }
