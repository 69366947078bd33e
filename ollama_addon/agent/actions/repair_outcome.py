"""What comes of a repair: valid, mended, ambiguous or refused, and what was mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from ollama_addon.home.model import Entity
from ollama_addon.understanding.vocabulary import Action, Target

TARGET_SLOTS = ("name", "area", "floor", "domain", "device_class")


class Verdict(StrEnum):
    """What became of a proposal."""

    AS_IT_WAS = "as_it_was"
    MENDED = "mended"
    AMBIGUOUS = "ambiguous"
    REFUSED = "refused"


MendKind = Literal[
    "action",  # another intent than the one that was written
    "opposite",  # the contrary of a clear order, turned around
    "name",  # a name that was nearly right
    "nameless",  # no name, where one thing fits
    "place",
    "slot",
    "several",  # one call for several things or values
    "value",
    "unit",
    "position",  # a position for what only opens and closes
    "off",  # a value of 0 for off
]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was mended: what kind of thing, and a short sentence."""

    kind: MendKind
    sentence: str


@dataclass(frozen=True, slots=True)
class Repaired:
    """A proposal after repair. `action` is valid unless it was refused or is ambiguous."""

    verdict: Verdict
    action: Action | None = None
    target: Target | None = None
    changes: tuple[Change, ...] = ()
    """What was mended."""
    candidates: tuple[Entity, ...] = ()
    """What may be meant, when it is ambiguous."""
    reason: str = ""
    """Why it was refused: `not_found`, `cannot`, `range`, `value`, `unknown_action`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What a sentence about the reason needs, such as `low` and `high`."""


class Refusal(Exception):  # noqa: N818 - an outcome, not an error
    """A proposal cannot be mended."""

    def __init__(self, reason: str, target: Target | None = None, **values: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.target = target
        self.values = values


class Ambiguity(Exception):  # noqa: N818
    """Several things fit."""

    def __init__(self, candidates: tuple[Entity, ...], intent: str, slots: dict[str, Any]) -> None:
        super().__init__("ambiguous")
        self.candidates = candidates
        self.intent = intent
        self.slots = slots


def slotless(slots: Mapping[str, Any]) -> dict[str, Any]:
    """Return the slots that do not name the target."""
    return {
        key: value
        for key, value in slots.items()
        if key not in (*TARGET_SLOTS, "entity_id", "entity")
    }


def named(target: Target) -> dict[str, Any]:
    """Return the slots that name a target."""
    if isinstance(target, Entity):
        return {"name": target.id}
    slots = {
        "domain": target.domain,
        "device_class": target.device_class,
        "area": target.area_id,
        "floor": target.floor_id,
    }
    return {slot: value for slot, value in slots.items() if value}
