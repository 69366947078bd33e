"""Patterns of a JSON schema that llama.cpp keeps.

Its converter knows groups, alternatives, classes, counts, and escapes of `^$.[]()|{}*+?` only:
any other escape frees the whole text without an error. `"` and the backslash would have to be
written as JSON writes them, so names are without them (`labels.plain`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from ollama_addon.agent.strategies.labels import plain
from ollama_addon.understanding.vocabulary import Choice, Duration, Number, Value

TEXT = '[^"\\\\\\n]{1,80}'
"""Free words."""
LENGTH = "[1-9][0-9]{0,2} (hours|minutes|seconds)"
"""A length of time."""
_SPECIAL = re.compile(r"([\^$.\[\]()|{}*+?])")
_DIGITS = 6
"""Numbers of more digits are not held to their range."""


@lru_cache(16_384)
def escaped(text: str) -> str:
    """Return the pattern of a text as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def one_of(patterns: Iterable[str]) -> str:
    """Return the pattern of one of these."""
    different = list(dict.fromkeys(patterns))
    return different[0] if len(different) == 1 else f"({'|'.join(different)})"


def any_of(patterns: Iterable[str]) -> str:
    """Return the pattern of one of these, of which one may be nothing at all."""
    different = list(dict.fromkeys(patterns))
    some = [pattern for pattern in different if pattern]
    if not some:
        return ""
    return one_of(some) if len(some) == len(different) else f"({'|'.join(some)})?"


@lru_cache(512)
def value_pattern(value: Value) -> str:
    """Return the pattern of what a verb takes: no more than its range and its choices."""
    if isinstance(value, Number):
        return number_pattern(value.low, value.high, value.step)
    if isinstance(value, Choice):
        return one_of(escaped(plain(option)) for option in value.options)
    if isinstance(value, Duration):
        return f"{LENGTH}( [1-9][0-9]{{0,2}} (minutes|seconds))?"
    return TEXT


def number_pattern(low: float, high: float, step: float) -> str:
    """Return the pattern of the numbers from `low` to `high`, with a decimal where steps have."""
    first, last = int(-(-low // 1)), int(high // 1)
    if max(abs(first), abs(last)) >= 10**_DIGITS or last < first:
        whole = "-?[0-9]{1,12}" if low < 0 else "[0-9]{1,12}"
    else:
        parts = []
        if first < 0:
            parts.append(f"-{one_of(_between(max(1, -last), -first))}")
        if last >= 0:
            parts += _between(max(0, first), last)
        whole = one_of(parts)
    if float(step).is_integer():
        return whole
    return whole + ("(\\.[05])?" if step == 0.5 else "(\\.[0-9]{1,2})?")


def _between(low: int, high: int) -> list[str]:
    """Return the patterns of the numbers of each count of digits."""
    found = []
    for count in range(len(str(low)), len(str(high)) + 1):
        start = max(low, 10 ** (count - 1) if count > 1 else 0)
        found.append(_digits(str(start), str(min(high, 10**count - 1))))
    return found


def _digits(low: str, high: str) -> str:
    """Return the pattern of the numbers between two of as many digits."""
    if not low:
        return ""
    if low[0] == high[0]:
        return low[0] + _digits(low[1:], high[1:])
    rest = len(low) - 1
    parts, first, last = [], int(low[0]), int(high[0])
    if low[1:].strip("0"):
        parts.append(low[0] + _digits(low[1:], "9" * rest))
        first += 1
    if high[1:].strip("9"):
        last -= 1
    if first <= last:
        digit = f"[{first}-{last}]" if first < last else str(first)
        parts.append(digit + ("" if not rest else "[0-9]" if rest == 1 else f"[0-9]{{{rest}}}"))
    if high[1:].strip("9"):
        parts.append(high[0] + _digits("0" * rest, high[1:]))
    return one_of(parts)
