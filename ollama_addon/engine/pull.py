"""One download of a model, to its end."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

import httpx
import ollama

from .server import TROUBLE, Server

_ATTEMPTS = 12
"""Failures in a row, without a byte in between, after which it is given up."""
_FIRST_DELAY, _LONGEST_DELAY = 2.0, 60.0
"""Seconds before the next attempt."""
_SILENCE = 1800.0
"""Seconds without a word: checking a large file on a slow card is silent."""
_WINDOW = 10.0
"""Seconds over which the rate is measured."""
_TELL_EVERY = 0.5
SPARE = 10**9
"""Bytes of the disk that are left to Home Assistant."""

State = Literal["waiting", "pulling", "verifying", "retrying", "done", "failed", "cancelled"]

# What Ollama says when another attempt would end in the same way.
_HOPELESS = (
    ("file does not exist", "There is no such model in Ollama's library. Check its name there."),
    ("invalid model name", "That is not the name of a model."),
    ("no space left", "The disk is full. Delete models that are not needed, then try again."),
    ("newer version of ollama", "It needs a newer Ollama. Update the add-on."),
    ("unauthorized", "It is not open to everybody. Choose another model."),
    ("requires mlx", "It is made for other machines. Choose another model."),
)


@dataclass(frozen=True, slots=True)
class Pull:
    """How far a download is."""

    name: str
    state: State = "waiting"
    completed: int = 0
    """Bytes."""
    total: int = 0
    """Bytes, as far as is known."""
    rate: float = 0
    """Bytes a second."""
    problem: str = ""
    """What went wrong, as a sentence."""

    @property
    def active(self) -> bool:
        """Whether it goes on by itself."""
        return self.state in ("waiting", "pulling", "verifying", "retrying")

    @property
    def percent(self) -> int:
        """How much of it is there, 0 to 100."""
        return 100 * self.completed // self.total if self.total else 0

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take, when that can be said."""
        if self.state != "pulling" or not self.rate:
            return None
        return (self.total - self.completed) / self.rate

    @property
    def message(self) -> str:
        """A sentence for a person."""
        size = f"{self.percent} % of {self.total / 1e9:.1f} GB"
        if self.state == "waiting":
            return f"The model {self.name} waits to be downloaded."
        if self.state == "pulling" and self.seconds_left is not None:
            minutes = max(1, round(self.seconds_left / 60))
            rate = f"{self.rate / 1e6:.1f} MB/s"
            return f"The model {self.name} is being downloaded: {size}, {rate}, {minutes} min left."
        if self.state == "pulling":
            return f"The model {self.name} is being downloaded{f': {size}' if self.total else ''}."
        if self.state == "verifying":
            return f"The model {self.name} has been downloaded and is being checked."
        if self.state == "retrying":
            return f"The download of {self.name} is interrupted: {self.problem}"
        if self.state == "failed":
            return f"The model {self.name} could not be downloaded. {self.problem}"
        if self.state == "cancelled":
            return f"The download of {self.name} was cancelled; it can be resumed."
        return f"The model {self.name} is ready."


async def pull(
    server: Server, name: str, free: Callable[[], int] | None = None
) -> AsyncGenerator[Pull, None]:
    """Download the model `name` to `server`, through interruptions, telling how far it is.

    `free` tells how many bytes of its disk are free, where that can be known. The last that is
    yielded is `done` or `failed`. Closed before, the download stops, and what has arrived is
    used when it is pulled again.
    """
    now = Pull(name, "pulling")
    failures, best = 0, 0
    while True:
        try:
            async with aclosing(_attempt(server, name)) as steps:
                async for now in steps:
                    if now.completed > best:
                        failures, best = 0, now.completed
                    if free is not None and (problem := _too_large(now, free())):
                        yield replace(now, state="failed", rate=0, problem=problem)
                        return
                    yield now
            return
        except TROUBLE as error:
            failures += 1
            hopeless = _hopeless(error)
            if hopeless or failures >= _ATTEMPTS:
                problem = hopeless or f"{_reason(server, error)} Try again later."
                yield replace(now, state="failed", rate=0, problem=problem)
                return
            delay = min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY)
            problem = f"{_reason(server, error)} The next attempt is in {delay:g} s."
            now = replace(now, state="retrying", rate=0, problem=problem)
            yield now
            await asyncio.sleep(delay)


async def _attempt(server: Server, name: str) -> AsyncGenerator[Pull, None]:
    files: dict[str, tuple[int, int]] = {}
    seen: deque[tuple[float, int]] = deque()
    told = -_TELL_EVERY
    state: State = "waiting"
    request = {"model": name, "stream": True}
    async with aclosing(server.lines("/api/pull", request, _SILENCE, _SILENCE)) as lines:
        async for line in lines:
            now = time.monotonic()
            if digest := line.get("digest"):
                files[digest] = (int(line.get("completed") or 0), int(line.get("total") or 0))
            completed = sum(part for part, _ in files.values())
            total = sum(whole for _, whole in files.values())
            seen.append((now, completed))
            while seen[0][0] < now - _WINDOW:
                seen.popleft()
            elapsed = now - seen[0][0]
            rate = (completed - seen[0][1]) / elapsed if elapsed else 0.0
            before, state = state, _state(str(line.get("status", "")))
            if state != before or now - told >= _TELL_EVERY:
                told = now
                yield Pull(name, state, completed, total, rate if state == "pulling" else 0)
    if state != "done":
        raise httpx.RemoteProtocolError("the download stopped in the middle")


def _too_large(now: Pull, free: int) -> str:
    """Say that the disk would be too full, if it would be."""
    needed = now.total - now.completed
    if now.state != "pulling" or needed + SPARE <= free:
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


def _hopeless(error: Exception) -> str:
    if not isinstance(error, ollama.ResponseError):
        return ""
    text = error.error.lower()
    return next((sentence for needle, sentence in _HOPELESS if needle in text), "")


def _reason(server: Server, error: Exception) -> str:
    if isinstance(error, ollama.ResponseError):
        return f"Ollama said: {' '.join(error.error.split())[:300]}."
    return f"{server.name} broke it off."
