"""Says the sentences to the development stack and looks at the house before and after."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import httpx

from dev.stack import PARTS, Stack, StackError
from dev.turn import Turn
from eval.cases import Case
from eval.home import Home
from eval.orders import Order, complaints, orders_of
from eval.result import Result
from eval.scoring import Spoken, judge
from eval.values import House, observe

_SETTLED = 6
"""The sidecar has seen the whole home when it has told the same of it so many times."""
_POLL = 0.25
_PATIENCE = 480
"""Polls until a sidecar that is not well is given up."""
_HOUSE_TO_SIDECAR = 0.1
"""Seconds for a state that was put back to be told to the sidecar too."""


class Runner:
    """Runs cases on a stack that is up. `progress` is told of each case as it ends."""

    def __init__(
        self,
        stack: Stack,
        homes: Mapping[str, Home],
        progress: Callable[[Result], None] = lambda result: None,
    ) -> None:
        self._stack = stack
        self._homes = homes
        self._progress = progress
        self._devices: dict[str, str] = {}

    async def run(self, cases: Iterable[Case], settings: Mapping[str, Any]) -> list[Result]:
        """Run the cases with an agent of these settings, home by home, and judge them."""
        await self._configure(settings)
        results = []
        for home_id, together in groupby(sorted(cases, key=_home), key=_home):
            home = self._homes[home_id]
            async with self._home_assistant() as hass:
                await self._move_in(home, hass)
                lit = await self._lit(home, hass)
                before = await _look(home, hass, self._stack)
                for case in together:
                    result, after = await self._judged(case, home, before, lit, hass)
                    if after != before:
                        await self._stack.home.reset()
                        await asyncio.sleep(_HOUSE_TO_SIDECAR)
                        before = await _look(home, hass, self._stack)
                    self._progress(result)
                    results.append(result)
        return results

    async def _configure(self, settings: Mapping[str, Any]) -> None:
        addon = self._stack.supervisor.addon
        plain = {key: addon.user_options["agents"][0][key] for key in ("name", "model")}
        wanted = {**plain, **settings}
        if addon.user_options["agents"] != [wanted]:
            addon.user_options["agents"] = [wanted]
            await addon.restart()
        await self._settle()

    async def _settle(self) -> None:
        """Wait until the sidecar is well and has seen the whole home; raises `StackError`."""
        same, told = 0, None
        status: dict[str, Any] = {}
        for _ in range(_PATIENCE):
            await asyncio.sleep(_POLL)
            with contextlib.suppress(httpx.TransportError):
                status = (await self._stack.client.get("/api/status")).json()
            if status.get("problems"):
                raise StackError(" ".join(status["problems"]))
            parts = [status[part] for part in PARTS if part in status]
            well = bool(parts) and all(part["state"] == "ok" for part in parts)
            same, told = (same + 1 if well and status == told else 0), status
            if same == _SETTLED:
                return
        raise StackError(f"The sidecar does not get well: {status}")

    async def _move_in(self, home: Home, hass: httpx.AsyncClient) -> None:
        await self._stack.home.load(home.path)
        await self._settle()
        self._devices = {
            satellite: await _device(hass, name) for satellite, name in home.satellites.items()
        }

    async def _lit(self, home: Home, hass: httpx.AsyncClient) -> House:
        """Return what lights and fans are when they are merely turned on."""
        kinds = ("light.", "fan.")
        await hass.post(
            "/api/services/homeassistant/turn_on",
            json={"entity_id": [each for each in home.entities if each.startswith(kinds)]},
        )
        house = await _look(home, hass, self._stack)
        await self._stack.home.reset()
        return {entity_id: house[entity_id] for entity_id in house if entity_id.startswith(kinds)}

    def _home_assistant(self) -> httpx.AsyncClient:
        token = {"Authorization": f"Bearer {self._stack.home.token}"}
        return httpx.AsyncClient(base_url=self._stack.home.url, headers=token, timeout=60)

    async def _judged(
        self, case: Case, home: Home, before: House, lit: House, hass: httpx.AsyncClient
    ) -> tuple[Result, House]:
        device = self._devices[case.at] if case.at else None
        said = datetime.now(UTC)
        began = time.monotonic()
        turns = await self._converse(case, device)
        seconds = time.monotonic() - began
        after = await _look(home, hass, self._stack)
        last = turns[-1]
        spoken = Spoken(
            last.reply,
            asks=last.continue_conversation,
            error=f"{last.error['code']}: {last.error['message']}" if last.error else None,
            timers=await _timers(hass, device) if device else (),
        )
        verdict = judge(case, home, before, after, spoken, lit)
        orders = await self._taken_orders()
        problems = [
            *verdict.problems,
            *complaints(case.kept, orders, home, said, asks=spoken.asks),
        ]
        return (
            Result(
                id=case.id,
                kind=case.kind,
                set=case.set,
                home=case.home,
                language=case.language,
                passed=not problems,
                problems=problems,
                touched=list(verdict.touched),
                turns=[
                    {"said": turn.text, "reply": turn.reply, "actions": turn.actions}
                    for turn in turns
                ],
                calls=_used(turns, "model_calls"),
                tokens=_used(turns, "prompt_tokens") + _used(turns, "completion_tokens"),
                seconds=seconds,
            ),
            after,
        )

    async def _taken_orders(self) -> list[Order]:
        """Return what is kept for later, and cancel it."""
        answer = await self._stack.client.get("/api/orders")
        answer.raise_for_status()
        orders = orders_of(answer.json())
        for order in orders:
            await self._stack.client.delete(f"/api/orders/{order.id}")
        return orders

    async def _converse(self, case: Case, device: str | None) -> list[Turn]:
        more = {"language": case.language, **({"device_id": device} if device else {})}
        turns: list[Turn] = []
        for sentence in case.say:
            turns.append(await self._stack.say(sentence, **more))
            if turns[-1].error:
                return turns
            more["conversation_id"] = turns[-1].conversation_id
        if case.if_asked and turns[-1].continue_conversation:
            turns.append(await self._stack.say(case.if_asked, **more))
        return turns


def _home(case: Case) -> str:
    return case.home


def _used(turns: Iterable[Turn], what: str) -> int:
    return sum(turn.usage.get(what, 0) for turn in turns)


async def _look(home: Home, hass: httpx.AsyncClient, stack: Stack) -> House:
    states = await stack.home.states()
    lists = [entity_id for entity_id in home.entities if entity_id.startswith("todo.")]
    items = await _items(hass, lists) if lists else {}
    return {
        entity_id: observe(entity_id, states[entity_id], items.get(entity_id))
        for entity_id in home.entities
    }


async def _items(hass: httpx.AsyncClient, lists: list[str]) -> dict[str, dict[str, str]]:
    response = await hass.post(
        "/api/services/todo/get_items?return_response",
        json={"entity_id": lists, "status": ["needs_action", "completed"]},
    )
    response.raise_for_status()
    return {
        entity_id: {item["summary"]: item["status"] for item in found["items"]}
        for entity_id, found in response.json()["service_response"].items()
    }


async def _device(hass: httpx.AsyncClient, name: str) -> str:
    template = {"template": "{{ device_id(name) }}", "variables": {"name": name}}
    response = await hass.post("/api/template", json=template)
    response.raise_for_status()
    return response.text


async def _timers(hass: httpx.AsyncClient, device: str) -> list[int]:
    """Return the seconds left on each timer of a satellite, and cancel them."""
    request: dict[str, Any] = {"data": {}, "device_id": device, "assistant": "conversation"}
    response = await hass.post("/api/intent/handle", json={"name": "HassTimerStatus", **request})
    response.raise_for_status()
    timers = response.json().get("speech_slots", {}).get("timers", [])
    if timers:
        await hass.post("/api/intent/handle", json={"name": "HassCancelAllTimers", **request})
    return [timer["total_seconds_left"] for timer in timers]
