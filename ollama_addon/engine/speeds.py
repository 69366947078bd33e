"""How fast this machine reads and writes with a model: measured while people talk to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ollama_addon.model_name import canonical

_LOADED = 0.1
"""Seconds of loading that tell that a model was loaded for this call: nothing was cached."""
_ENOUGH_READ = 32
_ENOUGH_WRITTEN = 4
"""Tokens below which the duration is mostly something else."""
_LOADS = 6
"""Loads that the speed of reading is taken from."""
_KEPT = 20
"""Answers that the speed of writing is taken from."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second; None as long as it is not known."""

    prompt: float | None
    decode: float | None


class Speeds:
    """Learns from the counts and durations that end each of Ollama's answers."""

    def __init__(self) -> None:
        self._read: dict[str, deque[float]] = {}
        self._written: dict[str, deque[tuple[int, float]]] = {}

    def learn(self, model: str, last: Mapping[str, Any]) -> None:
        """Take in the last chunk of an answer of `model`."""
        name = canonical(model)
        read, took = _part(last, "prompt_eval")
        if was_loaded(last) and read >= _ENOUGH_READ and took:
            # Cached tokens are counted as read, so only a fresh cache tells the truth. Who
            # waited for the loading of another call finds a filled one: the lowest is true.
            self._read.setdefault(name, deque(maxlen=_LOADS)).append(read / took)
        written, took = _part(last, "eval")
        if written >= _ENOUGH_WRITTEN and took:
            self._written.setdefault(name, deque(maxlen=_KEPT)).append((written, took))

    def of(self, model: str) -> Speed:
        """Return the speed of a model."""
        name = canonical(model)
        answers = self._written.get(name, ())
        took = sum(seconds for _, seconds in answers)
        decode = sum(tokens for tokens, _ in answers) / took if took else None
        return Speed(min(self._read.get(name, ()), default=None), decode)

    @property
    def models(self) -> tuple[str, ...]:
        """The models of which both speeds are known, by canonical name."""
        return tuple(name for name in self._read if self._written.get(name))


def was_loaded(last: Mapping[str, Any]) -> bool:
    """Tell from the last chunk of an answer whether the model was loaded for it."""
    return (last.get("load_duration") or 0) / 1e9 >= _LOADED


def _part(last: Mapping[str, Any], kind: str) -> tuple[int, float]:
    return last.get(f"{kind}_count") or 0, (last.get(f"{kind}_duration") or 0) / 1e9
