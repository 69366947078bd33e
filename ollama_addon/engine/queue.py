"""Who waits for a model, who is next, and who makes room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

from ollama_addon.errors import AddonError

LIMIT = 32
"""How many of each kind may wait for a model."""
_PATIENCE = 300.0
"""Seconds after which who still waits is sent away."""
_GRACE = 0.25
"""Seconds that a person waits before another request has to make room."""


class Priority(IntEnum):
    """Who goes first: the lower one."""

    VOICE = 0
    """A person waits for it."""
    WARM_UP = 1
    """A person will wait for less afterwards."""
    TASK = 2
    GATEWAY = 3


_LEAVE_ONE = (Priority.TASK, Priority.GATEWAY)


class GivenUpError(Exception):
    """A person needs the place of a request more than it does; it can be asked again."""


class Place:
    """A place at a model: of one request, until it is over."""

    def __init__(self, priority: Priority) -> None:
        self.priority = priority
        self._wanted = False
        self._scope: asyncio.Timeout | None = None

    @asynccontextmanager
    async def interruptible(self) -> AsyncIterator[None]:
        """Break off what is done inside when a person needs the place. Raises GivenUpError.

        Nothing may be yielded to a caller inside.
        """
        try:
            async with asyncio.timeout(None) as scope:
                self._scope = scope
                if self._wanted:
                    scope.reschedule(asyncio.get_running_loop().time())
                try:
                    yield
                finally:
                    self._scope = None
        except TimeoutError:
            if scope.expired():
                self._wanted = False
                raise GivenUpError from None
            raise

    @property
    def wanted(self) -> bool:
        """Whether a person waits for it."""
        return self._wanted

    def give_up(self) -> None:
        """Have its request make room, now or where it can be broken off next."""
        self._wanted = True
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())


class Queue:
    """Lets `places` requests through to a model at once: by priority, then in the order they came.

    Tasks and the gateway leave the last of several places to people. Where all are taken, and not
    all by people, a person waits for a moment only: then somebody else has to make room.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._waiting: dict[Priority, deque[tuple[asyncio.Future[None], Place]]] = {
            priority: deque() for priority in Priority
        }
        self._running: list[Place] = []

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return sum(map(len, self._waiting.values()))

    @property
    def running(self) -> int:
        """How many have a place now."""
        return len(self._running)

    @asynccontextmanager
    async def enter(self, place: Place) -> AsyncIterator[None]:
        """Wait for a place and keep it as long as the context lasts.

        Raises AddonError (`engine_busy`) when too many wait already, or when it takes too long.
        """
        waiting = self._waiting[place.priority]
        if len(waiting) >= LIMIT:
            raise _busy(f"{len(waiting)} others wait for it already")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        waiting.append((turn, place))
        self._let_in()
        pressing = None
        if place.priority is Priority.VOICE and not turn.done():
            pressing = loop.call_later(_GRACE, self._make_room)
        try:
            async with asyncio.timeout(_PATIENCE):
                await turn
        except BaseException as error:
            if (turn, place) in waiting:
                waiting.remove((turn, place))
            elif not turn.cancelled():  # let in at the very moment it went away
                self._leave(place)
            if isinstance(error, TimeoutError):
                raise _busy("others have kept it busy for minutes") from None
            raise
        finally:
            if pressing is not None:
                pressing.cancel()
        try:
            yield
        finally:
            self._leave(place)

    def _make_room(self) -> None:
        """Have the least important request, of several the newest, leave its place to a person."""
        least = max((place.priority for place in self._running), default=Priority.VOICE)
        if least is Priority.VOICE:
            return
        found = [place for place in self._running if place.priority is least and not place.wanted]
        if found:
            found[-1].give_up()

    def _leave(self, place: Place) -> None:
        self._running.remove(place)
        self._let_in()

    def _let_in(self) -> None:
        while len(self._running) < self.places:
            priority = next((each for each in Priority if self._waiting[each]), None)
            if priority is None:
                return
            others = sum(place.priority in _LEAVE_ONE for place in self._running)
            if priority in _LEAVE_ONE and others >= max(1, self.places - 1):
                return
            turn, place = self._waiting[priority].popleft()
            if not turn.done():
                turn.set_result(None)
                self._running.append(place)


def _busy(why: str) -> AddonError:
    return AddonError(
        "engine_busy", f"The model has too much to do: {why}. Try again in a moment.", 503
    )
