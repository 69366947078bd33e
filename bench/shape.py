"""The same as `bench.turn`, with models of the size that people use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.figures import Figure, at_most, quantile
from bench.turn import SIDES, Said, Side, as_json, exposed, lights_of, talk
from bench.weights import SHAPES
from dev.stack import ROOT


@dataclass(frozen=True, slots=True)
class _Trial:
    """The home that a shape is tried in, and how often: what is larger takes longer."""

    home: str
    turns: int


_TRIALS = {"1b": _Trial("family_40", 4), "4b": _Trial("flat_10", 2)}


async def run(name: str, quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure with the shape of that name; return the figures and the raw numbers."""
    trial = _TRIALS[name]
    path = ROOT / "eval" / "homes" / f"{trial.home}.yaml"
    lights = lights_of(path)
    rows: dict[str, dict[Side, list[Said]]] = {
        kind: {side: [] for side in SIDES} for kind in ("cold", "warm")
    }
    async with talk(name) as (both, model):
        await both.move_in(path, exposed(path))
        for side in SIDES:
            await both.forget(model)
            rows["cold"][side].append(await both.say(side, lights[0], on=True))
            for number in range(2 if quick else trial.turns):
                said = await both.say(side, lights[number % 3], on=number % 2 == 0)
                rows["warm"][side].append(said)
    base = quantile([said.seconds for said in rows["warm"]["core"]], 0.5)
    figures = [
        at_most(
            f"time to the finished reply, warm, shape of {SHAPES[name].like}",
            [said.seconds / base for said in rows["warm"]["ours"]],
            0.35,
            "x core",
            note=f"Home Assistant's own integration: {base:.1f} s on this machine.",
        )
    ]
    raw = {
        kind: {side: [as_json(said) for said in rows[kind][side]] for side in SIDES}
        for kind in rows
    }
    return figures, raw
