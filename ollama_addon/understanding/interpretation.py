"""What a sentence means in a house: plain values that the readers make and everything else reads.

An interpretation never touches anything. It holds, for each clause of a sentence, what kind of
saying it is, what could be done about it, and which word had which role, so that whoever acts
on it can say why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from ollama_addon.home.model import Entity
from ollama_addon.understanding.vocabulary import Action


class Mood(StrEnum):
    """What kind of saying a clause is; it decides who may act on it."""

    ORDER = "order"
    """Acted on."""
    NEGATED = "negated"
    """"Don't", "never", "leave it on": nothing is done, and that is said."""
    QUESTION = "question"
    """Answered from the house."""
    REPORT = "report"
    """Something was done or is so: nothing is done."""
    WISH = "wish"
    """"It's too dark", "I'm leaving": a capable model may act, a tiny one may not."""
    TALK = "talk"
    """Not about the house: the model's."""
    YES = "yes"
    NO = "no"
    NEVER_MIND = "never_mind"
    UNDO = "undo"


class Role(StrEnum):
    """What a word does in its clause."""

    VERB = "verb"
    PARTICLE = "particle"
    NAME = "name"
    AREA = "area"
    FLOOR = "floor"
    KIND = "kind"
    PLACE = "place"
    """A word for a place that this house does not have."""
    QUANTIFIER = "quantifier"
    PRONOUN = "pronoun"
    VALUE = "value"
    UNIT = "unit"
    DIRECTION = "direction"
    AMOUNT = "amount"
    ATTRIBUTE = "attribute"
    STATE = "state"
    TIME = "time"
    NEGATION = "negation"
    EXCEPTION = "exception"
    QUESTION = "question"
    REQUEST = "request"
    SUBJECT = "subject"
    CONDITION = "condition"
    JOIN = "join"
    PREPOSITION = "preposition"
    FILLER = "filler"
    TEXT = "text"
    TALK = "talk"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Word:
    """One word (or phrase) of a sentence, with its role."""

    text: str
    """As it was said."""
    start: int
    """Where it begins in the sentence, in characters."""
    role: Role
    meaning: str = ""
    """What it stands for: an action, an entity id, a color …"""
    used: bool = False
    """Whether the plan uses it. What is recognised and unused is as bad as what is unknown."""
    exact: bool = True
    """Whether it was found as it is written or inflected, and not only nearly."""


Quantifier = Literal["", "one", "all", "both", "any", "other", "everything"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as it was said; what was not said is None.

    `hour` and `minute` are those of a clock (0 to 23, 0 to 59). `half_day` tells that the hour
    was said without "am" or "pm" and below 13, so that the next one that comes is meant.
    """

    hour: int | None = None
    minute: int = 0
    half_day: bool = False
    days: int | None = None
    """Days from today: 0 is today, 1 tomorrow."""
    weekday: int | None = None
    """0 is Monday."""
    sun: Literal["", "sunrise", "sunset"] = ""
    offset: float = 0.0
    """Seconds after (or before, when negative) the sun's event."""
    part: Literal["", "morning", "noon", "afternoon", "evening", "night", "midnight"] = ""
    """A part of the day, where no hour was said or to tell which half of the day it is."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """What comes again and again: on these weekdays at a moment, or every so many seconds."""

    weekdays: tuple[int, ...] = ()
    """0 is Monday; empty is every day."""
    at: Moment | None = None
    interval: float | None = None


TriggerKind = Literal["state", "numeric", "zone", "sun", "unclear"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something that has to happen or to be so: "when the door opens", "if nobody is home"."""

    kind: TriggerKind
    entities: tuple[Entity, ...] = ()
    to: str = ""
    """The state, in Home Assistant's words: `on`, `off`, `open`, `idle`, `home`, `not_home` …"""
    above: float | None = None
    below: float | None = None
    attribute: str = ""
    """The attribute that a number is compared with; empty is the state itself."""
    lasting: float | None = None
    """Seconds for which it has to be so."""
    condition: bool = False
    """Whether it is said as a condition ("if … is on") rather than an event ("when … opens")."""
    event: Literal["", "sunrise", "sunset"] = ""


@dataclass(frozen=True, slots=True)
class When:
    """When something is to be done, as far as it was understood. Empty parts were not said."""

    words: str
    """The words that say it, as they were said."""
    delay: float | None = None
    """Seconds from now."""
    at: Moment | None = None
    length: float | None = None
    """Seconds for which it shall be so: now, and the opposite afterwards."""
    until: Moment | None = None
    every: Repeat | None = None
    triggers: tuple[Trigger, ...] = ()
    understood: bool = True
    """Whether all of its words were understood."""

    @property
    def repeats(self) -> bool:
        """Whether it repeats or depends on something, so that it becomes an automation."""
        return self.every is not None or bool(self.triggers)


QuestionKind = Literal[
    "state",  # "is the door open?": yes or no
    "value",  # "how warm is it in the nursery?": a number or a word
    "which",  # "which lights are on?": their names
    "how_many",
    "any",  # "is any window open?"
    "all",  # "are all doors locked?"
    "where",
    "time",
    "date",
    "weather",
    "forecast",
    "list",  # "what is on the shopping list?"
    "calendar",
    "timer",  # "how long is left?"
    "planned",  # "what is planned?"
    "past",
    "other",  # about the house, but not one that is computed
]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about the house."""

    kind: QuestionKind
    entities: tuple[Entity, ...] = ()
    """What it is about: every member, never the first one only."""
    state: str = ""
    """The state that is asked for, in Home Assistant's words: `on`, `open`, `locked`, `home` …"""
    attribute: str = ""
    """What is asked for instead of the state: `temperature`, `brightness`, `volume` …"""
    negated: bool = False
    """"Which lights are not off?"."""
    days: int = 0
    """For dates and forecasts: days from today."""
    detail: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What a kind needs besides, such as the period of a question about the past."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that a clause can mean: actions that are possible in this house."""

    actions: tuple[Action, ...]
    """As the executor takes them; several where one intent cannot say it (exclusions)."""
    entities: tuple[Entity, ...]
    """All that it would be done to, after exclusions; empty for what has no target."""
    phrase: str
    """How it is said to a model and shown to a person: "turn off all lights but Hall light"."""
    score: float
    """By which candidates are ordered, 0 to 1."""
    direction: str = ""
    """The change in one word: `on`, `off`, `open`, `brighter` …; opposites never meet."""
    whole_home: bool = False
    """Whether it reaches the whole home although the person named no place and no "all"."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the only thing that a clause can mean cannot be done: `cannot`, `range` or `value`."""

    reason: Literal["cannot", "range", "value"]
    entities: tuple[Entity, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a sentence, and what it can mean."""

    text: str
    mood: Mood
    candidates: tuple[Candidate, ...] = ()
    """The best first; never opposites beside each other unless the sentence says neither."""
    certain: bool = False
    """Whether the first candidate is what was said, beyond doubt."""
    doubts: tuple[str, ...] = ()
    """Why it is not certain, as codes: `unknown`, `unused`, `fuzzy`, `partial_name` …"""
    words: tuple[Word, ...] = ()
    missing_place: str = ""
    """A place that was named and is not in this house."""
    missing_thing: str = ""
    """What was named and is not in this house: a word inside a noun phrase that nothing has."""
    same_name: tuple[Entity, ...] = ()
    """Things of one name among which the sentence does not decide."""
    refusal: Refusal | None = None
    question: Question | None = None
    when: When | None = None
    forbidden: tuple[Entity, ...] = ()
    """What must not be touched: targets of a negation or of a question, excluded ones."""
    named: tuple[Entity, ...] = ()
    """What was named in full."""

    @property
    def unexplained(self) -> tuple[str, ...]:
        """Words that are unknown, or known and used by nothing."""
        return tuple(word.text for word in self.words if word.role is Role.UNKNOWN or not word.used)


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a whole sentence means."""

    text: str
    language: str
    clauses: tuple[Clause, ...]
    readers: tuple[str, ...] = ("tolerant",)
    """Which readers had something to say."""
    agreed: bool | None = None
    """Whether both readers read the same; None where only one of them read it."""
    milliseconds: Mapping[str, float] = field(default_factory=dict, hash=False, compare=False)
    """How long each reader took."""

    @property
    def certain(self) -> bool:
        """Whether every clause is certain."""
        return bool(self.clauses) and all(clause.certain for clause in self.clauses)

    @property
    def moods(self) -> frozenset[Mood]:
        """All moods that occur."""
        return frozenset(clause.mood for clause in self.clauses)

    @property
    def forbidden(self) -> frozenset[Entity]:
        """All that must not be touched."""
        return frozenset(entity for clause in self.clauses for entity in clause.forbidden)

    def candidates(self) -> Iterator[Candidate]:
        """Yield all candidates, clause by clause."""
        for clause in self.clauses:
            yield from clause.candidates


@dataclass(frozen=True, slots=True)
class Context:
    """What a sentence is said into: the place of the speaker and the conversation so far."""

    area_id: str | None = None
    has_satellite: bool = False
    """Whether it was said to a satellite, which can run timers."""
    previous: tuple[Candidate, ...] = ()
    """What was done or asked about last, for "it", "no, 21" and "the same in the kitchen"."""
    previous_entities: tuple[Entity, ...] = ()
    """What the turn before was about, also where nothing was done."""
    asked: bool = False
    """Whether the agent asked something, so that a "yes" answers it."""
