"""What a bench has measured, against the bars of the design."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, and whether it keeps to its bar.

    `spread` is the lower and the upper quartile, as far as there are any.
    """

    name: str
    value: float
    bar: float
    unit: str
    met: bool
    spread: tuple[float, float] | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


def at_most(
    name: str,
    values: Sequence[float],
    bar: float,
    unit: str,
    *,
    share: float = 0.5,
    note: str = "",
) -> Figure:
    """Return the figure of `values` that may be `bar` at most.

    `share` is the quantile that counts: 0.5 is the median.
    """
    value = quantile(values, share)
    spread = (quantile(values, 0.25), quantile(values, 0.75))
    return Figure(name, _round(value), bar, unit, value <= bar, _both(spread), note)


def at_least(
    name: str, values: Sequence[float], bar: float, unit: str, *, note: str = ""
) -> Figure:
    """Return the figure of `values` whose median must be `bar` at least."""
    value = statistics.median(values)
    spread = (quantile(values, 0.25), quantile(values, 0.75))
    return Figure(name, _round(value), bar, unit, value >= bar, _both(spread), note)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all values does not exceed."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def table(figures: Sequence[Figure]) -> str:
    """Return the rows for a person."""
    lines = [f"{'figure':<58} {'value':>10} {'bar':>8}  unit   met   quartiles"]
    for each in figures:
        spread = f"{each.spread[0]:g} to {each.spread[1]:g}" if each.spread else ""
        met = "yes" if each.met else "NO"
        lines.append(
            f"{each.name:<58} {each.value:>10g} {each.bar:>8g}  {each.unit:<6} {met:<5} {spread}"
        )
        if each.note:
            lines.append(f"    {each.note}")
    return "\n".join(lines)


def _both(pair: tuple[float, float]) -> tuple[float, float]:
    return _round(pair[0]), _round(pair[1])


def _round(value: float) -> float:
    return float(f"{value:.4g}")
