"""The same sentences through Home Assistant's own `ollama` integration and through ours.

Both run in the real Home Assistant Core, on the same engine, model and context window, in
blocks that alternate. The model's choice is scripted on both sides (see `bench/scribe.py`);
reading prompts and decoding tokens is not.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import yaml

from bench.figures import Figure, at_least, at_most
from bench.scribe import Call, Scribe, Script, scribe
from bench.weights import TOKENIZER, make
from dev.stack import ROOT, Stack
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.engine.servers import Servers
from ollama_addon.home.connection import Connection
from ollama_addon.options import AgentOptions, ServerOptions

Side = Literal["core", "ours"]
SIDES: tuple[Side, Side] = ("core", "ours")
HOMES = {"ranch_100": 100, "flat_10": 10, "family_40": 40, "hotel_300": 300}
"""The houses by their size; the first ones fit into a run below twenty minutes."""
_USUAL = 2
_CONTEXT = 16_384
"""Tokens on both sides, so that the largest house fits into both prompts."""
_SETTLED = 8
"""Looks in a row at a sidecar whose engine has nothing to do, before something is measured."""
_BUTLER = "You are the butler of this house. Be polite, and say sir."
"""What a second agent of the same model is told besides."""
JUDGED = "ranch_100"
"""The home of a hundred entities, which the bars are about."""


@dataclass
class Said:
    """A turn: seconds until the reply was there, and what the engine had to do for it."""

    seconds: float
    first: float
    """Seconds until the first token of the reply could be shown or spoken."""
    calls: list[Call]
    conversation: str = ""

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts of the turn, cached or not."""
        return sum(call.prompt_tokens for call in self.calls)

    @property
    def decoded_tokens(self) -> int:
        """Tokens that were written."""
        return sum(call.decoded_tokens for call in self.calls)

    @property
    def reused(self) -> float:
        """The share of the prompts that the engine had read before."""
        return sum(call.cached_tokens for call in self.calls) / max(1, self.prompt_tokens)


class Talk:
    """Says sentences to both sides, in one Home Assistant."""

    def __init__(self, stack: Stack, it: Scribe, agents: dict[Side, tuple[str, str]]) -> None:
        self._stack = stack
        self._scribe = it
        self._agents = agents
        self._http = httpx.AsyncClient(
            base_url=stack.home.url,
            headers={"Authorization": f"Bearer {stack.home.token}"},
            timeout=600,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def say(
        self, side: Side, name: str, *, on: bool, conversation: str = "", agent: int = 0
    ) -> Said:
        """Order a light on or off in Assist, as a person would; `agent` is one of the two."""
        text = self._prepare(name, on=on)
        asked = {"text": text, "agent_id": self._agents[side][agent], "language": "en"}
        if conversation:
            asked["conversation_id"] = conversation
        began = time.perf_counter()
        answer = await self._http.post("/api/conversation/process", json=asked)
        seconds = time.perf_counter() - began
        told = answer.raise_for_status().json()
        if told["response"]["response_type"] == "error":
            raise RuntimeError(f"{side} failed: {told['response']['speech']['plain']['speech']}")
        calls = self._scribe.calls
        # What we say comes from the intents' own translations, whole, after the one call.
        first = calls[-1].first_at - began if side == "core" else seconds
        return Said(seconds, first, calls, told["conversation_id"])

    async def say_to_satellite(self, name: str, *, on: bool, satellite: str) -> Said:
        """Order it of our agent as from a satellite."""
        text = self._prepare(name, on=on)
        began = time.perf_counter()
        turn = await self._stack.say(text, satellite_id=satellite, language="en")
        if turn.error:
            raise RuntimeError(turn.error["message"])
        seconds = time.perf_counter() - began
        return Said(seconds, seconds, self._scribe.calls)

    def _prepare(self, name: str, *, on: bool) -> str:
        word, tool = ("on", "intent__HassTurnOn") if on else ("off", "intent__HassTurnOff")
        self._scribe.script = Script(
            f"turn {word} {name}",
            tool,
            {"name": name, "domain": ["light"]},
            f"I have turned {word} the {name.lower()} for you.",
        )
        self._scribe.calls = []
        return f"turn {word} the {name.lower()}"

    async def change_a_state(self, entity_id: str) -> None:
        """Change something in the house that nobody asked about."""
        await self._stack.home.post("services/homeassistant/toggle", {"entity_id": entity_id})

    async def move_in(self, inventory: Path, entities: int) -> None:
        """Have the house be another one, and wait until our side has read and warmed it."""
        self._scribe.script = None
        await self._stack.home.load(inventory)
        calm = 0
        while calm < _SETTLED:
            await asyncio.sleep(0.5)
            status = (await self._stack.client.get("/api/status")).json()
            known = status["home"]["message"].startswith(f"{entities} ")
            calm = calm + 1 if known and not self._scribe.busy() else 0

    async def forget(self, model: str) -> None:
        """Have the engine forget everything."""
        await self._scribe.unload(model)


@asynccontextmanager
async def talk(shape: str) -> AsyncIterator[tuple[Talk, str]]:
    """Bring up Home Assistant with both sides on one engine; give the talk and the model."""
    async with scribe() as it:
        await it.pull(TOKENIZER)
        os.environ["OLLAMA_ADDON_MODEL"] = await asyncio.to_thread(make, shape)
        os.environ["OLLAMA_HOST"] = it.url
        try:
            async with Stack("bench") as stack:
                # The model is what is measured: `bench/instant.py` has the commands without one.
                agent = {
                    "model": stack.model,
                    "context_window": _CONTEXT,
                    "instant_commands": False,
                }
                stack.supervisor.addon.user_options["agents"] = [
                    {**agent, "name": "Home"},
                    {**agent, "name": "Butler", "instructions": _BUTLER},
                ]
                await stack.supervisor.addon.restart()
                await stack.until_ready()
                ours = (await stack._agent_in_home("home"), await stack._agent_in_home("butler"))
                async with _core(stack, it.url) as core:
                    both = Talk(stack, it, {"core": core, "ours": ours})
                    try:
                        yield both, stack.model
                    finally:
                        await both.close()
        finally:
            del os.environ["OLLAMA_HOST"], os.environ["OLLAMA_ADDON_MODEL"]


@asynccontextmanager
async def _core(stack: Stack, url: str) -> AsyncIterator[tuple[str, str]]:
    """Set up Home Assistant's own integration with the engine; give its two agents' entities."""
    agents = [
        AgentOptions(
            id=name.casefold(),
            name=name,
            model=stack.model,
            context_window=_CONTEXT,
            instructions=instructions,
        )
        for name, instructions in (("Core", ""), ("Core butler", _BUTLER))
    ]
    connection = Connection.from_url(stack.home.url, stack.home.token)
    servers = Servers([ServerOptions(url=url)], None)
    with tempfile.TemporaryDirectory() as folder:

        async def where() -> str:
            return url

        own = OwnIntegration(
            connection, servers, where, lambda: "bench", agents, Path(folder) / "own"
        )
        await connection.start()
        await servers.start()
        try:
            while not connection.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            before = {each["entity_id"] for each in await _agents(stack)}
            made = await own.apply()
            if made.state != "on":
                raise RuntimeError(made.message)
            new: set[str] = set()
            while len(new) < len(agents):  # Home Assistant adds them when it has loaded the entry.
                await asyncio.sleep(0.1)
                new = {each["entity_id"] for each in await _agents(stack)} - before
            plain, butler = sorted(new)
            yield plain, butler
            await own.remove()
        finally:
            await servers.stop()
            await connection.stop()


async def _agents(stack: Stack) -> list[dict[str, Any]]:
    registered = await stack.home.command("config/entity_registry/list")
    return [e for e in registered if e["entity_id"].startswith("conversation.")]


async def run(quick: bool = False, homes: int = _USUAL) -> tuple[list[Figure], dict[str, Any]]:
    """Measure in so many of the homes; return the figures and the raw numbers."""
    raw: dict[str, Any] = {}
    judged: dict[Side, list[Said]] = {}
    reused: dict[str, list[float]] = {}
    async with talk("135m") as (both, model):
        for home, size in list(HOMES.items())[: 1 if quick else homes]:
            path = ROOT / "eval" / "homes" / f"{home}.yaml"
            lights, satellites = lights_of(path), _satellites_of(path)
            await both.move_in(path, exposed(path))
            large = size > 100
            repeats = 2 if large else 3 if quick else 5
            rows: dict[str, dict[str, list[Said]]] = {
                kind: {side: [] for side in SIDES}
                for kind in (
                    "cold",
                    "warm",
                    "same conversation",
                    "state changed",
                    "two agents",
                    "alternating",
                )
            }
            for side in SIDES:
                await both.forget(model)
                rows["cold"][side].append(await both.say(side, lights[0], on=True))
            for block in range(1 if large else 2):
                for side in SIDES if block % 2 == 0 else reversed(SIDES):
                    await both.say(side, lights[1], on=bool(block))  # what the other pushed out
                    for number in range(repeats):
                        # Without its id, each is a new conversation.
                        said = await both.say(side, lights[number % 3], on=number % 2 == 0)
                        rows["warm"][side].append(said)
                    for number in range(2):
                        said = await both.say(
                            side, lights[number], on=True, conversation=said.conversation
                        )
                        rows["same conversation"][side].append(said)
                    await both.change_a_state(f"light.{_first(path)}")
                    rows["state changed"][side].append(await both.say(side, lights[2], on=True))
            for side in () if large else SIDES:
                for number in range(5):
                    said = await both.say(side, lights[0], on=number % 2 == 0, agent=number % 2)
                    rows["two agents"][side] += [said] if number > 1 else []
            for _ in range(0 if large else 2):
                for side in SIDES:
                    rows["alternating"][side].append(await both.say(side, lights[0], on=False))
            moved = [
                await both.say_to_satellite(lights[n % 3], on=True, satellite=satellite)
                for n, satellite in enumerate((satellites * 3)[:4])
            ]
            raw[home] = {
                kind: {side: [as_json(said) for said in rows[kind][side]] for side in SIDES}
                for kind in rows
            } | {"other satellite": {"ours": [as_json(said) for said in moved]}}
            if home == JUDGED:
                judged = {side: rows["warm"][side] for side in SIDES}
                reused = {
                    "a new conversation": [said.reused for said in rows["warm"]["ours"]],
                    "a changed state": [said.reused for said in rows["state changed"]["ours"]],
                    "another satellite": [said.reused for said in moved[1:]],
                }
    return _figures(judged, reused), raw


def _figures(judged: dict[Side, list[Said]], reused: dict[str, list[float]]) -> list[Figure]:
    core, ours = judged["core"], judged["ours"]

    def against(what: str) -> list[float]:
        base = statistics.median(getattr(said, what) for said in core)
        return [getattr(said, what) / base for said in ours]

    calls = statistics.median(len(said.calls) for said in core)
    return [
        at_most(
            "model calls for a simple command",
            [len(said.calls) for said in ours],
            1,
            "calls",
            note=f"Home Assistant's own integration: {calls:g}.",
        ),
        at_most("prompt tokens, 100 entities", against("prompt_tokens"), 0.4, "x core"),
        at_most("tokens decoded, simple command", against("decoded_tokens"), 0.5, "x core"),
        at_most("time to the finished reply, warm", against("seconds"), 0.35, "x core"),
        *(
            at_least(f"prefix reused, {kind}", shares, 0.95, "share")
            for kind, shares in reused.items()
        ),
    ]


def as_json(said: Said) -> dict[str, Any]:
    """Return a turn as raw numbers."""
    calls = [{k: v for k, v in asdict(call).items() if k != "first_at"} for call in said.calls]
    return {"seconds": said.seconds, "first": said.first, "calls": calls}


def lights_of(path: Path) -> list[str]:
    """Return the names of three lights of an inventory."""
    house = yaml.safe_load(path.read_text())
    names = [each["name"] for each in house["entities"] if each.get("exposed", True)]
    lights = [
        each["name"]
        for each in house["entities"]
        if each["id"].startswith("light.")
        and each.get("exposed", True)
        and names.count(each["name"]) == 1
    ]
    return (lights * 3)[:3]


def _satellites_of(path: Path) -> list[str]:
    house = yaml.safe_load(path.read_text())
    return [f"assist_satellite.{each['id']}" for each in house["satellites"]]


def _first(path: Path) -> str:
    """Return the object id of the first light."""
    house = yaml.safe_load(path.read_text())
    return next(
        str(each["id"]).partition(".")[2]
        for each in house["entities"]
        if each["id"].startswith("light.")
    )


def exposed(path: Path) -> int:
    """Return how many entities of an inventory are exposed."""
    house = yaml.safe_load(path.read_text())
    return sum(bool(each.get("exposed", True)) for each in house["entities"])
