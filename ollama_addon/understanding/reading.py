"""What the readers of one clause share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.clauses import Piece
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Context, Mood, Role, When, Word
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.noun_phrases import resolve
from ollama_addon.understanding.nouns import Item, Phrase, Resolution


@dataclass(slots=True)
class Carry:
    """What reaches from one clause of a sentence into the next."""

    actions: dict[str, None] = field(default_factory=dict)
    weak: bool = False
    mood: Mood = Mood.ORDER
    entities: tuple[Entity, ...] = ()
    nouns: tuple[Item, ...] = ()
    when: When | None = None


@dataclass(slots=True)
class Reading:
    """One clause while it is read."""

    piece: Piece
    index: HouseIndex
    context: Context
    carry: Carry
    draft: Draft
    first: bool
    corrects: bool = False
    """Whether the clause corrects the turn before: "no, the hall light"."""

    @property
    def house(self) -> House:
        """Return the house that the clause is about."""
        return self.index.house

    def resolve(self, phrase: Phrase, fits: Callable[[Entity], bool]) -> Resolution:
        """Return what a phrase means among what fits."""
        return resolve(phrase, self.index, fits, self.context)

    def here(self, entities: Iterable[Entity]) -> list[Entity]:
        """Return those that stand in the area where the person speaks."""
        area = self.context.area_id
        return [entity for entity in entities if area and entity.area_id == area]


def anything(entity: Entity) -> bool:
    """Return that an entity fits, whatever it is."""
    return True


def open_doubts(draft: Draft, words: Sequence[Word], when: When | None) -> dict[str, None]:
    """Return the doubts of a clause: those found while reading, and the words left over."""
    doubts = dict(draft.doubts)
    if any(word.role is Role.UNKNOWN for word in words):
        doubts["unknown"] = None
    if any(not word.used and word.role is not Role.UNKNOWN for word in words):
        doubts["unused"] = None
    if when is not None and not when.understood:
        doubts["when"] = None
    return doubts
