"""Renders one template; a script for `isolated`. It needs nothing of the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChainableUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_TEXT = 100_000
"""Characters of the text."""
SECONDS = 2
"""Of processor time."""
MEMORY = 192 * 1024 * 1024
"""Bytes that are added to what the process has at its start."""
TOO_MUCH = "The template takes too long or makes too much text."


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


def render(template: str, variables: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the text, empty when it cannot be rendered, and what is wrong then."""
    environment = ImmutableSandboxedEnvironment(undefined=_Unknown)
    environment.filters = _Known(environment.filters, lambda value, *args, **kwargs: value)
    environment.tests = _Known(environment.tests, lambda value, *args, **kwargs: False)
    parts: list[str] = []
    size = 0
    try:
        for part in environment.from_string(template).generate(dict(variables)):
            parts.append(part)
            size += len(part)
            if size > MAX_TEXT:
                return "", TOO_MUCH
        return "".join(parts).strip(), None
    except (MemoryError, OverflowError, RecursionError):
        return "", TOO_MUCH
    except TemplateError as error:
        return "", str(error)
    except Exception as error:
        return "", f"{type(error).__name__}: {error}"


def answer(asked: Mapping[str, Any]) -> tuple[str, str | None]:
    """Render the `template` that is asked for with its `variables`."""
    return render(asked["template"], asked["variables"])
