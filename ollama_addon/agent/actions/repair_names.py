"""What a written name may mean in a house, and words for numbers and colors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol

from rapidfuzz import fuzz, process

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.lexicon import Lexicon, lexicon, nearest
from ollama_addon.understanding.numbers import number_words
from ollama_addon.understanding.tokens import fold, tokenize

_LIKE = 82
"""How alike two words must be to be the same, of 100."""
_WHOLE = 86
"""The same for whole names that are written as one word."""
_WORDS = 12
"""Words of the house that one word may be, at most."""
_COMMON = 200
"""Things that share a word, above which it says little."""
_STRANGE = 0.12
"""What each word that belongs to no name takes off."""
_ARTICLES = frozenset(
    "the a an my our der die das dem den le la les l el los las il lo i gli de het um uma o os as "
    "en ett et".split()
)


class Names(Protocol):
    """What repair needs to know of a house and a language."""

    @property
    def house(self) -> House:
        """The house."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The unambiguous name of each entity, by entity id."""

    def named(self, name: str) -> Mapping[str, float]:
        """Return how much of each entity's name a name is, by entity id, 0 to 1."""

    def number(self, word: str) -> float | None:
        """Return the number that a word stands for."""

    def color(self, word: str) -> str | None:
        """Return the color of the intents that a word stands for."""


class HouseNames:
    """The names of a house, for the words of a language."""

    def __init__(self, house: House, labels: Mapping[str, str], language: str) -> None:
        self.house = house
        self.labels = labels
        tag = nearest(language)
        self._lexicon: Lexicon | None = lexicon(tag) if tag else None
        self._numbers = number_words(self._lexicon) if self._lexicon else None
        self._names = {
            entity.id: [_words(name) for name in (entity.name, *entity.aliases)]
            for entity in house.entities.values()
        }
        self._having: dict[str, set[str]] = defaultdict(set)
        """The entities that have a word in one of their names."""
        self._joined: dict[str, set[str]] = defaultdict(set)
        """The entities of a name that is written as one word."""
        for entity_id, names in self._names.items():
            for words in names:
                self._joined["".join(words)].add(entity_id)
                for word in words:
                    self._having[word].add(entity_id)

    def named(self, name: str) -> Mapping[str, float]:
        """Return how much of each entity's name a name is, by entity id, 0 to 1."""
        said = [word for word in _words(name) if word not in _ARTICLES]
        found: dict[str, float] = {}
        if not said:
            return found
        for entity_id in self._near(said):
            names = self._names[entity_id]
            share = max((self._share(said, words, entity_id) for words in names), default=0.0)
            if share > 0:
                found[entity_id] = share
        return found

    def _near(self, said: list[str]) -> set[str]:
        """Return the entities that are worth a closer look.

        What half of a large house is called tells nothing by itself, where something else does.
        """
        near = [
            {
                entity
                for word, *_ in process.extract(
                    each,
                    self._having.keys(),
                    processor=None,
                    scorer=fuzz.ratio,
                    score_cutoff=_LIKE,
                    limit=_WORDS,
                )
                for entity in self._having[word]
            }
            for each in said
        ]
        rare = [found for found in near if 0 < len(found) <= _COMMON]
        found = set().union(*(rare or near)) if near else set()
        for name, *_ in process.extract(
            "".join(said), self._joined.keys(), scorer=fuzz.ratio, score_cutoff=_WHOLE, limit=_WORDS
        ):
            found |= self._joined[name]
        return found

    def number(self, word: str) -> float | None:
        """Return the number that a word stands for: "forty"."""
        if self._numbers is None:
            return None
        tokens, _ = tokenize(word)
        found = self._numbers.at(tokens, 0) if tokens else None
        return found[0] if found and found[1] == len(tokens) else None

    def color(self, word: str) -> str | None:
        """Return the color of the intents that a word stands for: "rot"."""
        if self._lexicon is None:
            return None
        senses = self._lexicon.senses(tuple(_words(word)))
        return next((sense.meaning for sense in senses if sense.group == "colors"), None)

    def _share(self, said: list[str], words: list[str], entity_id: str) -> float:
        """Return how much of a name was written; strange words beside it take some of it off."""
        name = [word for word in words if word not in _ARTICLES] or words
        if not name:
            return 0.0
        if said == name:
            return 1.0
        used: set[int] = set()
        share = 0.0
        for word in name:
            best, at = 0.0, -1
            for number, other in enumerate(said):
                likeness = fuzz.ratio(word, other)
                if number not in used and likeness > best:
                    best, at = likeness, number
            if best >= _LIKE:
                used.add(at)
                share += len(word) * best / 100
        share /= sum(map(len, name))
        joined = fuzz.ratio("".join(said), "".join(name))
        if joined >= _WHOLE and _numbers(said) == _numbers(name):  # "Lamp 10" is not lamp 1.
            return max(share, joined / 100)
        place = self.house.area_of(self.house.entities[entity_id])
        known = set(_words(place.name)) if place else set()
        strange = [
            word for number, word in enumerate(said) if number not in used and word not in known
        ]
        return max(0.0, share - _STRANGE * len(strange))


def able(entity: Entity) -> bool:
    """Tell whether an entity does something: sensors and the like are only read."""
    return "sensor" not in entity.domain and entity.domain not in ("person", "device_tracker")


def _numbers(words: list[str]) -> list[str]:
    return [word for word in words if word.isdigit()]


def _words(name: str) -> list[str]:
    return [fold(token.plain) for token in tokenize(name)[0]]
