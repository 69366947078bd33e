"""From targets, actions and values to what would be done: the candidates of a clause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.effect_types import Effect, Impossible, Values
from ollama_addon.understanding.effects import effect
from ollama_addon.understanding.interpretation import Candidate, Refusal
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.vocabulary import Action, Group, Verb, action as action_of

MOST = 6
"""Candidates that a clause has at most."""
_LISTED = 4
"""Names that a phrase lists at most."""


@dataclass(slots=True)
class Plan:
    """What doing something to some entities comes to."""

    effects: dict[str, Effect] = field(default_factory=dict)
    """By entity id, in order."""
    impossible: dict[str, Impossible] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    """Fields of the values that are used."""

    @property
    def direction(self) -> str:
        """The change in one word; empty where it differs from thing to thing."""
        directions = {each.direction for each in self.effects.values()}
        return directions.pop() if len(directions) == 1 else ""


def plan(actions: Iterable[str], entities: Sequence[Entity], values: Values, house: House) -> Plan:
    """Return what the first fitting action does to each entity."""
    found = Plan()
    for entity in entities:
        refused: Impossible | None = None
        for action in actions:
            result = effect(action, entity, values, house)
            if isinstance(result, Effect):
                found.effects[entity.id] = result
                found.used |= result.used
                break
            if isinstance(result, Impossible) and refused is None:
                refused = result
        else:
            if refused is not None:
                found.impossible[entity.id] = refused
    return found


def candidate(
    made: Plan,
    index: HouseIndex,
    *,
    score: float,
    whole_home: bool = False,
    excepted: Sequence[Entity] = (),
) -> Candidate | None:
    """Return a plan as something that can be done, None when it does nothing."""
    house = index.house
    entities = tuple(house.entities[id_] for id_ in made.effects)
    if not entities:
        return None
    actions: list[Action] = []
    phrases: list[str] = []
    for effect_, members in _alike(made, house):
        group = None if excepted else _group(effect_.verb, members, house)
        values = dict(effect_.slots)
        if group is not None and len(members) > 1:
            actions.append(action_of(effect_.verb, group, values))
        else:
            actions += [action_of(effect_.verb, member, values) for member in members]
        phrases.append(_phrase(effect_, members, group, index))
    text = " and ".join(phrases)
    if excepted:
        names = ", ".join(index.labels[each.id] for each in excepted[:_LISTED])
        text = f"{text}, but not {names}"
    return Candidate(tuple(actions), entities, text, score, made.direction, whole_home)


def _alike(made: Plan, house: House) -> list[tuple[Effect, list[Entity]]]:
    """Return entities together to which the same is done."""
    groups: dict[tuple[str, str, str], tuple[Effect, list[Entity]]] = {}
    for id_, each in made.effects.items():
        entity = house.entities[id_]
        key = (each.verb.phrase, entity.domain, repr(sorted(each.slots.items())))
        groups.setdefault(key, (each, []))[1].append(entity)
    return list(groups.values())


def _group(verb: Verb, members: Sequence[Entity], house: House) -> Group | None:
    """Return the group whose members are exactly these, if one intent can name it."""
    if not verb.group or verb.is_service or len(members) < 2:
        return None
    domain = members[0].domain
    ids = {member.id for member in members}
    areas = {member.area_id for member in members}
    floors = {area.floor_id if (area := house.area_of(member)) else None for member in members}
    classes = {member.device_class for member in members}
    options: list[Group] = []
    for device_class in (None, *(classes if len(classes) == 1 else ())):
        if len(areas) == 1 and None not in areas:
            options.append(Group(domain, area_id=next(iter(areas)), device_class=device_class))
        if len(floors) == 1 and None not in floors:
            options.append(Group(domain, floor_id=next(iter(floors)), device_class=device_class))
        options.append(Group(domain, device_class=device_class))
    for group in options:
        if {member.id for member in group.members(house)} == ids:
            return group
    return None


_PLURALS = {"media_player": "media players", "switch": "switches", "climate": "thermostats"}


def _phrase(
    effect_: Effect, members: Sequence[Entity], group: Group | None, index: HouseIndex
) -> str:
    """Return what is done in words that a model reads: "turn off Kitchen light"."""
    if len(members) == 1:
        target = index.labels[members[0].id]
    elif group is not None:
        house = index.house
        kind = group.device_class or group.domain
        target = f"all {_PLURALS.get(kind, kind.replace('_', ' ') + 's')}"
        if group.area_id:
            target += f" in {house.areas[group.area_id].name}"
        elif group.floor_id:
            target += f" on {house.floors[group.floor_id].name}"
    else:
        names = [index.labels[member.id] for member in members]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        target = ", ".join(names[:_LISTED]) + more
    value = _value(effect_.slots)
    text = effect_.verb.phrase.format(target=target, value=value)
    if "{value}" not in effect_.verb.phrase and value and not effect_.verb.slots:
        text = f"{text} by {value}"
    elif len(effect_.slots) > 1:
        text = f"set {target} to " + ", ".join(str(each) for each in effect_.slots.values())
    return text


def _value(slots: Mapping[str, Any]) -> str:
    for value in slots.values():
        if isinstance(value, int | float):
            return f"{abs(value):g}"
        return str(value)
    return ""


def refusal(made: Plan, house: House) -> Refusal | None:
    """Return why nothing of a plan can be done, None when something can."""
    if made.effects or not made.impossible:
        return None
    entities = tuple(house.entities[id_] for id_ in made.impossible)
    first = next(iter(made.impossible.values()))
    return Refusal(first.reason, entities, first.values)


def values_of(action: Action) -> Values:
    """Return the values that an action was given, to give them to something else."""
    slots = action.slots
    values: dict[str, Any] = {}
    for slot, name in (
        ("brightness", "percent"),
        ("position", "percent"),
        ("percentage", "percent"),
        ("volume_level", "percent"),
        ("humidity", "percent"),
        ("color", "color"),
        ("option", "option"),
        ("source", "option"),
        ("hvac_mode", "mode"),
        ("mode", "mode"),
    ):
        if slot in slots:
            values[name] = slots[slot]
    if "temperature" in slots:
        values["kelvin" if action.intent == "HassLightSet" else "degrees"] = slots["temperature"]
    return Values(**values)
