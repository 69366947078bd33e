"""Who waits for a model, and who is next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ollama_addon.errors import AddonError

LIMIT = 32
"""How many may wait for a model: so many people, and as many tasks."""
_PATIENCE = 300.0
"""Seconds after which who still waits is sent away."""


class Queue:
    """Lets `places` requests through to a model at once, the others in the order they came.

    A person who waits for a reply goes ahead of every task that nobody listens to, and tasks
    leave the last of several places to people.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._people: deque[asyncio.Future[None]] = deque()
        self._tasks: deque[asyncio.Future[None]] = deque()
        self._running = 0
        self._running_tasks = 0

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._people) + len(self._tasks)

    @asynccontextmanager
    async def place(self, *, task: bool) -> AsyncIterator[None]:
        """Wait for a place and keep it as long as the context lasts.

        `task` is true for what no person waits for. Raises AddonError (`engine_busy`) when too
        many wait already, or when it takes too long.
        """
        waiting = self._tasks if task else self._people
        if len(waiting) >= LIMIT:
            raise _busy(f"{len(waiting)} others wait for it already")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        self._let_in()
        try:
            async with asyncio.timeout(_PATIENCE):
                await turn
        except BaseException as error:
            if turn in waiting:
                waiting.remove(turn)
            elif not turn.cancelled():  # let in at the very moment it went away
                self._leave(task)
            if isinstance(error, TimeoutError):
                raise _busy("others have kept it busy for minutes") from None
            raise
        try:
            yield
        finally:
            self._leave(task)

    def _leave(self, task: bool) -> None:
        self._running -= 1
        self._running_tasks -= task
        self._let_in()

    def _let_in(self) -> None:
        while self._running < self.places:
            task = not self._people
            if task and self._running_tasks >= max(1, self.places - 1):
                return
            waiting = self._tasks if task else self._people
            if not waiting:
                return
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._running += 1
                self._running_tasks += task


def _busy(why: str) -> AddonError:
    return AddonError(
        "engine_busy", f"The model has too much to do: {why}. Try again in a moment.", 503
    )
