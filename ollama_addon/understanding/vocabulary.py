"""What can be done to what: verbs, the intents behind them, their values and ranges.

The one table of the agent. A verb is an intent of Home Assistant (or, where it has none, a
service) as a person would say it, with the entities that it fits and the value it takes.
Both strategies, repair and replies read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ollama_addon.home.model import Entity, House

COLORS = (
    "white black red orange yellow green blue purple brown pink turquoise cyan magenta violet "
    "gold coral lime teal lavender salmon indigo"
).split()
"""Colors of the intents' own list, and a few of CSS that people say."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a verb takes, in the unit of its slot."""

    slot: str
    low: float
    high: float
    step: float = 1
    sign: int = 1
    """-1 where a person says a positive number for less: "dim it by 20"."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words that a verb takes."""

    slot: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Free words that a verb takes, such as the item for a list."""

    slot: str


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: the slots `hours`, `minutes` and `seconds`."""


CLEAN_AREA = "HassVacuumCleanArea"
"""The one intent whose area is a value rather than a target."""


FIELD = "field:"
"""What the slots of a script's fields begin with."""


Value = Number | Choice | Text | Duration


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be done to entities of some domains."""

    phrase: str
    """How it is written, with `{target}` and `{value}`: `set {target} brightness to {value}`."""
    intent: str
    """An intent (`HassTurnOn`) or a service (`climate.set_hvac_mode`)."""
    domains: frozenset[str]
    value: Callable[[Entity, House], Value | None] | None = None
    """What the verb takes for an entity; None from it when the entity cannot."""
    fits: Callable[[Entity], bool] = lambda entity: True
    slots: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Slots that are always sent with it."""
    group: bool = False
    """Whether it can be done to all entities of a domain in a place at once."""
    reads: bool = False
    """Whether it only looks."""

    @property
    def is_service(self) -> bool:
        """Whether it is carried out by a service, for want of an intent."""
        return "." in self.intent


@dataclass(frozen=True, slots=True)
class Group:
    """All exposed entities of a domain (and device class) in an area, on a floor or anywhere."""

    domain: str
    area_id: str | None = None
    floor_id: str | None = None
    device_class: str | None = None

    def members(self, house: House) -> list[Entity]:
        """Return the exposed entities that the group stands for."""
        return [
            entity
            for entity in house.entities.values()
            if entity.domain == self.domain
            and (self.device_class is None or entity.device_class == self.device_class)
            and (self.area_id is None or entity.area_id == self.area_id)
            and (
                self.floor_id is None
                or ((area := house.area_of(entity)) and area.floor_id == self.floor_id)
            )
        ]


Target = Entity | Group


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: an intent (or a service) and its slots.

    `name` holds an entity id; `area` and `floor` hold ids; without any of them the action is
    about all entities of `domain`. Everything after a strategy works on this.
    """

    intent: str
    slots: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def as_json(self) -> dict[str, Any]:
        """Return it as the events of a turn show it."""
        return {"name": self.intent, "arguments": dict(self.slots)}


def field_values(entity: Entity) -> dict[str, Number | Choice | Text]:
    """Return what a script takes, by field; fields of other kinds are left to the script."""
    found: dict[str, Number | Choice | Text] = {}
    for name, description in (entity.capabilities.get("fields") or {}).items():
        selector = (description or {}).get("selector") or {}
        if "number" in selector:
            number = selector["number"] or {}
            low, high = number.get("min", 0), number.get("max", 1_000_000)
            step = number.get("step") or 1
            found[name] = Number(name, low, high, step if isinstance(step, (int, float)) else 0.01)
        elif "select" in selector:
            options = (selector["select"] or {}).get("options") or ()
            words = [o["value"] if isinstance(o, Mapping) else o for o in options]
            if words:
                found[name] = Choice(name, tuple(str(word) for word in words))
        elif "text" in selector:
            found[name] = Text(name)
    return found


TIMER_VALUES = {"HassStartTimer", "HassIncreaseTimer", "HassDecreaseTimer"}


def value_of(verb: Verb, target: Target | None, house: House) -> Value | None:
    """Return what a verb takes for a target, None where it takes nothing."""
    if target is None:
        if verb.intent in TIMER_VALUES:
            return Duration()
        return Text("message") if verb.intent == "HassBroadcast" else None
    if verb.value is None:
        return None
    if isinstance(target, Entity):
        return verb.value(target, house)
    for member in target.members(house):
        if verb.fits(member):
            return verb.value(member, house)
    return None


def action(verb: Verb, target: Target | None, values: Mapping[str, Any]) -> Action:
    """Return the action of doing a verb to a target with values by slot."""
    slots: dict[str, Any] = {}
    if isinstance(target, Entity):
        slots["name"] = target.id
    elif target is not None:
        slots["domain"] = target.domain
        if target.device_class:
            slots["device_class"] = target.device_class
        if target.area_id:
            slots["area"] = target.area_id
        if target.floor_id:
            slots["floor"] = target.floor_id
    return Action(verb.intent, {**slots, **verb.slots, **values})
