"""The names of a house, ready to be found by what people say in one language.

Every word of a name is kept under a key that is the same for its inflected forms: "Küche" and
"Küchen", "lampa" and "lampę". Made once for a house and a language.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz import fuzz, process

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.lexicon import Lexicon, Sense
from ollama_addon.understanding.numbers import NumberWords, number_words
from ollama_addon.understanding.tokens import Token, fold, plain, tokenize

_STEM = 3
"""Letters that are left of a word at least when its ending is cut off."""
_PART = 3
"""Letters of a part of a compound at least."""
_COMPOUND = 6
"""Letters of a word from which on it may be a compound."""
NEARLY = 80.0
"""Likeness, in percent, of a misheard or misspelt word to the word of a name that it may be."""
_NEAREST = 4

_CHOICES = {
    "media_player": ("source_list",),
    "select": ("options",),
    "input_select": ("options",),
    "climate": ("preset_modes", "fan_modes"),
    "humidifier": ("available_modes",),
}
"""Capabilities that are lists of words to choose from."""

BLINDS = ("blind", "curtain", "shutter", "shade")
"""Classes of covers that people take for each other."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a thing: its words as they are written, and their keys."""

    words: tuple[str, ...]
    keys: tuple[str, ...]


class HouseIndex:
    """The names of one house in one language."""

    def __init__(self, house: House, lexicon: Lexicon) -> None:
        self.house = house
        self.lexicon = lexicon
        self.numbers: NumberWords = number_words(lexicon)
        self._characters = lexicon.script == "characters"
        self._suffixes = tuple(fold(suffix) for suffix in lexicon.suffixes)
        self._alternations = sorted(
            ((fold(changed), fold(stem)) for stem, changed in lexicon.alternations.items()),
            key=lambda pair: -len(pair[0]),
        )
        self._keys: dict[str, str] = {}
        self.names: dict[str, tuple[Name, ...]] = {}
        """The names of each entity, by entity id."""
        self.by_key: dict[str, set[str]] = defaultdict(set)
        """The entities that have a word in one of their names, by the word's key."""
        self.phrases: dict[tuple[str, ...], dict[Sense, None]] = defaultdict(dict)
        """Whole names of entities, areas and floors, by the keys of their words."""
        self._joined: dict[str, tuple[str, ...]] = {}
        self.place_keys: dict[str, frozenset[str]] = {}
        """The keys of all words of an area's or a floor's names, by `area:id` and `floor:id`."""
        self.by_area: dict[str, set[str]] = defaultdict(set)
        self.by_floor: dict[str, set[str]] = defaultdict(set)
        self.by_kind: dict[str, set[str]] = defaultdict(set)
        self.kinds: dict[str, frozenset[str]] = {}
        """What an entity is called besides its name: kinds as the lexicon's nouns have them."""
        self._places()
        self._entities()
        self._options()
        self.longest = max((len(keys) for keys in self.phrases), default=1)
        self.noun_keys = self._nouns()
        self._compounds()

    def _places(self) -> None:
        house = self.house
        for group, places in (("area", house.areas), ("floor", house.floors)):
            for id_, place in places.items():
                keys: set[str] = set()
                for name in self._named((place.name, *place.aliases)):
                    self._add(name, Sense(group, id_))
                    keys.update(name.keys)
                self.place_keys[f"{group}:{id_}"] = frozenset(keys)

    def _entities(self) -> None:
        house = self.house
        for entity in house.entities.values():
            names = tuple(self._named((entity.name, *entity.aliases)))
            self.names[entity.id] = names
            for name in names:
                self._add(name, Sense("name", entity.id))
                for key in name.keys:
                    self.by_key[key].add(entity.id)
            if area := house.area_of(entity):
                self.by_area[area.id].add(entity.id)
                if area.floor_id:
                    self.by_floor[area.floor_id].add(entity.id)
            self.kinds[entity.id] = kinds = frozenset(_kinds(entity))
            for kind in kinds:
                self.by_kind[kind].add(entity.id)

    def _options(self) -> None:
        """Have the choices of inputs, lists and presets be found by their words."""
        for entity in self.house.entities.values():
            for capability in _CHOICES.get(entity.domain, ()):
                for option in entity.capabilities.get(capability) or ():
                    text = str(option).replace("_", " ")
                    for name in self._named((text,)):
                        self.phrases[name.keys][Sense("options", str(option))] = None

    def _named(self, names: Iterable[str]) -> Iterator[Name]:
        for name in dict.fromkeys(names):
            found = self._split(name)
            if found:
                yield Name(found, tuple(self.key(word) for word in found))

    def _split(self, name: str) -> tuple[str, ...]:
        tokens, _ = tokenize(name, characters=self._characters, clitics=self.lexicon.clitics)
        found: list[str] = []
        at = 0
        while at < len(tokens):
            number = self.numbers.at(tokens, at)
            if number and (number[1] > 1 or tokens[at].number is None) and number[0] > 1:
                found.append(f"{number[0]:g}")
                at += number[1]
            else:
                found.append(tokens[at].plain)
                at += 1
        return tuple(found)

    def _add(self, name: Name, sense: Sense) -> None:
        self.phrases[name.keys][sense] = None
        if len(name.words) > 1 and not self._characters:
            self._joined.setdefault("".join(map(fold, name.words)), name.keys)

    def key(self, word: str) -> str:
        """Return what the inflected forms of a word have in common."""
        found = self._keys.get(word)
        if found is None:
            found = self._keys[word] = self._key(word)
        return found

    def _key(self, word: str) -> str:
        folded = fold(word)
        if self._characters or folded[:1].isdigit():
            return folded
        stem = folded
        for suffix in self._suffixes:
            if stem.endswith(suffix) and len(stem) - len(suffix) >= _STEM:
                stem = stem[: len(stem) - len(suffix)]
                break
        for changed, original in self._alternations:
            if stem.endswith(changed):
                return stem[: len(stem) - len(changed)] + original
        return stem

    def _nouns(self) -> dict[str, tuple[str, ...]]:
        """Return the kinds that a single noun of the lexicon stands for, by the noun's key."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for phrase, senses in self.lexicon.phrases.items():
            if len(phrase) == 1:
                for sense in senses:
                    if sense.group == "nouns":
                        found[self.key(phrase[0])][sense.meaning.partition(":")[0]] = None
        return {key: tuple(kinds) for key, kinds in found.items()}

    # Compounds

    def _compounds(self) -> None:
        """Have the parts of names that are compounds point to their entities as well."""
        if not self.lexicon.links:
            return
        for names in tuple(self.names.items()):
            entity_id, own = names
            for name in own:
                for word in name.words:
                    for part in self.parts(word):
                        self.by_key[self.key(part)].add(entity_id)

    def parts(self, word: str) -> tuple[str, ...]:
        """Return the two parts of a compound that this house or the language knows, else none."""
        if not self.lexicon.links or len(word) < _COMPOUND:
            return ()
        for cut in range(len(word) - _PART, _PART - 1, -1):
            tail = word[cut:]
            if self.key(tail) not in self.noun_keys and not self._is_place_word(tail):
                continue
            for link in self.lexicon.links:
                head = word[: cut - len(link)] if link else word[:cut]
                if len(head) < _PART or not word[:cut].endswith(link):
                    continue
                if self.is_word(head) or self.key(head) in self.noun_keys:
                    return head, tail
        return ()

    def is_word(self, word: str) -> bool:
        """Tell whether a word is one of a name of this house."""
        key = self.key(word)
        return key in self.by_key or key in self._place_words

    @cached_property
    def verb_words(self) -> dict[str, tuple[str, ...]]:
        """The verbs of one word, folded, with the actions that each can mean."""
        found: dict[str, tuple[str, ...]] = {}
        for phrase, senses in self.lexicon.phrases.items():
            actions = tuple(sense.meaning for sense in senses if sense.group == "verbs")
            if len(phrase) == 1 and actions:
                found[fold(phrase[0])] = actions
        return found

    def _is_place_word(self, word: str) -> bool:
        return self.key(word) in self._place_words or any(
            sense.group == "places" for sense in self.lexicon.senses((plain(word),))
        )

    @cached_property
    def _place_words(self) -> frozenset[str]:
        return frozenset(key for keys in self.place_keys.values() for key in keys)

    # Looking up

    def named(self, keys: Sequence[str]) -> tuple[Sense, ...]:
        """Return what has a whole name of these keys."""
        return tuple(self.phrases.get(tuple(keys), ()))

    def joined(self, tokens: Sequence[Token]) -> tuple[Sense, ...]:
        """Return what has a name of these words, written together or apart in another way."""
        text = "".join(fold(token.plain) for token in tokens)
        if len(tokens) == 1:
            keys = self._joined.get(text)
            return tuple(self.phrases[keys]) if keys else ()
        return tuple(self.phrases.get((self.key(text),), ())) if len(text) >= _COMPOUND else ()

    def nearly(self, word: str) -> list[tuple[str, float]]:
        """Return the keys of words that a misheard word may be, with their likeness 0 to 1."""
        if len(word) < 4 or self._characters:
            return []
        found = process.extract(
            self.key(word), self._vocabulary, scorer=fuzz.ratio, score_cutoff=NEARLY, limit=_NEAREST
        )
        return [(key, score / 100) for key, score, _ in found]

    @cached_property
    def _vocabulary(self) -> list[str]:
        return sorted(key for key in {*self.by_key, *self._place_words} if len(key) >= 4)

    @cached_property
    def labels(self) -> dict[str, str]:
        """An unambiguous label for each entity: its name, with the area where needed."""
        return labels_of(self.house)


def labels_of(house: House) -> dict[str, str]:
    """Return an unambiguous label for each entity: its name, with the area where needed."""
    labels = {entity.id: label(entity.name) or entity.id for entity in house.entities.values()}
    for mark in (_with_area, _with_id):
        counts = Counter(each.casefold() for each in labels.values())
        for entity in house.entities.values():
            if counts[labels[entity.id].casefold()] > 1:
                labels[entity.id] = mark(house, entity, labels[entity.id])
    return labels


def label(name: str) -> str:
    """Return a name without the characters that JSON or a pattern would have to escape."""
    return " ".join("".join(c for c in name if c.isprintable() and c not in '"\\').split())


def _with_area(house: House, entity: Entity, text: str) -> str:
    area = house.area_of(entity)
    return f"{text} ({label(area.name)})" if area else text


def _with_id(house: House, entity: Entity, text: str) -> str:
    return f"{text} [{entity.id}]"


def _kinds(entity: Entity) -> Iterator[str]:
    """Yield the kinds of an entity, as the nouns of a lexicon name them."""
    domain, device_class = entity.domain, entity.device_class
    if domain in ("input_boolean", "switch"):
        yield "switch"
    elif domain == "media_player":
        if device_class == "tv":
            yield "media_player.tv"
        else:
            yield "media_player"
            yield "media_player.speaker"
    elif domain == "cover":
        if device_class in (None, "damper", *BLINDS):
            yield "cover"
        if device_class is None:
            yield from (f"cover.{each}" for each in BLINDS)
        else:
            yield f"cover.{device_class}"
    else:
        yield domain
        if device_class:
            yield f"{domain}.{device_class}"
    if domain == "binary_sensor" and device_class == "opening":
        yield "binary_sensor.door"
        yield "binary_sensor.window"
    if domain == "binary_sensor" and device_class == "occupancy":
        yield "binary_sensor.motion"
    if domain in ("button", "input_button"):
        yield "button"
