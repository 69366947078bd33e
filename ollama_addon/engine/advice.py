"""Which models suit a machine: whether they fit, and how long they would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ollama_addon.model_name import canonical
from ollama_addon.options import EngineOptions

from .catalogue import CATALOGUE, Known
from .hardware import Machine
from .measurements import Measurements
from .memory import Fits, available_always, memory_needed, need
from .speeds import Speed

_COMMAND_READ, _COMMAND_WRITTEN = 250, 16
"""Tokens of a simple command that are not cached, and of its answer."""
_QUESTION_READ, _QUESTION_WRITTEN = 300, 90
"""The same for a question that is answered in two or three sentences."""
_PATIENCE = 5.0
"""Seconds that a command may take to be pleasant."""
_HALF = 0.5
"""The share of the machine's own memory that a recommended model takes at most."""
_AT_MOST = 3
"""How many models are recommended."""

_OPERATIONS = {"avx512f": 60e9, "avx2": 40e9, "i8mm": 30e9, "asimddp": 15e9, "": 6e9}
"""Operations a second and core, by the best instructions there are; a token costs two a weight."""
_BANDWIDTH = {"avx512f": 25e9, "avx2": 20e9, "i8mm": 20e9, "asimddp": 12e9, "": 8e9}
"""Bytes a second that memory gives; a token costs all bytes of the weights it goes through."""
_BIG_CORES = 2.0
"""How much more cores do that run two threads each, which the small ones of Intel do not."""
_GPU_OPERATIONS, _GPU_BANDWIDTH = 1.3e12, 35e9
"""The same of a graphics card for each GB of its memory: those with more of it are faster."""

Basis = Literal["measured", "scaled", "expected"]
"""This model measured on this machine, another one measured and scaled by size, or experience."""
_ERROR: dict[Basis, float] = {"measured": 0.15, "scaled": 0.3, "expected": 0.4}
"""How far the truth may be from what is said, as a share of it."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long something takes: the middle, and the range in which it is said."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A model whose speed was measured on this machine."""

    name: str
    parameters: float
    size: int
    speed: Speed


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A model, and how it would do on this machine."""

    known: Known
    needed: int
    """Bytes of memory at the given context window."""
    fits: Fits
    command: Seconds
    """For a simple command when the model is in memory and has read the house."""
    question: Seconds
    """For a question that is answered in two or three sentences."""
    basis: Basis
    """What that is taken from."""
    basis_model: str
    """The model that was measured, for `measured` and `scaled`."""
    recommended: bool
    """Whether it fits, is quick and knows the language of the home: at most three are."""
    suggested: bool
    """Whether it is the one to take."""


def recommend(
    machine: Machine,
    measured: Sequence[Measured],
    context_window: int,
    engine: EngineOptions,
    *,
    others: int | None = None,
    language: str = "en",
    kept: Measurements | None = None,
) -> list[Recommendation]:
    """Return every known model and how it would do here, the smallest first.

    `others` are the most bytes that everything but Ollama took in the last 24 hours. `kept`
    remembers what was suggested, so that it stays while nothing that counts has changed.
    """
    available = available_always(machine, others)
    rows = []
    for known in CATALOGUE:
        needed = memory_needed(known.size, known.kv_bytes, context_window, engine)
        fits = need(needed, available, machine).fits
        rows.append((known, needed, fits, *_seconds(known, machine, measured)))
    able = [
        known
        for known, needed, fits, command, *_ in rows
        if fits == "yes"
        and needed - machine.gpu_memory <= _HALF * machine.memory
        and command.middle <= _PATIENCE
        and known.knows(language)
        and not known.trial
    ]
    recommended = able[-_AT_MOST:]
    bases = " ".join(f"{basis}:{basis_model}" for *_, basis, basis_model in rows)
    rests_on = f"{machine.fingerprint} {machine.memory} {context_window} {language} {bases}"
    chosen = able[-1].name if able else ""
    if kept is not None:
        chosen = _steady(kept, rests_on, chosen, {row[0].name for row in rows if row[2] != "no"})
    return [Recommendation(*row, row[0] in recommended, row[0].name == chosen) for row in rows]


def _steady(kept: Measurements, rests_on: str, chosen: str, fitting: set[str]) -> str:
    """Return what was suggested before, as long as it rests on the same and still fits."""
    before = kept.suggestion
    if before.get("rests_on") == rests_on and before.get("model") in fitting:
        return before["model"]
    if chosen:
        kept.suggestion = {"rests_on": rests_on, "model": chosen}
        kept.change()
    return chosen


def _seconds(
    known: Known, machine: Machine, measured: Sequence[Measured]
) -> tuple[Seconds, Seconds, Basis, str]:
    """Return how long a command and a question take, and what that is taken from."""
    speed, basis, model = _speed(known, machine, measured)
    assert speed.prompt
    assert speed.decode
    error = max(_ERROR[basis], speed.spread)

    def takes(read: int, written: int) -> Seconds:
        assert speed.prompt
        assert speed.decode
        middle = read / speed.prompt + written / speed.decode
        return Seconds(middle, _plain(middle * (1 - error)), _plain(middle * (1 + error)))

    return (
        takes(_COMMAND_READ, _COMMAND_WRITTEN),
        takes(_QUESTION_READ, _QUESTION_WRITTEN),
        basis,
        model,
    )


def _plain(seconds: float) -> float:
    """Round as people say it: 0.4, 2.5, 7, 15, 40."""
    for limit, step in ((1, 0.1), (5, 0.5), (10, 1), (60, 5), (float("inf"), 30)):
        if seconds < limit:
            return max(0.1, round(round(seconds / step) * step, 1))
    raise AssertionError


def _speed(
    known: Known, machine: Machine, measured: Sequence[Measured]
) -> tuple[Speed, Basis, str]:
    """Return the tokens a second that are read and written, and where that is from."""
    name = canonical(known.name)
    usable = [each for each in measured if each.speed.prompt and each.speed.decode]
    # The model itself tells most, then the one whose size is nearest.
    nearest = min(
        usable,
        key=lambda each: (canonical(each.name) != name, abs(each.size - known.size), each.name),
        default=None,
    )
    if nearest is None:
        return _expected(known, machine), "expected", ""
    if canonical(nearest.name) == name:
        return nearest.speed, "measured", nearest.name
    assert nearest.speed.prompt
    assert nearest.speed.decode
    # Reading costs operations, which go with the weights; writing goes with their bytes.
    size = known.size * known.active / known.parameters
    scaled = Speed(
        nearest.speed.prompt * nearest.parameters / known.active,
        nearest.speed.decode * nearest.size / size,
    )
    return scaled, "scaled", nearest.name


def _expected(known: Known, machine: Machine) -> Speed:
    """Return what machines of this kind do, where nothing was measured on this one."""
    kind = next((each for each in _OPERATIONS if each in machine.instructions), "")
    cores = max(1, min(machine.cores, machine.physical_cores) - (machine.cores > 2))
    big = _BIG_CORES if machine.cores > machine.physical_cores else 1.0
    on_card = min(1.0, machine.gpu_memory / (1.15 * known.size))
    card = machine.gpu_memory / 1e9
    share = known.active / known.parameters

    def rate(work: float, processor: float, graphics: float) -> float:
        """Return how often a second `work` is done, of which a share goes to the card."""
        seconds = (1 - on_card) * work / processor
        return 1 / (seconds + (on_card * work / graphics if on_card else 0))

    return Speed(
        rate(2 * known.active, big * _OPERATIONS[kind] * cores, card * _GPU_OPERATIONS),
        rate(known.size * share, big * _BANDWIDTH[kind], card * _GPU_BANDWIDTH),
    )
