"""Very many turns one after another: what the sidecar holds must not grow with them."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.figures import Figure, at_most
from bench.houses import target
from bench.rig import Rig, rig

_TURNS = 5_000
_TALKERS = 4
_WARM = 400
_MB = 2**20


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure; return the figures and the raw numbers."""
    turns = _TURNS // (5 if quick else 1)
    rows = []
    async with rig(100) as it:
        await _talk(it, _WARM)
        rows.append(_held(it, 0))
        for done in range(0, turns, turns // 5):
            await _talk(it, turns // 5)
            rows.append(_held(it, done + turns // 5))
    # The first rows still fill what is bounded: conversations that are kept, SQLite's cache.
    grown = [rows[-1]["resident"] - rows[1]["resident"]]
    descriptors = [rows[-1]["descriptors"] - rows[0]["descriptors"]]
    return [
        at_most("soak memory grown", grown, 8, "MiB", note=f"{turns} turns"),
        at_most("soak descriptors grown", descriptors, 4, "", note=f"{turns} turns"),
    ], {"rows": rows}


async def _talk(it: Rig, turns: int) -> None:
    name = target(len(it.house.areas), 0)
    it.engine.reply = f'{{"do":["turn on {name}"]}}'

    async def one() -> None:
        for number in range(turns // _TALKERS):
            await it.converse(f"turn on the {name.lower()} please, {number}")

    await asyncio.gather(*(one() for _ in range(_TALKERS)))


def _held(it: Rig, turns: int) -> dict[str, float]:
    return {
        "turns": turns,
        "resident": it.resident / _MB,
        "descriptors": it.process.num_fds(),
        "threads": it.process.num_threads(),
    }
