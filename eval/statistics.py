"""How sure a rate is, and whether two runs differ."""

from __future__ import annotations

from math import comb, sqrt

_Z = 1.959964
"""The quantile of the normal distribution for 95 %."""


def wilson(passed: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a rate by Wilson's score; (0, 1) without cases."""
    if n == 0:
        return 0.0, 1.0
    rate = passed / n
    middle = rate + _Z**2 / (2 * n)
    spread = _Z * sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def sign_test(won: int, lost: int) -> float:
    """Return how likely it is by chance that pairs which differ are split so unevenly or more."""
    n = won + lost
    tail: float = sum(comb(n, k) for k in range(min(won, lost) + 1)) / 2**n
    return min(1.0, 2 * tail)
