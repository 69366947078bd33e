"""A scheduler on a real file, whose house and clock a test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ollama_addon.agent.orders import Speaker
from ollama_addon.errors import AddonError
from ollama_addon.home.model import House, Satellite
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.performer import Result
from ollama_addon.scheduling.scheduler import Scheduler
from ollama_addon.scheduling.store import OrderStore
from ollama_addon.understanding.vocabulary import Action
from tests.agent.homes import family_home

TV_OFF = Action("HassTurnOff", {"name": "media_player.tv"})
SPEAKER = Speaker("home", "en", Satellite("satellite", "assist_satellite.bedroom", "bedroom"))


def order(seconds: float = 0.0, *actions: Action, **more: Any) -> Order:
    """Return an order that is due so many seconds from now."""
    return Order(
        time.time() + seconds,
        actions or (TV_OFF,),
        more.pop("text", "turn the TV off"),
        more.pop("speaker", SPEAKER),
        **more,
    )


@dataclass
class Hands:
    """What was done, in order; `fails` and `away` say what becomes of it."""

    done: list[Order] = field(default_factory=list)
    missed: list[Order] = field(default_factory=list)
    ok: bool = True
    away: bool = False
    takes: float = 0.0

    async def perform(self, order: Order) -> Result:
        await asyncio.sleep(self.takes)
        self.done.append(order)
        if self.away:
            raise AddonError("home_away", "Gone.", 503)
        return Result(self.ok, "Done." if self.ok else "It did not respond.")

    async def not_done(self, order: Order, sentence: str) -> None:
        self.missed.append(order)


@dataclass
class Mouth:
    """What was told: whether it was done, and the sentence."""

    told: list[tuple[bool, str, Order]] = field(default_factory=list)
    away: bool = False

    async def done(self, order: Order, sentence: str) -> None:
        self.told.append((True, sentence, order))

    async def failed(self, order: Order, sentence: str, *, aloud: bool) -> None:
        if self.away:
            raise AddonError("home_away", "Gone.", 503)
        self.told.append((False, sentence, order))


@dataclass
class Home:
    """The home, and whether it runs."""

    house: House = field(default_factory=family_home)
    runs: bool = True

    async def ready(self) -> bool:
        return self.runs


@dataclass
class Running:
    """A scheduler that runs."""

    scheduler: Scheduler
    store: OrderStore
    hands: Hands
    mouth: Mouth
    home: Home


@asynccontextmanager
async def running(
    path: Path,
    hands: Hands | None = None,
    mouth: Mouth | None = None,
    home: Home | None = None,
) -> AsyncIterator[Running]:
    """Run a scheduler on the file at `path`."""
    store = OrderStore(path)
    hands, mouth, home = hands or Hands(), mouth or Mouth(), home or Home()
    scheduler = Scheduler(
        store,
        hands,
        mouth,
        ready=home.ready,
        house=lambda: home.house,
        wording=lambda key, order: key,
    )
    await scheduler.start()
    try:
        yield Running(scheduler, store, hands, mouth, home)
    finally:
        await scheduler.stop()


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; the test's own time-out is the limit."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
