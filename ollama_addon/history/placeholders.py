"""Names of a home replaced by placeholders, so that what was said can be shown to others.

Only names that the home itself has are replaced; nothing is guessed from how a word looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ollama_addon.home.model import Entity, House

_SHORTEST = 2
"""Letters of a name that is replaced; one letter would be found in everything."""


class Placeholders:
    """Replaces the names of a house's things, places, people and hosts, always by the same ones.

    `people` are names of persons beside those of `person` entities, `hosts` names and addresses
    of machines.
    """

    def __init__(
        self,
        house: House,
        unexposed: Iterable[Entity] = (),
        people: Iterable[str] = (),
        hosts: Iterable[str] = (),
    ) -> None:
        self._by_name: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        for entity in (*house.entities.values(), *unexposed):
            placeholder = self._next(entity.domain)
            self._by_name[entity.id.casefold()] = f"{entity.domain}.{placeholder}"
            self._add(placeholder, entity.name, *entity.aliases)
            if entity.domain == "person":
                self._add(placeholder, *entity.name.split())
        for area in house.areas.values():
            self._add(self._next("area"), area.name, *area.aliases, area.id)
        for floor in house.floors.values():
            self._add(self._next("floor"), floor.name, *floor.aliases, floor.id)
        for person in dict.fromkeys(people):
            self._add(self._next("person"), person, *person.split())
        for host in dict.fromkeys(hosts):
            self._add(self._next("host"), host)
        self._add("home_1", house.name)
        longest_first = sorted(self._by_name, key=len, reverse=True)
        names = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.IGNORECASE) if names else None

    def text(self, text: str) -> str:
        """Return a text with placeholders in the place of names."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._by_name.get(found[0].casefold(), "name"), text)

    def all(self, value: Any) -> Any:
        """Return a value of JSON with every text in it replaced, keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.all(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.all(each) for each in value]
        return value

    def _next(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}_{self._counts[kind]}"

    def _add(self, placeholder: str, *names: str) -> None:
        for name in names:
            if len(name) >= _SHORTEST:
                self._by_name.setdefault(name.casefold(), placeholder)
