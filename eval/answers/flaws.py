"""Answers as models really give them: with what is mended, and with what has to be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.verb_table import verbs_for
from ollama_addon.understanding.vocabulary import Action

_OPPOSITE = {"HassTurnOn": "HassTurnOff", "HassTurnOff": "HassTurnOn"}


def mendable(actions: list[Action], house: House) -> Iterator[tuple[str, list[Action]]]:
    """Yield answers that mean the same and are written wrongly, each with what is wrong."""
    only = actions[0] if len(actions) == 1 else None
    if only is None:
        return
    slots = dict(only.slots)
    entity = house.entities.get(str(slots.get("name")))
    if entity is not None:
        yield "name", [_with(only, name=entity.name)]
        yield "lower case", [_with(only, name=entity.name.lower())]
        yield "entity id", [_with(only, entity_id=entity.id, name=None)]
        if entity.aliases:
            yield "alias", [_with(only, name=entity.aliases[0])]
            yield "name (alias)", [_with(only, name=f"{entity.name} ({entity.aliases[0]})")]
        if area := house.area_of(entity):
            yield "name and area", [_with(only, name=entity.name, area=area.name)]
            yield "name (area)", [_with(only, name=f"{entity.name} ({area.name})")]
        yield "no name", [_with(only, name=None)]
        yield "needless slots", [_with(only, domain=entity.domain, device_class=["x"], floor="")]
    elif "area" in slots and slots["area"] in house.areas:
        place = house.areas[slots["area"]]
        yield "area by name", [_with(only, area=place.name)]
        yield "lists", [_with(only, area=[place.name], domain=[slots.get("domain")])]
        yield "area as floor", [_with(only, area=None, floor=place.name)]
        yield "no area", [_with(only, area=None)]
    for slot in ("brightness", "position", "percentage", "volume_level"):
        if isinstance(value := slots.get(slot), int | float):
            yield f"{slot} with its sign", [_with(only, **{slot: f"{value:g}%"})]
            if 0 < value < 100:
                yield f"{slot} as a fraction", [_with(only, **{slot: value / 100})]
            if value == 0:
                yield f"{slot} of 0", [only]
    yield "prefix", [replace(only, intent=f"intent__{only.intent}")]
    yield "twice", [only, only]


def contrary(
    actions: list[Action], sentence: str, house: House
) -> Iterator[tuple[str, list[Action]]]:
    """Yield answers that contradict what was said, each with how."""
    for action in actions[:1]:
        entity = house.entities.get(str(action.slots.get("name")))
        names = (entity.name, *entity.aliases) if entity is not None else ()
        said = any(name.casefold() in sentence.casefold() for name in names)
        if entity is not None and said and (other := _other(entity, action.intent, house)):
            yield "another thing", [_with(action, name=other.id)]
        if entity is not None and action.intent in _OPPOSITE:
            yield "another thing, too", [*actions, *_unlocks(entity, house)]
        for slot in ("brightness", "temperature", "position"):
            value = action.slots.get(slot)
            if isinstance(value, int | float) and value > 5 and str(round(value)) in sentence:
                yield "another value", [_with(action, **{slot: max(1, value // 2)})]
        if action.intent in _OPPOSITE and len(actions) == 1:
            yield "opposite verb", [replace(action, intent=_OPPOSITE[action.intent])]
        if "item" in action.slots:
            yield "another item", [_with(action, item="rat poison")]


def _unlocks(entity: Entity, house: House) -> list[Action]:
    """Return an action that nobody asked for."""
    return [
        Action("HassTurnOff", {"name": each.id})
        for each in house.entities.values()
        if each.domain == "lock" and each.id != entity.id
    ][:1]


def _other(entity: Entity, intent: str, house: House) -> Entity | None:
    """Return something else, of another kind, to which the same can be done."""
    able = [
        each
        for each in sorted(house.entities.values(), key=lambda each: each.id)
        if each.domain not in (entity.domain, "scene", "script", "button", "lock")
        and each.area_id != entity.area_id
        and any(verb.intent == intent for verb in verbs_for(each))
    ]
    return able[0] if able else None


def _with(action: Action, **slots: object) -> Action:
    merged = {**action.slots, **slots}
    return Action(action.intent, {key: value for key, value in merged.items() if value is not None})
