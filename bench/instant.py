"""Commands that need no model: how fast they are, and how many of the sentences they are.

The same sentences go to Home Assistant's own conversation agent and to ours through the
integration, in turns, in one real Home Assistant.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from typing import Any

import httpx

from bench.figures import Figure, at_least, at_most, quantile
from bench.turn import HOMES, JUDGED, lights_of
from dev.stack import ROOT, Stack
from eval.cases import Kind, load_cases
from eval.home import load_homes
from eval.interpret import Reading, run as interpret
from ollama_addon.understanding.interpreter import Interpreter

_CORE = "conversation.home_assistant"
_RATIO = 1.5
_MILLISECONDS = 10.0
"""What may come on top of Home Assistant's own agent where that is more than the ratio."""
_SHARE = 0.8
_TURNS = 40
_EVERYDAY: frozenset[Kind] = frozenset(
    {"plain", "value", "group", "level", "direction", "question", "duration", "several"}
)
"""What people say to their homes on most days."""


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure; return the figures and the raw numbers (milliseconds, shares by language)."""
    core, ours = await _timed(10 if quick else _TURNS)
    readings = await asyncio.to_thread(_readings)
    base = quantile(core, 0.5)
    bar = max(_RATIO, (base + _MILLISECONDS) / base)
    shares = {name: _share(each) for name, each in sorted(readings.items())}
    held = [each for found in readings.values() for each in found if each.set == "held"]
    return [
        at_most(
            f"instant command, {HOMES[JUDGED]} entities, against Home Assistant's own agent",
            [each / base for each in ours],
            bar,
            "x core",
            note=f"Home Assistant's own: {base:.1f} ms; {_RATIO:g} times that, or "
            f"{_MILLISECONDS:g} ms more.",
        ),
        at_least(
            "everyday sentences without a model",
            [_share(held)],
            _SHARE,
            "share",
            note=f"Of the {len(held):,} in {len(readings)} languages that are held back, rightly.",
        ),
    ], {"core, ms": core, "ours, ms": ours, "without a model": shares, "held back": len(held)}


async def _timed(turns: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each turn of Home Assistant's own agent, and of ours."""
    home = ROOT / "eval" / "homes" / f"{JUDGED}.yaml"
    lights = lights_of(home)
    took: dict[str, list[float]] = defaultdict(list)
    async with Stack("bench", inventory=home) as stack:
        await stack.connect()
        ours = await stack._agent_in_home("home")
        async with httpx.AsyncClient(
            base_url=stack.home.url,
            headers={"Authorization": f"Bearer {stack.home.token}"},
            timeout=60,
            trust_env=False,
        ) as http:
            for number in range(turns + len(lights)):
                word = "on" if number % 2 == 0 else "off"
                text = f"turn {word} the {lights[number % len(lights)].lower()}"
                for agent in (_CORE, ours) if number % 2 else (ours, _CORE):
                    took[agent].append(await _say(http, agent, text))
    # The first ones read the words of the language.
    return took[_CORE][len(lights) :], took[ours][len(lights) :]


async def _say(http: httpx.AsyncClient, agent: str, text: str) -> float:
    """Say a sentence in Assist and return the milliseconds until the reply."""
    began = time.perf_counter()
    answer = await http.post(
        "/api/conversation/process", json={"text": text, "agent_id": agent, "language": "en"}
    )
    took = (time.perf_counter() - began) * 1000
    response = answer.raise_for_status().json()["response"]
    if response["response_type"] == "error":
        raise RuntimeError(f"{agent} failed: {response['speech']['plain']['speech']}")
    return took


def _readings() -> dict[str, list[Reading]]:
    """Return how the everyday sentences of the evaluation are read, by language."""
    cases = [case for case in load_cases() if case.kind in _EVERYDAY]
    found: dict[str, list[Reading]] = defaultdict(list)
    for each in interpret(
        cases, load_homes(), Interpreter, most=0, processes=os.cpu_count() or 1
    ).readings:
        found[each.language].append(each)
    return found


def _share(readings: list[Reading]) -> float:
    """Return the share that is carried out, answered or asked about rightly, without a model."""
    good = sum(each.instant and each.grade in ("right", "asked") for each in readings)
    return good / len(readings)
