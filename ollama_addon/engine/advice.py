"""What this machine can run: how much memory a model needs, and how long a command would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ollama_addon.engine.catalogue import CATALOGUE, Known
from ollama_addon.engine.hardware import Machine
from ollama_addon.engine.speeds import Speed
from ollama_addon.model_name import canonical

_OVERHEAD = 400_000_000
"""Bytes that a runner takes besides weights and context: compute buffers, the program itself."""
_TIGHT = 750_000_000
"""Free bytes below which Home Assistant has to fear for its own."""
_ROUGHLY = 0.9
"""What is needed is an estimate: refused is only what exceeds the memory by more than its error."""
_KV_SHARE = {"f16": 1.0, "q8_0": 0.53, "q4_0": 0.28}

_COMMAND_READ, _COMMAND_WRITTEN = 250, 16
"""Tokens of a simple command that are not cached, and of its answer."""

_OPERATIONS = {"avx512f": 60e9, "avx2": 40e9, "i8mm": 30e9, "asimddp": 15e9, "": 6e9}
"""Operations a second and core, by the best instructions there are; a token costs two a weight."""
_BANDWIDTH = {"avx512f": 25e9, "avx2": 25e9, "i8mm": 20e9, "asimddp": 12e9, "": 8e9}
"""Bytes a second that memory gives; a token costs all bytes of a model."""
_GPU = 8.0
"""How much faster a graphics card with memory of its own is, at least."""

Fits = Literal["yes", "tight", "no"]
Basis = Literal["measured", "scaled", "expected"]
"""This model measured on this machine, another one measured and scaled by size, or experience."""


@dataclass(frozen=True, slots=True)
class Need:
    """How a model's need of memory compares with what there is. Bytes."""

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
                "model or a smaller context window, or stop other add-ons."
            )
        if self.fits == "tight":
            return f"{need} Home Assistant may become slow: a smaller model would leave it more."
        return ""


def memory_needed(size: int, kv_bytes: int, context_window: int, kv_cache_type: str) -> int:
    """Return the bytes that a model takes in memory.

    `size` is that of its file, `kv_bytes` what each token of the context takes at 16 bits.
    """
    return round(size + kv_bytes * _KV_SHARE[kv_cache_type] * context_window + _OVERHEAD)


def need(needed: int, machine: Machine, freed: int = 0) -> Need:
    """Compare. `freed` are the bytes of models that would make room for this one."""
    available = machine.memory_available + machine.gpu_memory + freed
    fits: Fits = "yes"
    if needed * _ROUGHLY > available:
        fits = "no"
    elif needed + _TIGHT > available:
        fits = "tight"
    if fits == "no" and any(gpu.memory is None and gpu.node for gpu in machine.usable_gpus):
        # A card whose driver does not tell its memory may have enough of it.
        fits = "tight"
    return Need(fits, needed, available)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A model, and how it would do on this machine."""

    known: Known
    needed: int
    """Bytes of memory at the given context window."""
    fits: Fits
    seconds_per_command: float
    """For a simple command when the model is in memory and has read the house."""
    basis: Basis
    """What that is taken from."""
    suggested: bool
    """Whether it is the one to take."""


_PATIENCE = 3.0
"""Seconds that a command may take to be pleasant."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A model whose speed was measured on this machine."""

    name: str
    parameters: float
    size: int
    speed: Speed


def recommend(
    machine: Machine,
    measured: Sequence[Measured],
    context_window: int,
    kv_cache_type: str,
    freed: int = 0,
) -> list[Recommendation]:
    """Return every known model and how it would do here, the smallest first.

    `freed` are the bytes of the models that are in memory now.
    """
    rows = [
        (known, memory_needed(known.size, known.kv_bytes, context_window, kv_cache_type))
        for known in CATALOGUE
    ]
    verdicts = [need(needed, machine, freed).fits for _, needed in rows]
    expected = [seconds_per_command(known, machine, measured) for known, _ in rows]
    # The largest that is both comfortable and quick; else the smallest that fits at all.
    good = [
        place
        for place, verdict in enumerate(verdicts)
        if verdict == "yes" and expected[place][0] <= _PATIENCE
    ]
    fitting = [place for place, verdict in enumerate(verdicts) if verdict != "no"]
    best = good[-1] if good else fitting[0] if fitting else None
    return [
        Recommendation(known, needed, verdicts[place], *expected[place], place == best)
        for place, (known, needed) in enumerate(rows)
    ]


def seconds_per_command(
    known: Known, machine: Machine, measured: Sequence[Measured]
) -> tuple[float, Basis]:
    """Return how long a simple command takes with a model, and what that is taken from."""
    read, write, basis = _rates(known, machine, measured)
    return _COMMAND_READ / read + _COMMAND_WRITTEN / write, basis


def _rates(
    known: Known, machine: Machine, measured: Sequence[Measured]
) -> tuple[float, float, Basis]:
    """Return the tokens a second that are read and written."""
    name = canonical(known.name)
    # The model itself tells most, then the one whose size is nearest.
    for other in sorted(
        measured, key=lambda each: (canonical(each.name) != name, abs(each.size - known.size))
    ):
        if other.speed.prompt and other.speed.decode:
            if canonical(other.name) == name:
                return other.speed.prompt, other.speed.decode, "measured"
            # Reading costs operations, which go with the weights; writing goes with their bytes.
            return (
                other.speed.prompt * other.parameters / known.parameters,
                other.speed.decode * other.size / known.size,
                "scaled",
            )
    kind = next((each for each in _OPERATIONS if each in machine.instructions), "")
    cores = max(1, min(machine.cores, machine.physical_cores) - (machine.cores > 2))
    faster = _GPU if machine.gpu_memory else 1.0
    return (
        faster * _OPERATIONS[kind] * cores / (2 * known.parameters),
        faster * _BANDWIDTH[kind] / known.size,
        "expected",
    )
