"""What things of a house are called to a model: each by one name that nothing else has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.verb_table import verbs_for
from ollama_addon.understanding.vocabulary import Group, Target

_PLURALS = {"media_player": "media players", "switch": "switches", "climate": "thermostats"}
_CLASSES = frozenset({"blind", "curtain", "shutter", "shade", "awning", "garage", "gate", "window"})
"""Kinds of covers that people speak of as one: all blinds, all shutters."""


class Labels:
    """The names of a house's entities and of its groups, and what each of them stands for."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.of_entity = _unambiguous(house)
        self.members = dict(_groups(house))
        """What each group stands for."""
        self.groups = tuple(self.members)

    def __getitem__(self, target: Target) -> str:
        """Return the label of an entity or of a group."""
        return self.of_entity[target.id] if isinstance(target, Entity) else self._group(target)

    @cached_property
    def targets(self) -> dict[str, Target]:
        """What a label stands for, by the label in lower case."""
        found: dict[str, Target] = {self[group].casefold(): group for group in self.groups}
        for entity_id, label in self.of_entity.items():
            found[label.casefold()] = self.house.entities[entity_id]
        return found

    def _group(self, group: Group) -> str:
        what = group.device_class or group.domain
        plural = _PLURALS.get(what, what.replace("_", " ") + "s")
        if group.area_id and group.area_id in self.house.areas:
            return f"all {plural} in {plain(self.house.areas[group.area_id].name)}"
        if group.floor_id and group.floor_id in self.house.floors:
            return f"all {plural} on {plain(self.house.floors[group.floor_id].name)}"
        return f"all {plural}"


def plain(name: str) -> str:
    """Return a name without what a JSON text would have to escape."""
    return " ".join("".join(c for c in name if c.isprintable() and c not in '"\\').split())


def _groups(house: House) -> Iterator[tuple[Group, list[Entity]]]:
    """Yield every group that an order can be about: by kind, in an area, on a floor, anywhere."""
    kinds: dict[tuple[str, str | None], list[Entity]] = defaultdict(list)
    for entity in house.entities.values():
        if not any(verb.group and not verb.reads for verb in verbs_for(entity)):
            continue
        kinds[entity.domain, None].append(entity)
        if entity.device_class in _CLASSES:
            kinds[entity.domain, entity.device_class].append(entity)
    for domain, device_class in sorted(kinds, key=str):
        members = kinds[domain, device_class]
        if device_class and len(members) == len(kinds[domain, None]):
            continue  # All covers are blinds: one name for them is enough.
        yield Group(domain, None, None, device_class), members
        by_area: dict[str, list[Entity]] = defaultdict(list)
        by_floor: dict[str, list[Entity]] = defaultdict(list)
        for entity in members:
            if area := house.area_of(entity):
                by_area[area.id].append(entity)
                if area.floor_id in house.floors:
                    by_floor[str(area.floor_id)].append(entity)
        for area_id in sorted(by_area):
            yield Group(domain, area_id, None, device_class), by_area[area_id]
        for floor_id in sorted(by_floor):
            yield Group(domain, None, floor_id, device_class), by_floor[floor_id]


def _unambiguous(house: House) -> dict[str, str]:
    """Return a label for each entity: its name, with its area or its id where that is needed."""
    labels = {entity.id: plain(entity.name) or entity.id for entity in house.entities.values()}
    for mark in (_with_area, _with_id):
        counts = Counter(label.casefold() for label in labels.values())
        for entity in house.entities.values():
            if counts[labels[entity.id].casefold()] > 1:
                labels[entity.id] = mark(house, entity, labels[entity.id])
    return labels


def _with_area(house: House, entity: Entity, label: str) -> str:
    area = house.area_of(entity)
    return f"{label} ({plain(area.name)})" if area else label


def _with_id(house: House, entity: Entity, label: str) -> str:
    return f"{label} [{entity.id}]"
