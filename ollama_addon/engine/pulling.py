"""One download of a model, to its end and through interruptions."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import httpx
import ollama

from ollama_addon.background import child

from .pull import Pull, State, final_cause, nearest_names, sentence_of, words_of
from .server import TROUBLE, Server

_ATTEMPTS = 12
"""Failures in a row, without a byte in between, after which it is given up."""
_FIRST_DELAY, _LONGEST_DELAY = 2.0, 60.0
"""Seconds before the next attempt."""
_SILENCE = 1800.0
"""Seconds without a word: checking a large file on a slow card is silent."""
_WINDOW = 30.0
"""Seconds over which the rate is measured."""
_AT_LEAST = 3.0
"""Seconds before which nothing is said of the rate: the first bytes come in one go."""
_STALLED = 60.0
"""Seconds without a byte after which it is said that it has stopped."""
_TELL_EVERY = 0.5
_TICK = 5.0
"""Seconds of silence after which it is looked whether it has stopped."""
SPARE = 10**9
"""Bytes of the disk that are left to Home Assistant."""


async def pull(
    server: Server, name: str, free: Callable[[], int] | None = None, size: int = 0
) -> AsyncGenerator[Pull, None]:
    """Download the model `name` to `server`, through interruptions, telling how far it is.

    `free` tells how many bytes of its disk are free, where that can be known, and `size` how many
    it has in all, as far as is known before. The last that is yielded is `done` or `failed`.
    Closed before, the download stops, and what has arrived is used when it is pulled again.
    """
    now = Pull(name, "pulling")
    failures, best = 0, 0
    if free is not None and size and (problem := _too_large(replace(now, total=size), free())):
        yield replace(now, state="failed", problem=problem, cause="no_room")
        return
    while True:
        try:
            async with aclosing(_attempt(server, name)) as steps:
                async for now in steps:
                    if now.completed > best:
                        failures, best = 0, now.completed
                    if free is not None and (problem := _too_large(now, free())):
                        yield replace(now, state="failed", rate=0, problem=problem, cause="no_room")
                        return
                    yield now
            return
        except TROUBLE as error:
            failures += 1
            if (cause := final_cause(error)) and isinstance(error, ollama.ResponseError):
                nearest = nearest_names(name) if cause in ("unknown_model", "closed") else ()
                yield replace(
                    now,
                    state="failed",
                    rate=0,
                    problem=sentence_of(cause, error, nearest),
                    cause=cause,
                    nearest=nearest,
                )
                return
            reason = f"{server.name} broke it off."
            if isinstance(error, ollama.ResponseError):
                reason = words_of(error)
            if failures >= _ATTEMPTS:
                yield replace(
                    now,
                    state="failed",
                    rate=0,
                    problem=f"{reason} Try again later.",
                    cause="interrupted",
                )
                return
            delay = min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY)
            problem = f"{reason} The next attempt is in {delay:g} s."
            now = replace(now, state="retrying", rate=0, problem=problem, cause="interrupted")
            yield now
            await asyncio.sleep(delay)


class Progress:
    """Takes in what Ollama says of a download, and tells how far and how fast it is.

    `clock` gives seconds. What was there when a file was first heard of, as after a resume, has
    not just arrived, and counts for no speed.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._files: dict[str, tuple[int, int]] = {}
        self._arrived = 0
        self._began = self._last_byte = clock()
        self._seen: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._state: State = "waiting"

    def take(self, line: Mapping[str, Any]) -> None:
        """Take in a line of `/api/pull`."""
        now = self._clock()
        if digest := line.get("digest"):
            completed, total = int(line.get("completed") or 0), int(line.get("total") or 0)
            before = self._files.get(digest, (completed, total))[0]
            if completed > before:
                self._arrived += completed - before
                self._last_byte = now
            self._files[digest] = completed, total
        state = _state(str(line.get("status", "")))
        if state != self._state:
            self._last_byte = now  # something happened, if no byte came
        self._state = state
        self._seen.append((now, self._arrived))

    def told(self) -> Pull:
        """Return how far it is now."""
        now = self._clock()
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()
        state = self._state
        if state == "pulling" and now - self._last_byte >= _STALLED:
            state = "stalled"
        elapsed = now - max(self._seen[0][0], now - _WINDOW)
        rate = 0.0
        if state == "pulling" and elapsed >= _AT_LEAST:
            rate = (self._arrived - self._seen[0][1]) / elapsed
        return Pull(
            self._name,
            state,
            sum(part for part, _ in self._files.values()),
            sum(whole for _, whole in self._files.values()),
            rate,
        )


async def _attempt(server: Server, name: str) -> AsyncGenerator[Pull, None]:
    progress = Progress(name)
    told, state = -_TELL_EVERY, ""
    request = {"model": name, "stream": True}
    async with (
        aclosing(server.lines("/api/pull", request, _SILENCE, _SILENCE)) as lines,
        aclosing(_with_ticks(lines)) as ticking,
    ):
        async for line in ticking:
            if line is not None:
                progress.take(line)
            now = progress.told()
            if now.state != state or time.monotonic() - told >= _TELL_EVERY:
                told, state = time.monotonic(), now.state
                yield now
    if state != "done":
        raise httpx.RemoteProtocolError("the download stopped in the middle")


async def _with_ticks(
    lines: AsyncGenerator[dict[str, Any], None],
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """Yield the lines, and None whenever there was none for a while."""

    async def following() -> dict[str, Any] | None:
        return await anext(lines, None)

    waiting = child("line of a download", following())
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=_TICK)
            if not done:
                yield None
                continue
            line = waiting.result()
            if line is None:
                return
            waiting = child("line of a download", following())
            yield line
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError, *TROUBLE):
            await waiting


def _too_large(now: Pull, free: int) -> str:
    """Say that the disk would be too full, if it would be."""
    needed = now.total - now.completed
    if now.state not in ("pulling", "stalled") or needed + SPARE <= free:
        return ""
    return (
        f"It needs {needed / 1e9:.1f} GB, and of the {free / 1e9:.1f} GB that are free on the "
        f"disk {SPARE / 1e9:.0f} GB is kept for Home Assistant. Delete models that are not "
        "needed, then try again."
    )


def _state(status: str) -> State:
    if status == "success":
        return "done"
    return "verifying" if status.startswith(("verifying", "writing", "removing")) else "pulling"
