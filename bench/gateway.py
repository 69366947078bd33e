"""What the gateway adds to Ollama: to the first byte, and to the rate of a stream."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from bench.engine import MODEL
from bench.figures import Figure, at_least, at_most, quantile
from bench.rig import Rig, rig
from dev.sidecar import GATEWAY_KEY

_FIRSTS = 150
_STREAMS = 4
_TOKENS = 200
_PAUSE = 0.01
"""Seconds between two tokens: a hundred a second, more than any model here writes."""
_ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
_AT_ONCE = (1, 16)


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure; return the figures and the raw numbers."""
    raw: dict[str, Any] = {}
    async with rig(10) as it:
        headers = {"Authorization": f"Bearer {GATEWAY_KEY}"}
        async with (
            httpx.AsyncClient(base_url=it.engine.url, trust_env=False, timeout=60) as direct,
            httpx.AsyncClient(
                base_url=it.gateway, headers=headers, trust_env=False, timeout=60
            ) as through,
        ):
            it.engine.reply, it.engine.pieces, it.engine.pause = "hello", 1, 0.0
            added = []
            for _ in range(40 if quick else _FIRSTS):
                alone = await _first_byte(direct)
                added.append((await _first_byte(through) - alone) * 1000)
            raw["first byte added, ms"] = added[5:]
            rates = []
            for clients in _AT_ONCE:
                pairs = [
                    (await _rate(it, direct, clients), await _rate(it, through, clients))
                    for _ in range(2 if quick else _STREAMS)
                ]
                shares = [ours / alone for alone, ours in pairs]
                raw[f"streaming rate, {clients} clients"] = {
                    "tokens a second, direct and through": pairs,
                    "share": quantile(shares, 0.5),
                }
                rates += shares
    return [
        at_most("gateway: added to the first byte", added[5:], 2, "ms"),
        at_least("gateway: streaming rate, 1 and 16 clients", rates, 0.95, "x direct"),
    ], raw


async def _first_byte(client: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    async with client.stream("POST", "/api/chat", json=_ASKED) as answer:
        parts = answer.aiter_raw()
        await anext(parts)
        took = time.perf_counter() - began
        async for _ in parts:
            pass
    return took


async def _rate(it: Rig, client: httpx.AsyncClient, clients: int) -> float:
    """Return the tokens a second that so many streams bring together."""
    it.engine.reply, it.engine.pieces, it.engine.pause = "x" * _TOKENS, _TOKENS, _PAUSE
    began = time.perf_counter()

    async def stream() -> int:
        async with client.stream("POST", "/api/chat", json=_ASKED) as answer:
            return sum([1 async for line in answer.aiter_lines() if line]) - 1

    tokens = sum(await asyncio.gather(*(stream() for _ in range(clients))))
    return tokens / (time.perf_counter() - began)
