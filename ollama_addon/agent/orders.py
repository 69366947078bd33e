"""What is to be done later, as the agent hands it on; `scheduling` keeps it and does it.

What comes back holds a whole sentence in the speaker's language, to be said as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from ollama_addon.home.model import Satellite
from ollama_addon.understanding.interpretation import When
from ollama_addon.understanding.vocabulary import Action


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who ordered something, where, and of which agent: it is done in their name."""

    agent_id: str
    language: str
    satellite: Satellite = field(default_factory=Satellite)
    user_id: str | None = None
    """Home Assistant's id of the person; satellites have none."""
    user_name: str = ""
    conversation_id: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that is planned: an order for a time, or an automation."""

    id: str
    kind: Literal["order", "automation"]
    due: datetime | None
    """When it is done next, in the zone of the home; None where that is not known."""
    entities: tuple[str, ...]
    """The entity ids that it is about."""
    text: str
    """What the person said."""
    phrase: str
    """What it does and when, in words: "turn off TV at 21:40"."""
    language: str
    speaker: str = ""
    """The name of who said it, where that is known."""
    area_id: str = ""
    made: float = 0.0
    """When it was said, in seconds since the epoch."""
    changed: bool = False
    """Whether a person changed the automation in Home Assistant, so that it is left alone."""
    missing: tuple[str, ...] = ()
    """Entities of an automation that are not exposed any more."""


@dataclass(frozen=True, slots=True)
class Kept:
    """It is kept. `now` has to be done at once; if that fails, cancel `order`."""

    order: Planned | None
    """None where nothing is left to be done afterwards."""
    sentence: str
    """What will be done and when; empty where nothing will."""
    now: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """An automation as it is read back. It exists only after a yes in the same conversation."""

    sentence: str
    """The reading back, which ends with a question."""
    draft: Any
    """What `set_up` takes; nobody else looks into it."""


RefusalCode = Literal[
    "past",  # the time is over
    "too_far",  # more than a year ahead
    "unclear",  # the time was not understood
    "no_sun",  # the sun does not rise or set there in a year
    "too_many",  # as many as can be kept are kept
    "no_opposite",  # what is to be undone afterwards cannot be
    "asks_first",  # needs a yes each time, so it cannot be in an automation
    "not_exposed",  # something in it is not exposed
    "cannot",  # an automation cannot do this
    "off",  # automations are switched off in the options
    "admin",  # only administrators can make automations
    "not_set_up",  # Home Assistant did not take the automation over
    "changed",  # a person changed the automation in Home Assistant
    "unknown",  # it is not there any more
    "broken",  # the scheduler cannot work, or Home Assistant does not answer
]


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not kept (or changed, or removed), and why."""

    code: RefusalCode
    sentence: str


@dataclass(frozen=True, slots=True)
class Answer:
    """It was done; the sentence says so."""

    sentence: str


class Orders(Protocol):
    """Keeps what is to be done later, and makes automations of what repeats or depends.

    No method raises for what a person can be told; it is `Refused` then.
    """

    async def keep(
        self,
        actions: Sequence[Action],
        when: When,
        text: str,
        speaker: Speaker,
        *,
        confirmed: bool = False,
        automations: bool = True,
        once: bool | None = None,
    ) -> Kept | Proposal | Refused:
        """Keep repaired actions for later.

        What repeats or depends on something is a `Proposal`, nothing exists yet. `confirmed`:
        the person has said yes to what asks first. `automations`: the agent's option. `once`:
        whether an automation ends after it ran, None leaves it to what it does.
        """
        ...

    async def set_up(self, proposal: Proposal) -> Answer | Refused:
        """Make the automation of a proposal, after the person's yes."""
        ...

    def anything(self) -> bool:
        """Tell whether anything is planned; costs nothing, for every turn asks."""
        ...

    def planned(self, entities: Collection[str] = ()) -> tuple[Planned, ...]:
        """Return what is planned, the next first; with `entities` only what is about them."""
        ...

    def listing(self, planned: Sequence[Planned], language: str) -> str:
        """Return what is planned as a sentence."""
        ...

    async def cancel(self, ids: Sequence[str], language: str) -> Answer | Refused:
        """Cancel orders and remove automations by their ids."""
        ...

    async def move(self, order_id: str, when: When, language: str) -> Kept | Refused:
        """Do an order at another time ("make it eight instead")."""
        ...
