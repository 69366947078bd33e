"""What belongs to one turn: what was said, and what is known while it is answered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ollama_addon.agent.conversations import Conversation
from ollama_addon.agent.events import Outcome, Usage
from ollama_addon.agent.replies.replies import Replies
from ollama_addon.agent.replies.templates import supported
from ollama_addon.agent.trace import Trace
from ollama_addon.home.actions import Actions
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import House
from ollama_addon.home.past import Past
from ollama_addon.home.templates import Templates
from ollama_addon.home.translations import Translations
from ollama_addon.understanding.interpretation import Context, Interpretation
from ollama_addon.understanding.interpreter import Interpreter
from ollama_addon.understanding.names import labels_of


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said, where, and in which conversation."""

    text: str
    language: str = ""
    conversation_id: str = ""
    device_id: str | None = None
    satellite_id: str | None = None
    user_id: str | None = None
    """Home Assistant's id of the person; what is said to a satellite has none."""
    user_name: str | None = None
    extra_system_prompt: str | None = None
    turn_token: str | None = None
    """What the companion knows this turn by, so that it is done in the turn's own name."""
    area_id: str | None = None
    """Where it was said, for who has no device."""
    source: str = "api"
    """Who passed it on: `assist`, `panel` or `api`."""


@dataclass(slots=True)
class Home:
    """Home Assistant, as the agent uses it."""

    mirror: Mirror
    actions: Actions
    templates: Templates
    translations: Translations
    past: Past


@dataclass(slots=True)
class Clock:
    """Where the time of a turn went, in seconds."""

    began: float = field(default_factory=time.perf_counter)
    engine: float = 0.0
    home: float = 0.0
    first: float | None = None
    load: float = 0.0
    prompt: float = 0.0
    decode: float = 0.0

    def as_json(self) -> dict[str, float]:
        """Return the parts in milliseconds."""
        total = time.perf_counter() - self.began
        first = self.first if self.first is not None else total
        parts = {
            "total": total,
            "first_word": first,
            "engine": self.engine,
            "load": self.load,
            "prompt": self.prompt,
            "decode": self.decode,
            "home": self.home,
            "own": max(0.0, total - self.engine - self.home),
        }
        return {name: round(seconds * 1000, 2) for name, seconds in parts.items()}


class Step:
    """One turn while it runs."""

    def __init__(self, turn: Turn, house: House, conversation: Conversation, clock: Clock) -> None:
        self.turn = turn
        self.conversation = conversation
        self.clock = clock
        self.usage = Usage()
        self.interpreter: Interpreter | None = None
        """None until the house is known, and where the agent does not control it."""
        self.interpretation = Interpretation(turn.text, "", ())
        self.confirmed = False
        """Whether the person has said yes to what is about to be done."""
        self.outcome: Outcome = "answered"
        self.translations: Mapping[str, str] = {}
        """What Home Assistant calls states and kinds in the language of the turn."""
        self.trace = Trace(turn.text, "", turn.source, user=turn.user_name or "")
        self.see(house)

    def see(self, house: House) -> None:
        """Take the house as it is now: the turn's language, place and time follow from it."""
        turn = self.turn
        self.house = house
        self.language = supported(turn.language or house.language)
        self.satellite = house.satellite(turn.device_id, turn.satellite_id)
        if self.satellite.area_id is None and turn.area_id in house.areas:
            self.satellite = replace(self.satellite, area_id=turn.area_id)
        self.now = datetime.now(_zone(house))
        area = house.areas.get(self.satellite.area_id or "")
        self.trace.language = self.language
        self.trace.area = area.name if area else ""

    @property
    def labels(self) -> Mapping[str, str]:
        """An unambiguous label for each entity of the house."""
        index = self.interpreter.index if self.interpreter is not None else None
        return index.labels if index is not None else labels_of(self.house)

    def replies(self) -> Replies:
        """Return the replies of this turn."""
        return Replies(self.language, self.house, self.translations)

    def context(self) -> Context:
        """Return what the sentence is said into."""
        conversation = self.conversation
        return Context(
            self.satellite.area_id,
            self.satellite.device_id is not None or self.satellite.satellite_id is not None,
            conversation.previous,
            conversation.entities,
            conversation.pending is not None,
        )


def _zone(house: House) -> ZoneInfo:
    try:
        return ZoneInfo(house.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
