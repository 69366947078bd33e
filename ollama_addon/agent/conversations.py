"""What of a conversation the model sees, and what the next turn must know of the last."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ollama_addon.agent.orders import Proposal
from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import Candidate, When
from ollama_addon.understanding.vocabulary import Action, Target

EXPIRY = 300.0
"""Seconds of silence after which a conversation is forgotten, as in Home Assistant."""
_KEPT = 256


@dataclass(slots=True)
class Exchange:
    """One turn as the model saw it: exactly what was sent, and exactly what it answered."""

    messages: tuple[Mapping[str, Any], ...]

    @property
    def size(self) -> int:
        """Its length in characters, calls of tools included."""
        return sum(
            len(message["content"]) + len(str(message.get("tool_calls", "")))
            for message in self.messages
        )


@dataclass(slots=True)
class Pending:
    """A question that was asked back: the answer decides what is done."""

    actions: tuple[Action, ...] = ()
    targets: tuple[Target, ...] = ()
    """What to choose from; empty when only a yes is wanted."""
    others: tuple[Action, ...] = ()
    """What else was asked for in the same sentence, and is clear."""
    when: When | None = None
    """When it is to be done, where that was said."""
    proposal: Proposal | None = None
    """An automation that was read back."""


@dataclass(slots=True)
class Conversation:
    """One conversation with one agent."""

    id: str
    exchanges: list[Exchange] = field(default_factory=list)
    entities: tuple[Entity, ...] = ()
    """What the turn before was about, for "it" and "them"."""
    previous: tuple[Candidate, ...] = ()
    """What the turn before did, for "and the other one" and "a bit more"."""
    undo: tuple[Action, ...] | None = None
    """What undoes the turn before; None where nothing does."""
    order: str = ""
    """The order or automation that was spoken of last, by its id."""
    pending: Pending | None = None
    used: float = 0.0

    def add(self, exchange: Exchange, *, max_history: int, budget: int) -> None:
        """Remember a turn; trim whole turns once there are too many or too long ones.

        A third more than needed is trimmed, so that the prefix changes seldom. `max_history`
        counts turns, 0 is no limit; `budget` is in characters.
        """
        self.exchanges.append(exchange)
        too_many = max_history and len(self.exchanges) > max_history
        too_long = sum(e.size for e in self.exchanges) > budget
        if not too_many and not too_long:
            return
        if max_history:
            del self.exchanges[: max(0, len(self.exchanges) - max(1, max_history * 2 // 3))]
        while len(self.exchanges) > 1 and sum(e.size for e in self.exchanges) > budget * 2 // 3:
            del self.exchanges[0]

    def shorten(self) -> None:
        """Forget the older half of the turns: the model's context window holds no more."""
        del self.exchanges[: (len(self.exchanges) + 1) // 2]

    def messages(self, *, tools: bool = False) -> list[dict[str, Any]]:
        """Return the turns as chat messages; calls and results of tools only with `tools`."""
        return [
            dict(message)
            for exchange in self.exchanges
            for message in exchange.messages
            if tools or ("tool_calls" not in message and message["role"] != "tool")
        ]


class Conversations:
    """The conversations of one agent. None of them sees another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()

    def open(self, conversation_id: str) -> Conversation:
        """Return a conversation, a new one when it is unknown or was silent for too long."""
        now = self._clock()
        conversation = self._conversations.pop(conversation_id, None)
        if conversation is None or now - conversation.used > EXPIRY:
            conversation = Conversation(conversation_id)
        conversation.used = now
        self._conversations[conversation_id] = conversation
        while len(self._conversations) > _KEPT:
            self._conversations.popitem(last=False)
        return conversation

    def __len__(self) -> int:
        return len(self._conversations)
