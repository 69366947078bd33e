"""One order for later, as it is kept."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from ollama_addon.agent.orders import Speaker
from ollama_addon.home.model import Satellite
from ollama_addon.understanding.vocabulary import Action


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done at a time, in whose name. Times are seconds since the epoch."""

    due: float
    actions: tuple[Action, ...]
    text: str
    """What the person said."""
    speaker: Speaker
    length: float | None = None
    """Seconds after which the opposite is done."""
    until: float | None = None
    """When the opposite is done, where that was said instead."""
    elapsed: bool = False
    """Whether a length of time was said and not a time of day: it holds when the clock jumps."""
    confirmed: bool = False
    """Whether the person has said yes to what asks first."""
    restoring: bool = False
    """Whether it is the opposite of another order, made from the states that were there."""
    made: float = 0.0
    id: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def ends(self) -> float | None:
        """When the opposite is done, where it is done in time."""
        return self.until if self.length is None else self.due + self.length

    def as_json(self) -> str:
        """Return everything but id and time, as the table holds it."""
        body = asdict(self)
        del body["id"], body["due"]
        return json.dumps(body, ensure_ascii=False, default=str)

    @classmethod
    def read(cls, order_id: str, due: float, text: str) -> Order:
        """Read a row. Raises ValueError, TypeError or LookupError for what is none."""
        body: dict[str, Any] = json.loads(text)
        speaker: dict[str, Any] = body.pop("speaker")
        satellite = Satellite(**speaker.pop("satellite"))
        actions = tuple(Action(each["intent"], each["slots"]) for each in body.pop("actions"))
        return cls(
            due=due,
            id=order_id,
            actions=actions,
            speaker=Speaker(**speaker, satellite=satellite),
            **body,
        )
