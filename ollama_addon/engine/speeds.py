"""How fast this machine reads and writes with a model: measured while people talk to it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ollama_addon.model_name import canonical

from .measurements import Measurements

_LOADED = 0.1
"""Seconds of loading that tell that a model was loaded for this call: nothing was cached."""
_ENOUGH_READ = 32
_ENOUGH_WRITTEN = 4
"""Tokens below which the duration is mostly something else."""
_KEPT = 6
"""The newest measurements of each kind, of which the median counts."""
_ENOUGH = 3
"""Measurements in use from which on they count; before that it is the fixed task."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second; None as long as it is not known. `since` is when the newest was measured."""

    prompt: float | None
    decode: float | None
    since: float | None = None
    """Seconds since the epoch."""
    spread: float = 0.0
    """How far the measurements are from their median, as a share of it."""


class Speeds:
    """Learns from the counts and durations that end each of Ollama's answers."""

    def __init__(
        self, measurements: Measurements | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._kept = measurements or Measurements()
        self._clock = clock

    def learn(self, model: str, last: Mapping[str, Any]) -> None:
        """Take in the last chunk of an answer of `model`."""
        read, took = _part(last, "prompt_eval")
        if was_loaded(last) and read >= _ENOUGH_READ and took:
            # Cached tokens are counted as read, so only a fresh cache tells the truth.
            self._add(model, "prompt", read / took)
        written, took = _part(last, "eval")
        if written >= _ENOUGH_WRITTEN and took:
            self._add(model, "decode", written / took)

    def learn_task(self, model: str, last: Mapping[str, Any]) -> None:
        """Take in the last chunk of the fixed task, of whose prompt nothing was cached."""
        read, took = _part(last, "prompt_eval")
        written, wrote = _part(last, "eval")
        if read >= _ENOUGH_READ and took and written >= _ENOUGH_WRITTEN and wrote:
            of = self._kept.speeds.setdefault(canonical(model), {})
            of["task"] = {"prompt": read / took, "decode": written / wrote}
            of["at"] = self._clock()
            self._kept.change()

    def of(self, model: str) -> Speed:
        """Return the speed of a model."""
        of = self._kept.speeds.get(canonical(model), {})
        prompt, decode = _value(of, "prompt"), _value(of, "decode")
        at = of.get("at")
        spread = max(_spread(_samples(of, "prompt")), _spread(_samples(of, "decode")))
        return Speed(prompt, decode, at if isinstance(at, int | float) else None, spread)

    def has_task(self, model: str) -> bool:
        """Tell whether the fixed task was done with a model."""
        return "task" in self._kept.speeds.get(canonical(model), {})

    @property
    def models(self) -> tuple[str, ...]:
        """The models of which both speeds are known, by canonical name."""
        known = {name: self.of(name) for name in self._kept.speeds}
        return tuple(name for name, speed in known.items() if speed.prompt and speed.decode)

    def _add(self, model: str, kind: Literal["prompt", "decode"], rate: float) -> None:
        of = self._kept.speeds.setdefault(canonical(model), {})
        of[kind] = [*_samples(of, kind), rate][-_KEPT:]
        of["at"] = self._clock()
        self._kept.change()


def was_loaded(last: Mapping[str, Any]) -> bool:
    """Tell from the last chunk of an answer whether the model was loaded for it."""
    return (last.get("load_duration") or 0) / 1e9 >= _LOADED


def _value(of: Mapping[str, Any], kind: str) -> float | None:
    samples = _samples(of, kind)
    if len(samples) >= _ENOUGH:
        return statistics.median(samples)
    task = of.get("task")
    first = task.get(kind) if isinstance(task, dict) else None
    return float(first) if isinstance(first, int | float) and first > 0 else None


def _samples(of: Mapping[str, Any], kind: str) -> list[float]:
    found = of.get(kind)
    return [each for each in found if each > 0] if isinstance(found, list) else []


def _spread(samples: list[float]) -> float:
    """Return the larger distance of the middle half from the median, as a share of it."""
    if len(samples) < _ENOUGH:
        return 0.0
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return max(middle - low, high - middle) / middle


def _part(last: Mapping[str, Any], kind: str) -> tuple[int, float]:
    return last.get(f"{kind}_count") or 0, (last.get(f"{kind}_duration") or 0) / 1e9
