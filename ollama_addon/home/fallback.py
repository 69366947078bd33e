"""Templates rendered by `jinja2` alone, in a sandbox that is bounded in time and size."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from jinja2 import ChainableUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_TEXT = 100_000
"""Characters of the text."""
SECONDS = 1.0
_WIDE = re.compile(r"%[^a-zA-Z%]*(\*|\d{4})")
"""A `%` format that pads to a great width."""


async def render_alone(template: str, variables: Mapping[str, Any]) -> tuple[str, str | None]:
    """Render without Home Assistant: what only it knows is left out of the text.

    Returns the text, empty when it cannot be rendered, and what is wrong then. Takes little
    more than a second at most.
    """
    return await asyncio.to_thread(_render_within_limits, template, variables)


class _TooMuchError(Exception):
    """A template took too long or makes too much text."""


class _Unknown(ChainableUndefined):
    """What only Home Assistant knows: `states("sensor.x")`, `now().hour` and the like."""

    def __call__(self, *args: Any, **kwargs: Any) -> _Unknown:  # type: ignore[override]
        return self

    def _same(self, *args: Any) -> _Unknown:
        return self

    def _never(self, other: Any) -> bool:
        return False

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _same  # type: ignore[assignment]
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _same  # type: ignore[assignment]
    __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = _same  # type: ignore[assignment]
    __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]

    def __int__(self) -> int:  # type: ignore[override]
        return 0

    def __float__(self) -> float:  # type: ignore[override]
        return 0.0

    def __round__(self, digits: int = 0) -> int:
        return 0


class _Known(dict[str, Any]):
    """Filters or tests, with a stand-in for those that only Home Assistant has."""

    def __init__(self, known: Mapping[str, Any], stand_in: Callable[..., Any]) -> None:
        super().__init__(known)
        self._stand_in = stand_in

    def __missing__(self, name: str) -> Any:
        return self._stand_in

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


class _Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox whose operators make nothing large at once; the rest is a matter of time."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right`, unless what comes out may be huge."""
        if isinstance(left, _Unknown):
            return left
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "*":
            huge = not numbers and _length(left) * _length(right) > MAX_TEXT
        elif operator == "**":
            huge = not numbers or abs(left) > MAX_TEXT or abs(right) > 64
        else:
            huge = isinstance(left, str) and _WIDE.search(left) is not None
        if huge:
            raise _TooMuchError
        return super().call_binop(context, operator, left, right)


def _length(value: Any) -> float:
    """Return how long a sequence is, or how often a number repeats one."""
    if isinstance(value, int | float):
        return abs(value)
    return len(value) if hasattr(value, "__len__") else 1


def _environment() -> _Sandbox:
    environment = _Sandbox(undefined=_Unknown)
    environment.filters = _Known(environment.filters, lambda value, *args, **kwargs: value)
    environment.tests = _Known(environment.tests, lambda value, *args, **kwargs: False)
    return environment


def _render_within_limits(template: str, variables: Mapping[str, Any]) -> tuple[str, str | None]:
    deadline = time.monotonic() + SECONDS

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > deadline:
            raise _TooMuchError
        return watch

    # A thread cannot be ended from outside; its own tracing can look at the clock.
    sys.settrace(watch)
    try:
        parts: list[str] = []
        size = 0
        for part in _environment().from_string(template).generate(dict(variables)):
            parts.append(part)
            size += len(part)
            if size > MAX_TEXT:
                raise _TooMuchError
        return "".join(parts).strip(), None
    except _TooMuchError:
        error = "The template takes too long or makes too much text."
    except TemplateError as err:
        error = str(err)
    except Exception as err:
        error = f"{type(err).__name__}: {err}"
    finally:
        sys.settrace(None)
    return "", error
