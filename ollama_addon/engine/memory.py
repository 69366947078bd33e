"""How much memory a model needs, and whether there is so much. Bytes throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ollama_addon.options import EngineOptions

from .hardware import Machine

_OVERHEAD = 400_000_000
"""What a runner takes besides weights and context: compute buffers, the program itself."""
_TIGHT = 750_000_000
"""Free bytes below which Home Assistant has to fear for its own."""
_ROUGHLY = 0.9
"""What is needed is an estimate: refused is only what exceeds the memory by more than its error."""
_KV_SHARE = {"f16": 1.0, "q8_0": 0.53, "q4_0": 0.28}
_SYSTEM = 1_600_000_000
"""What Home Assistant and its system take where that was not looked at yet."""

Fits = Literal["yes", "tight", "no"]


@dataclass(frozen=True, slots=True)
class Need:
    """How a model's need of memory compares with what there is."""

    fits: Fits
    needed: int
    available: int

    def sentence(self, model: str, context_window: int) -> str:
        """Say it for a person; empty when there is nothing to say."""
        need = (
            f"The model {model} needs about {self.needed / 1e9:.1f} GB of memory with a context "
            f"window of {context_window:,} tokens, and {self.available / 1e9:.1f} GB are free."
        )
        if self.fits == "no":
            return (
                f"{need} It was not loaded, because Home Assistant would starve. Choose a smaller "
                "model or a smaller context window, or stop other apps."
            )
        if self.fits == "tight":
            return f"{need} Home Assistant may become slow: a smaller model would leave it more."
        return ""


def memory_needed(size: int, kv_bytes: int, context_window: int, engine: EngineOptions) -> int:
    """Return what a model takes in memory, with all that the options of the server add.

    `size` is that of all its files: weights, and the vision projector and the draft model where
    it has them. `kv_bytes` is what each token of the context takes at 16 bits.
    """
    context = context_window * engine.num_parallel  # each slot has a window of its own
    cached = engine.cache_ram * 2**20  # prompts that may come back
    return round(size + kv_bytes * _KV_SHARE[engine.kv_cache_type] * context + cached + _OVERHEAD)


def need(needed: int, available: int, machine: Machine) -> Need:
    """Compare what a model needs with the memory that is `available` to it."""
    fits: Fits = "yes"
    if needed * _ROUGHLY > available:
        fits = "no"
    elif needed + _TIGHT > available:
        fits = "tight"
    if fits == "no" and any(gpu.memory is None and gpu.node for gpu in machine.usable_gpus):
        # A card whose driver does not tell its memory may have enough of it.
        fits = "tight"
    return Need(fits, needed, available)


def available_now(machine: Machine, freed: int = 0) -> int:
    """Return what a model could have now. `freed` is of models that would make room for it."""
    return machine.memory_available + machine.gpu_memory + freed


def available_always(machine: Machine, others: int | None) -> int:
    """Return what a model can count on, where `others` is the most that everything else took."""
    used = _SYSTEM if others is None else others
    return max(0, machine.memory - used) + machine.gpu_memory
