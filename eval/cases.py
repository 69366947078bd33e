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
]
Set = Literal["tune", "held"]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


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
