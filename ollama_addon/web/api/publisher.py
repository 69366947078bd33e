"""Hands what happens in the app to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WAITING = 100
"""Events that a slow listener may fall behind; older ones are dropped."""

Happening = tuple[str, Any]
"""The name of an event and its data."""


class Events:
    """Hands what happens to all listeners; nobody waits for a slow one."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Happening]] = set()
        self.generation = 0
        """Changes when those who listen have to come in anew."""
        self.closed = False
        """Whether the sidecar is about to stop, which must not wait for listeners."""

    def end(self) -> None:
        """Have all who listen now be told that it is over; they may come again."""
        self.generation += 1

    def publish(self, name: str, data: Any) -> None:
        """Tell all listeners."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait((name, data))

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[Happening]]:
        """Listen for as long as the context lasts; gives a queue of events."""
        queue: asyncio.Queue[Happening] = asyncio.Queue(_WAITING)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
