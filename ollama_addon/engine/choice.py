"""Which of several servers is asked, and which takes over."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence

from .queue import Priority
from .server import Server

_KEPT = 5
"""Answers that the pace of a server is taken from."""
_FORGOTTEN = 600.0
"""Seconds after which it is tried again whether a slow server is quick now."""
_SLOW = 10.0
"""Seconds until the first word from which on another server is tried that is not known."""
_TIMES, _MORE = 3.0, 1.0
"""How many times as long as another one, and how many seconds more, a server must take for the
other to be asked first."""


class Paces:
    """How long each server takes to begin an answer, by address; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, deque[tuple[float, float]]] = {}

    def took(self, server: Server, seconds: float) -> None:
        """Take in how long it was until the first word of an answer came."""
        seen = self._seen.setdefault(server.url, deque(maxlen=_KEPT))
        seen.append((self._clock(), seconds))

    def of(self, server: Server) -> float | None:
        """Return the median of the last answers in seconds; None when there were none lately."""
        since = self._clock() - _FORGOTTEN
        recent = [took for when, took in self._seen.get(server.url, ()) if when > since]
        return statistics.median(recent) if recent else None

    def slow(self, server: Server, others: Sequence[Server]) -> bool:
        """Tell whether one of the others should be asked before `server`."""
        pace = self.of(server)
        if pace is None:
            return False
        for other in others:
            theirs = self.of(other)
            if other is server:
                continue
            if theirs is None and pace > _SLOW:
                return True
            if theirs is not None and pace > max(_TIMES * theirs, theirs + _MORE):
                return True
        return False


def ordered(
    servers: Sequence[Server],
    model: str,
    priority: Priority,
    paces: Paces,
    busy: Callable[[Server], int],
) -> list[Server]:
    """Return `servers`, which all have `model`, in the order in which they are asked.

    It is that of the options, but: a server that has the model in memory goes before one that
    would have to load it, and one that is slow comes last. What no person waits for goes to the
    server that is asked the least, which `busy` tells, so that it leaves the others to people.
    """

    def rank(server: Server) -> tuple[bool, int, bool]:
        patient = priority in (Priority.TASK, Priority.GATEWAY)
        return (
            paces.slow(server, servers),
            busy(server) if patient else 0,
            not server.has_loaded(model),
        )

    return sorted(servers, key=rank)
