"""What each technique brings: a simple order, with one of them switched off at a time.

The prompts are the agent's own, made of a house of a hundred entities, and are read by the real
engine; only the choice is scripted. No Home Assistant is needed, for nothing is carried out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import httpx

from bench.figures import Figure, quantile
from bench.houses import furnish, target
from bench.scribe import only, scribe
from bench.weights import TOKENIZER, make
from ollama_addon.agent.strategies.prompt import state_text
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import House
from ollama_addon.understanding.shortlist import Index
from ollama_addon.understanding.words import words_of
from tests.agent.scripted_agent import Talk, do
from tests.home.scripted_home import TOKEN, ScriptedHome

_SHAPE = "135m"
_MODEL = f"shape:{_SHAPE}"
_ENTITIES = 100
_CONTEXT = 8192
_OTHER_CONTEXT = 4096
_TURNS = 4


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the model; `answer` is all that it may say, anything where it is None."""

    messages: list[dict[str, Any]]
    answer: Any
    tools: Any = None
    format: Any = None
    context: int = _CONTEXT


@dataclass(slots=True)
class Cost:
    """What a turn cost; `read_tokens` are those of its prompts that were not cached."""

    calls: int = 0
    prompt_tokens: int = 0
    read_tokens: int = 0
    decoded_tokens: int = 0
    seconds: float = 0.0
    decode_ms: float = 0.0


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure; there is no bar for it, only raw numbers."""
    house = await _house()
    turns = 2 if quick else _TURNS
    raw: dict[str, Any] = {}
    async with (
        scribe() as it,
        httpx.AsyncClient(base_url=it.url, timeout=600, trust_env=False) as engine,
    ):
        await it.pull(TOKENIZER)
        await asyncio.to_thread(make, _SHAPE)
        for name, orders in (await _variants(house, turns + 1)).items():
            await it.unload(_MODEL)
            costs = [await _turn(engine, asks) for asks in orders]
            # The first finds an engine that has read nothing; all others one that is warm.
            raw[name] = {"first": asdict(costs[0]), "then": _middle(costs[1:])}
        raw["milliseconds per decoded token"] = await _grammars(engine, house)
    return [], raw


async def _variants(house: House, turns: int) -> dict[str, list[list[Ask]]]:
    """Return the requests of each turn: all techniques together, then one fewer each time."""
    usual = [await _asked(house, number) for number in range(turns)]
    native = [await _asked(house, number, strategy="native") for number in range(turns)]
    tiny = [await _asked(house, number, parameters=135_000_000) for number in range(turns)]
    return {
        "everything on": [[ask] for ask in usual],
        "states and time before the house": [[_ahead(ask)] for ask in usual],
        "states of the whole house, no shortlist": [[_whole(ask, house)] for ask in usual],
        "the house as a list of attributes": [[_listed(ask, house)] for ask in usual],
        "the model says that it is done": [[ask, _confirming(ask)] for ask in usual],
        "tool calls": [[ask] for ask in native],
        "another context window in between": [
            [replace(ask, context=_OTHER_CONTEXT if number % 2 else _CONTEXT)]
            for number, ask in enumerate(usual)
        ],
        "for comparison: the prompt for tiny models": [[ask] for ask in tiny],
    }


async def _asked(house: House, number: int, **options: Any) -> Ask:
    """Return what the agent asks its model about an order, another light for each number."""
    name = target(len(house.areas), number)
    phrase = f"turn on {name}"
    answer: Any = {"do": [phrase]}
    script: Any = do(phrase)
    if options.get("strategy") == "native":
        arguments = {"name": name, "domain": ["light"]}
        answer = {"name": "HassTurnOn", "arguments": arguments}
        script = [{"tool_calls": [{"function": answer}]}]
    talk = Talk(script, house=house, **options)
    await talk.say(f"turn on the {name.lower()}", str(number))
    (asked,) = talk.model.asked
    return Ask(asked["messages"], answer, asked.get("tools"), asked.get("format"))


def _ahead(ask: Ask) -> Ask:
    """Put what changes first, as prompts usually have it."""
    system, *between, newest = ask.messages
    facts, _, text = newest["content"].rpartition("\n")
    moved = {**system, "content": f"{facts}\n\n{system['content']}"}
    return replace(ask, messages=[moved, *between, {**newest, "content": text}])


def _whole(ask: Ask, house: House) -> Ask:
    """Show every state instead of those that may be meant."""
    *before, newest = ask.messages
    facts, _, text = newest["content"].rpartition("\n")
    index = Index(house, words_of("en"))
    states = "; ".join(
        f"{index.label(each)}: {state_text(each, house)}" for each in house.entities.values()
    )
    head = facts.partition("\n")[0]
    return replace(ask, messages=[*before, {**newest, "content": f"{head}\n[{states}]\n{text}"}])


def _listed(ask: Ask, house: House) -> Ask:
    """Describe the house by a record for each entity."""
    system, *others = ask.messages
    head = system["content"].partition("The home:")[0]
    records = "\n".join(
        f"- names: {entity.name}\n  domain: {entity.domain}\n"
        f"  areas: {area.name if (area := house.area_of(entity)) else ''}"
        for entity in house.entities.values()
    )
    return replace(ask, messages=[{**system, "content": f"{head}{records}"}, *others])


def _confirming(ask: Ask) -> Ask:
    """Return the second request, for the sentence that the intents' templates give for nothing."""
    name = ask.answer["do"][0].removeprefix("turn on ")
    return Ask(
        [
            *ask.messages,
            {"role": "assistant", "content": do(*ask.answer["do"])},
            {"role": "user", "content": "[done]"},
        ],
        {"say": f"I have turned on the {name.lower()} for you."},
    )


async def _turn(engine: httpx.AsyncClient, asks: Sequence[Ask]) -> Cost:
    cost = Cost()
    for ask in asks:
        began = time.perf_counter()
        last = await _chat(engine, ask, only(ask.answer), 96)
        cost.seconds += time.perf_counter() - began
        (entry,) = (await engine.get("/dev/requests?count=1")).json()["requests"]
        cost.calls += 1
        cost.prompt_tokens += entry["prompt_tokens"]
        cost.read_tokens += entry["prompt_tokens"] - entry["cached_tokens"]
        cost.decoded_tokens += last["eval_count"]
        cost.decode_ms += last["eval_duration"] / 1e6
    return cost


async def _chat(engine: httpx.AsyncClient, ask: Ask, form: Any, limit: int) -> dict[str, Any]:
    body = {
        "model": _MODEL,
        "messages": ask.messages,
        "tools": ask.tools,
        "format": form,
        "stream": False,
        "keep_alive": -1,
        "options": {"num_ctx": ask.context, "num_predict": limit, "temperature": 0.0},
    }
    given = {key: value for key, value in body.items() if value is not None}
    answer = (await engine.post("/api/chat", json=given)).raise_for_status()
    result: dict[str, Any] = answer.json()
    return result


async def _grammars(engine: httpx.AsyncClient, house: House) -> dict[str, float]:
    """Tell what holding an answer to a form costs, and whether scripted ones cost the same."""
    ask = await _asked(house, 0)
    found = {}
    for name, form in {
        "free": None,
        "the form of the turn": ask.format,
        "one answer left": only(ask.answer),
    }.items():
        took = []
        for _ in range(5):
            last = await _chat(engine, ask, form, 24)
            took.append(last["eval_duration"] / 1e6 / max(1, last["eval_count"]))
        found[name] = quantile(took[1:], 0.5)
    return found


def _middle(costs: Sequence[Cost]) -> dict[str, Any]:
    """Return the median of each number, and the quartiles of the seconds."""
    rows = [asdict(cost) for cost in costs]
    middle: dict[str, Any] = {key: quantile([row[key] for row in rows], 0.5) for key in rows[0]}
    seconds = [cost.seconds for cost in costs]
    middle["seconds_quartiles"] = [quantile(seconds, 0.25), quantile(seconds, 0.75)]
    return middle


async def _house() -> House:
    async with ScriptedHome() as home:
        furnish(home, _ENTITIES)
        connection = Connection.from_url(home.url, TOKEN)
        mirror = Mirror(connection)
        await connection.start()
        try:
            return await mirror.wait_ready(60)
        finally:
            await mirror.stop()
            await connection.stop()
