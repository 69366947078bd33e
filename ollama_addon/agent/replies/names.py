"""How things of the house are named and counted in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from ollama_addon.agent.replies.texts import Texts
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.lexicon import Lexicon, lexicon
from ollama_addon.understanding.vocabulary import Target

_NAMED = 3
"""So many things are named; more of one kind are counted."""
_MANY = 10
"""So many names are said where each of them matters."""
_DOORS = {"window": "window", "door": "door", "garage_door": "door", "garage": "door"}


class Names:
    """Names and numbers of the things of a house."""

    def __init__(self, house: House, texts: Texts) -> None:
        self._house = house
        self._texts = texts

    def one(self, entity: Entity) -> str:
        """Return a name, with the area where several have it."""
        area = self._house.area_of(entity)
        if area is None:
            return entity.name
        return f"{entity.name} ({area.name})" if self._alike[entity.name] > 1 else entity.name

    @cached_property
    def _alike(self) -> Counter[str]:
        """How many things have a name; counted once for all that is said in a turn."""
        return Counter(each.name for each in self._house.entities.values())

    def members(self, target: Target) -> list[Entity]:
        """Return what a target is made of."""
        return [target] if isinstance(target, Entity) else target.members(self._house)

    def listed(self, entities: Sequence[Entity], last: str = "and", *, within: bool = False) -> str:
        """Return names as people list them; of very many, how many more there are.

        `within` a sentence, what is made of common words is called so: "the kitchen light".
        """
        names = list(dict.fromkeys(self.one(entity) for entity in entities))
        if within:
            names = [self._common(name) for name in names]
        if len(names) > _MANY + 1:
            more = len(names) - _MANY
            return self._texts.listing(
                [*names[:_MANY], self._texts.text("more", more)],
                "and" if last == "and" else last,
            )
        return self._texts.listing(names, last)

    def said(self, entities: Sequence[Entity]) -> str:
        """Return a few things by name, more of one kind by number and place."""
        if len(entities) <= _NAMED:
            return self.listed(entities, within=True)
        counted = self.counted(entities)
        areas = {entity.area_id for entity in entities}
        place = self.place(areas.pop() or "") if len(areas) == 1 else ""
        floors = {self._floor(entity) for entity in entities}
        if not place and len(floors) == 1 and len(self._house.floors) > 1:
            place = self._floor_name(floors.pop() or "")
        return self._texts.text("in_place", what=counted, place=place) if place else counted

    def counted(self, entities: Sequence[Entity]) -> str:
        """Return how many things of which kind there are: `4 lights`."""
        kinds = {self._kind(entity) for entity in entities}
        kind = kinds.pop() if len(kinds) == 1 else "device"
        return self._texts.text(f"kinds.{kind}", len(entities))

    def place(self, area_id: str) -> str:
        """Return the name of an area as it stands within a sentence."""
        area = self._house.areas.get(area_id)
        return self._common(area.name) if area else ""

    def _common(self, name: str) -> str:
        """Return a name as it stands within a sentence, where the language has a form for that."""
        pattern = self._texts.text("common", name="{name}")
        if pattern == "{name}" or "'" in name or "’" in name:
            return name
        first, _, rest = name.partition(" ")
        if not self._is_noun(name.rpartition(" ")[2]):
            return name
        if first[1:].islower() and rest in ("", rest.lower()) and first not in self._people():
            name = " ".join(filter(None, (first.lower(), rest)))
        return pattern.format(name=name)

    def _people(self) -> set[str]:
        """Return the words of the names of people, which keep their capital."""
        entities = self._house.entities.values()
        return {word for each in entities if each.domain == "person" for word in each.name.split()}

    @property
    def _words(self) -> Lexicon:
        return lexicon(self._texts.language)

    def _is_noun(self, word: str) -> bool:
        """Whether a word is one for a kind of thing or of place."""
        senses = self._words.senses((word.casefold(),))
        return any(sense.group in ("nouns", "places") for sense in senses)

    def _kind(self, entity: Entity) -> str:
        if entity.device_class in _DOORS and entity.domain in ("binary_sensor", "cover"):
            return _DOORS[entity.device_class]
        return entity.domain if self._texts.has(f"kinds.{entity.domain}") else "device"

    def _floor(self, entity: Entity) -> str | None:
        area = self._house.area_of(entity)
        return area.floor_id if area else None

    def _floor_name(self, floor_id: str) -> str:
        floor = self._house.floors.get(floor_id)
        return floor.name if floor else ""
