"""Does orders at their time: each exactly once, or tells that it was not done.

A row is claimed before anything is done. What is found claimed at a start was interrupted, and
is told instead of done again. What is late by less than `GRACE` is done, what is later is told.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from ollama_addon.agent.actions.opposites import opposites
from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.home.model import House
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.performer import Result
from ollama_addon.scheduling.store import OrderStore

GRACE = 300.0
"""Seconds that an order may be late and is still done."""
LONGEST_NAP = 10.0
"""Seconds after which the clock is looked at again: it may have been changed."""
JUMP = 5.0
"""Seconds by which the clock must have been changed for it to count."""
AT_ONCE = 8
"""Orders that are carried out at the same time."""
_SOON = 1.0
"""Seconds until Home Assistant is asked again when an order waits for it."""
_LAST_WORDS = 5.0
"""Seconds that running orders are given when the app stops."""

_PASSING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that nobody sets; Linux has one that counts also while the machine sleeps."""

_LOGGER = logging.getLogger(__name__)


class Performing(Protocol):
    """Carries orders out."""

    async def perform(self, order: Order) -> Result:
        """Do it. Raises AddonError when Home Assistant does not answer."""
        ...

    async def not_done(self, order: Order, sentence: str) -> None:
        """Keep in the history that it was not done."""
        ...


class Telling(Protocol):
    """Tells what became of orders."""

    async def done(self, order: Order, sentence: str) -> None:
        """Say that it was done. Never raises."""
        ...

    async def failed(self, order: Order, sentence: str, *, aloud: bool) -> None:
        """Tell that it was not done. Raises AddonError when nobody can be reached."""
        ...


class Scheduler:
    """Holds the open orders of a store and does them in time.

    `ready` says whether Home Assistant runs now; `house` is the home as it is now; `wording`
    gives the sentence for an order that was `missed`, `interrupted` or `not_done`.
    """

    def __init__(
        self,
        store: OrderStore,
        performer: Performing,
        teller: Telling,
        *,
        ready: Callable[[], Awaitable[bool]],
        house: Callable[[], House],
        wording: Callable[[str, Order], str],
    ) -> None:
        self._store = store
        self._performer = performer
        self._teller = teller
        self._ready = ready
        self._house = house
        self._wording = wording
        self._open: dict[str, Order] = {}
        self._counted: set[str] = set()
        """Orders after a length of time that was said since we run: that time is what counts."""
        self._background = Background()
        self._loop: asyncio.Task[None] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._wake = asyncio.Event()
        self._untold = False
        self._offset = 0.0
        """How far the clock is from the time that really passes."""
        self.trouble = ""
        """Why it cannot work, as a sentence."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the open orders have become others."""

    @property
    def open_orders(self) -> list[Order]:
        """The orders that wait for their time, the next first."""
        return sorted(self._open.values(), key=lambda order: order.due)

    async def start(self) -> None:
        """Read what was kept before a restart, and begin. Never raises."""
        await self._load()
        self._loop = self._background.keep("orders", self._run)

    async def _load(self) -> None:
        """Read what was kept; what was interrupted is to be told."""
        try:
            await self._store.open()
            for order in await self._store.orders("claimed"):
                if order.id in self._running:  # the file was lost and found meanwhile
                    continue
                await self._store.finish(order.id, self._wording("interrupted", order))
            self._open = {order.id: order for order in await self._store.orders("open")}
        except AddonError as error:
            self._say(error)
            return
        self.trouble = ""
        self._untold = True
        self._offset = _offset()
        self.on_change()

    async def _run(self) -> None:
        while True:
            try:
                nap = await self._round()
            except AddonError as error:
                self._say(error)
                nap = LONGEST_NAP
            try:
                async with asyncio.timeout(nap):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def stop(self) -> None:
        """Let what is being done come to its end, briefly, and close the file."""
        if self._loop is not None:
            self._loop.cancel()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=_LAST_WORDS)
        await self._background.stop()
        await self._store.close()

    def wake(self) -> None:
        """Look again now: Home Assistant came back, say."""
        self._wake.set()

    # Changing what is kept. These raise AddonError.

    async def add(self, order: Order) -> None:
        """Keep an order."""
        self._check()
        await self._store.add(order)
        self._hold(order)
        self._changed()

    async def cancel(self, order_id: str) -> Order | None:
        """Remove an open order; None when it is not open any more."""
        self._check()
        if not await self._store.cancel(order_id):
            return None
        order = self._open.pop(order_id, None)
        self._changed()
        return order

    async def move(self, order: Order) -> bool:
        """Have an open order be another one of the same id; False when it is not open any more."""
        self._check()
        if not await self._store.move(order):
            return False
        self._hold(order)
        self._changed()
        return True

    def _hold(self, order: Order) -> None:
        self._open[order.id] = order
        self._counted.discard(order.id)
        if order.elapsed:
            self._counted.add(order.id)

    def _check(self) -> None:
        if self.trouble:
            raise AddonError("orders_away", self.trouble, 503)

    def _changed(self) -> None:
        self._wake.set()
        self.on_change()

    # Doing

    async def _round(self) -> float:
        """Do what is due; return the seconds until something is next."""
        if self.trouble:
            await self._store.close()
            await self._load()
            if self.trouble:
                return LONGEST_NAP
        await self._follow_clock()
        now = time.time()
        due = [o for o in self.open_orders if o.due <= now and o.id not in self._running]
        waits = False
        if due or self._untold:
            ready = await self._ready()
            if self._untold and ready and "untold" not in self._running:
                self._untold = False
                self._start("untold", self._tell_untold)
            for order in due:
                if now - order.due > GRACE:
                    self._start(order.id, partial(self._miss, order))
                elif ready:
                    self._start(order.id, partial(self._do, order))
                else:
                    waits = True
            if not ready:
                waits = True
        if waits:
            return _SOON
        ahead = [o.due for o in self._open.values() if o.id not in self._running]
        return max(0.01, min(LONGEST_NAP, min(ahead, default=now + LONGEST_NAP) - time.time()))

    async def _follow_clock(self) -> None:
        """Keep lengths of time what they were when the clock was changed."""
        jump = _offset() - self._offset
        if abs(jump) < JUMP:
            return
        _LOGGER.warning("The clock was changed by %.0f s", jump)
        self._offset += jump
        self._counted &= self._open.keys()
        for order in [self._open[order_id] for order_id in self._counted]:
            if order.id not in self._running:
                moved = replace(order, due=order.due + jump)
                if await self._store.move(moved):
                    self._open[order.id] = moved
        self.on_change()

    def _start(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do something beside the others, once at a time."""

        async def run() -> None:
            try:
                await work()
            except AddonError as error:
                self._say(error)
            finally:
                del self._running[key]
                self._wake.set()

        self._running[key] = self._background.once(f"order {key}", run())

    async def _do(self, order: Order) -> None:
        async with self._places:
            following = self._following(order)
            if not await self._store.claim(order, following):
                self._open.pop(order.id, None)
                return
            self._open.pop(order.id, None)
            if following is not None:
                self._hold(following)
            self.on_change()
            try:
                result = await self._performer.perform(order)
            except AddonError as error:
                _LOGGER.warning("An order was interrupted: %s", error.logged)
                await self._over(order, self._wording("interrupted", order))
                return
            if not result.ok and following is not None:
                await self.cancel(following.id)
        if result.ok:
            await self._store.finish(order.id)
            await self._teller.done(order, result.sentence)
        else:
            await self._over(order, result.sentence or self._wording("not_done", order))

    def _following(self, order: Order) -> Order | None:
        """Return the order that undoes one that is about to be done."""
        if (ends := order.ends) is None:
            return None
        actions = opposites(order.actions, self._house())
        if not actions:
            return None
        return Order(
            ends,
            actions,
            order.text,
            order.speaker,
            elapsed=order.length is not None,
            confirmed=order.confirmed,
            restoring=True,
            made=order.made,
        )

    async def _miss(self, order: Order) -> None:
        if not await self._store.claim(order):
            self._open.pop(order.id, None)
            return
        self._open.pop(order.id, None)
        self.on_change()
        sentence = self._wording("missed", order)
        _LOGGER.warning("An order was missed by %.0f s", time.time() - order.due)
        await self._performer.not_done(order, sentence)
        await self._store.finish(order.id, sentence)
        self._untold = True

    async def _over(self, order: Order, sentence: str) -> None:
        """Tell that an order was not done, now or as soon as that is possible."""
        await self._store.finish(order.id, sentence)
        try:
            await self._teller.failed(order, sentence, aloud=True)
        except AddonError:
            self._untold = True
            return
        await self._store.finish(order.id)

    async def _tell_untold(self) -> None:
        for untold in await self._store.untold():
            if untold.order.id in self._running:  # being told right now
                continue
            try:
                await self._teller.failed(untold.order, untold.sentence, aloud=False)
            except AddonError as error:
                _LOGGER.debug("An order is not told yet: %s", error.logged)
                self._untold = True
                return
            await self._store.finish(untold.order.id)

    def _say(self, error: AddonError) -> None:
        if error.message != self.trouble:
            _LOGGER.error("%s", error.logged)
        if error.code == "orders_away":
            self.trouble = error.message
            self.on_change()


def _offset() -> float:
    """Return how far the clock is from the time that passes, also while the machine sleeps."""
    return time.time() - time.clock_gettime(_PASSING)
