"""What is said of a change, and what comes of it: values, effects, and why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ollama_addon.understanding.vocabulary import Verb


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a clause. What was not said is None or empty."""

    percent: float | None = None
    """Percent of the whole, also from words such as "half"."""
    degrees: float | None = None
    bare: float | None = None
    """A number without a unit."""
    kelvin: float | None = None
    color: str = ""
    level: str = ""
    """A word of a scale: `min`, `low`, `medium`, `high`."""
    mode: str = ""
    option: str = ""
    """A choice that was named in its own words: an input, an option of a list."""
    relative: bool = False
    """Whether the number is a difference: "by 10"."""
    little: bool = False
    """Whether "a bit" was said."""
    much: bool = False
    attribute: str = ""
    """What was named to be changed: `brightness`, `volume` …"""
    text: str = ""
    area: str = ""
    """The area to be cleaned, by its id."""

    @property
    def any(self) -> bool:
        """Whether a value was said, other than an amount or an attribute."""
        return bool(
            self.number is not None
            or self.kelvin is not None
            or self.color
            or self.level
            or self.mode
            or self.option
        )

    @property
    def number(self) -> float | None:
        """The number, whatever its unit."""
        for each in (self.percent, self.degrees, self.bare):
            if each is not None:
                return each
        return None


Reason = Literal["cannot", "range", "value"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What is to be done: a verb of the vocabulary and the values of its slots."""

    verb: Verb
    slots: Mapping[str, Any] = field(default_factory=dict, hash=False)
    direction: str = ""
    used: frozenset[str] = frozenset()
    """Fields of the values that it uses; what was said and is not used casts doubt."""


@dataclass(frozen=True, slots=True)
class Impossible:
    """Why it cannot be done to this entity."""

    reason: Reason
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
