"""The sentences of the evaluation, and what has to happen when they are said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

FOLDER = Path(__file__).parent / "sentences"

Kind = Literal[
    "plain",
    "group",
    "value",
    "question",
    "follow_up",
    "several",
    "nothing",
    "impossible",
    "ambiguous",
    "unexposed",
    "noisy",
    "negated",
    "excepted",
    "direction",
    "missing",
    "level",
    "duration",
    "list",
    "numbered",
    "same_name",
    "correction",
    "confirm",
    "later",
    "automation",
    "report",
    "wish",
    "talk",
    "past",
    "memory",
]
Set = Literal["tune", "held"]
QUIET: frozenset[Kind] = frozenset({"impossible", "unexposed", "negated", "report", "missing"})
"""Kinds of which nothing may come, and whose reply must not say that something was done."""


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_WEEKDAYS: dict[str, list[int]] = {"daily": [], "workdays": [0, 1, 2, 3, 4], "weekend": [5, 6]}


def _weekdays(value: Any) -> Any:
    return _WEEKDAYS[value] if isinstance(value, str) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Reply(_Strict):
    """Words that the last reply must or must not have, in any case and as whole words."""

    one_of: list[str] = Field([], alias="any")
    """At least one of these."""
    every: list[Annotated[list[str], BeforeValidator(_listed)]] = Field([], alias="all")
    """Each of these; where one is a list, one word of it."""
    never: list[str] = Field([], alias="none")
    """None of these."""


class Timer(_Strict):
    """A timer that runs on the satellite that was spoken to."""

    seconds: int


class Ask(_Strict):
    """What a question is understood as."""

    kind: Annotated[list[str], BeforeValidator(_listed)]
    """One of these kinds of question."""
    about: Annotated[list[str], BeforeValidator(_listed)] = []
    """Selectors of all that it is about; empty where that does not matter."""
    state: str | None = None
    """The state that is asked for."""
    figure: Annotated[list[str], BeforeValidator(_listed)] = []
    """One of these is wanted of the past: last, since, duration, count, max, mean, was or who."""
    period: str | None = None
    """Of what time: today, yesterday, week, last_night or this_morning."""


class Kept(_Strict):
    """An order that is kept for later: what will be done, and when. What is not said is None."""

    change: dict[str, Any] = {}
    """What will have changed when it was done."""
    delay: float | None = None
    """Seconds from now."""
    at: str | None = None
    """A time of the day, `21:30`."""
    days: int | None = None
    weekday: int | None = None
    sun: Literal["sunrise", "sunset"] | None = None
    part: str | None = None
    """A part of the day, where no time was said."""
    length: float | None = None
    """Seconds for which it shall be so: it is done now, and undone later."""
    until: str | None = None
    every: Annotated[list[int] | None, BeforeValidator(_weekdays)] = None
    """The weekdays on which it repeats, 0 is Monday; `daily`, `workdays`, `weekend`."""
    interval: float | None = None
    trigger: Annotated[list[str], BeforeValidator(_listed)] = []
    """Kinds of trigger of which one is right: state, numeric, zone, sun, unclear."""
    of: Annotated[list[str], BeforeValidator(_listed)] = []
    """Selectors of the entities of the trigger."""
    to: str | None = None
    above: float | None = None
    below: float | None = None


class Outcome(_Strict):
    """What has to be so after the last turn. Whatever is not named must be as it was."""

    change: dict[str, Any] = {}
    """What a selector of `Home.select` stands for, and its state, or its state and attributes."""
    free: list[str] = []
    """Selectors of what may be either way, because people would not agree."""
    asks: bool = False
    """Whether the agent has to ask back."""
    timers: list[Timer] = []


class Case(Outcome):
    """Something said to a home, in one turn or several of one conversation.

    A case has its own outcome, or several in `any_of`, each of which is right.
    """

    id: str
    kind: Kind
    say: Annotated[list[str], BeforeValidator(_listed)]
    home: str
    language: str
    at: str | None = None
    """The satellite that hears it."""
    if_asked: str | None = None
    """Said when the agent wants its last action confirmed, as it does by default to unlock."""
    any_of: list[Outcome] = []
    reply: Reply = Reply()
    answer: Literal["yes", "no"] | None = None
    """The answer to a question of yes or no, in the case's language."""
    nothing: bool = False
    """Whether nothing may be done, and the reply must not say that something was."""
    missing: bool = False
    """Whether a place or a thing is named that is not there."""
    ask: Ask | None = None
    kept: Kept | None = None

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes that are right."""
        return self.any_of or [self]

    @property
    def set(self) -> Set:
        """Even numbers are held back: nothing is tuned by looking at them."""
        return "tune" if int(self.id.rpartition("-")[2]) % 2 else "held"


def load_cases(folder: Path = FOLDER) -> list[Case]:
    """Read every case; raises `pydantic.ValidationError` for one that is not well formed."""
    cases = []
    for path in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        shared = {"home": document["home"], "language": document["language"]}
        cases += [Case.model_validate({**shared, **case}) for case in document["cases"]]
    return cases
