"""The parts of a noun phrase: what each word may stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ollama_addon.home.model import Entity
from ollama_addon.understanding.chart import Span
from ollama_addon.understanding.interpretation import Quantifier
from ollama_addon.understanding.names import HouseIndex

_MASS = ("light", "climate", "media_player", "valve")
"""Kinds whose noun is said of one and of many alike."""


@dataclass(slots=True)
class Phrase:
    """The words of one noun phrase, sorted by what they can be."""

    items: list[Item] = field(default_factory=list)
    quantifier: Quantifier = ""
    pronoun: bool = False
    one: bool = False
    """Whether "one" stands for the kind that was spoken of: "the right one"."""
    here: bool = False
    everywhere: bool = False
    places: list[str] = field(default_factory=list)
    """Words for places that are no area of this house, as they were said."""
    unknown: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether it names nothing."""
        return not (
            self.items
            or self.pronoun
            or self.places
            or self.unknown
            or self.here
            or self.everywhere
        )

    @property
    def kinds(self) -> list[Item]:
        """Its nouns of kinds."""
        return [item for item in self.items if item.kinds]

    @property
    def only_places(self) -> bool:
        """Whether it says where, and not what."""
        return all(item.is_place for item in self.items) and not self.pronoun


@dataclass(frozen=True, slots=True)
class Item:
    """One word or phrase of a noun phrase, and what it can stand for."""

    text: str
    keys: tuple[str, ...]
    words: tuple[str, ...]
    """As they were said, in lower case."""
    names: frozenset[str] = frozenset()
    """Entities whose whole name it is."""
    areas: frozenset[str] = frozenset()
    floors: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    number: str = ""
    """Of a kind: `sg`, `pl`, `mass` or `any`."""
    exact: bool = True
    likeness: float = 1.0

    @property
    def is_place(self) -> bool:
        """Whether it is nothing but a place."""
        return bool(self.areas or self.floors) and not self.names and not self.kinds

    @property
    def plural(self) -> bool:
        """Whether it is said of several."""
        return self.number == "pl"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a noun phrase means in this house."""

    entities: tuple[Entity, ...] = ()
    full: bool = False
    """Named in full, or a kind with its place: enough to be certain."""
    named: bool = False
    """By a whole name, rather than by a kind."""
    whole_home: bool = False
    """All of a kind in the whole home, although nobody said "all"."""
    same_name: tuple[Entity, ...] = ()
    """What it may mean, where the words do not decide."""
    missing_place: str = ""
    missing_thing: str = ""
    doubts: tuple[str, ...] = ()
    score: float = 1.0


Can = Callable[[Entity], bool]
"""Whether the action can be meant for an entity."""


def item_of(span: Span, index: HouseIndex, *, as_number: bool = False) -> list[Item]:
    """Return a span as items of a noun phrase; a compound has two."""
    if span.parts:
        return [_part(part, index) for part in span.parts]
    words = tuple(token.plain for token in span.tokens)
    if as_number and span.number is not None:
        key = f"{span.number:g}"
        return [Item(span.text, (key,), (key,), names=_ids(span, "name"), areas=_ids(span, "area"))]
    keys = tuple(
        f"{token.number:g}" if token.number is not None else index.key(token.plain)
        for token in span.tokens
    )
    kinds = [sense.meaning.partition(":") for sense in span.senses if sense.group == "nouns"]
    numbers = {number for _, _, number in kinds}
    number = next((each for each in ("mass", "sg", "pl", "any") if each in numbers), "")
    if numbers >= {"sg", "pl"}:
        number = "any"
    return [
        Item(
            span.text,
            keys,
            words,
            _ids(span, "name"),
            _ids(span, "area"),
            _ids(span, "floor"),
            frozenset(kind for kind, _, _ in kinds),
            number,
            span.exact,
        )
    ]


def _ids(span: Span, group: str) -> frozenset[str]:
    return frozenset(sense.meaning for sense in span.senses if sense.group == group)


def _part(part: str, index: HouseIndex) -> Item:
    key = index.key(part)
    senses = index.named((key,))
    nouns = index.lexicon.senses((part,))
    forms = {sense.meaning.partition(":")[2] for sense in nouns if sense.group == "nouns"}
    return Item(
        part,
        (key,),
        (part,),
        frozenset(s.meaning for s in senses if s.group == "name"),
        frozenset(s.meaning for s in senses if s.group == "area"),
        frozenset(s.meaning for s in senses if s.group == "floor"),
        frozenset(index.noun_keys.get(key, ())),
        "pl" if forms == {"pl"} else "mass" if "mass" in forms else "any",
    )
