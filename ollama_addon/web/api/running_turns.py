"""Turns that go on when nobody listens: begun by a request, followed over the events."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.events import Start, as_json
from ollama_addon.agent.turn import Turn
from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.web.access.auth import visitor_of
from ollama_addon.web.api.turns import TurnBody, events_of
from ollama_addon.web.state import Parts, parts

router = APIRouter(prefix="/api/turns")

_KEPT = 50
"""Turns that can be asked for, the newest."""


@dataclass(slots=True)
class RunningTurn:
    """One turn, with what has happened in it so far."""

    id: str
    agent: str
    done: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    """Each an `event` with its `data`, as the stream of a conversation has them."""


class BeginBody(TurnBody):
    """A turn to begin, or (`again`) one of the history to take again."""

    text: str = ""
    agent_id: str = Field(default="", max_length=128)
    again: str = Field(default="", max_length=64)


class RunningTurns:
    """The turns that were begun since the start; they end with the app."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._turns: OrderedDict[str, RunningTurn] = OrderedDict()

    def get(self, turn_id: str) -> RunningTurn:
        """Return a turn. Raises AddonError (`unknown_turn`)."""
        if turn_id not in self._turns:
            raise AddonError("unknown_turn", "This turn is not running any more.", 404)
        return self._turns[turn_id]

    async def begin(self, all_parts: Parts, agent: Agent, turn: Turn) -> RunningTurn:
        """Begin a turn; it goes on whoever listens."""
        events = events_of(all_parts, agent, turn)
        start = await anext(events)
        if not isinstance(start, Start):
            raise AddonError("not_begun", "The turn could not be begun. The log says why.", 500)
        running = RunningTurn(start.turn_id, agent.options.id)
        self._turns[running.id] = running
        while len(self._turns) > _KEPT:
            self._turns.popitem(last=False)

        def tell(name: str, data: dict[str, Any]) -> None:
            running.events.append({"event": name, "data": data})
            told = {"turn_id": running.id, "event": name, "data": data}
            all_parts.events.publish("turn_event", told)

        async def go_on() -> None:
            try:
                async for event in events:
                    tell(event.name, as_json(event))
            finally:
                running.done = True

        tell(start.name, as_json(start))
        self._background.once("turn", go_on())
        return running


@router.post("", status_code=202)
async def begin(request: Request, body: BeginBody) -> dict[str, str]:
    """Begin a turn; its events come as `turn_event`, and by its id what there is so far."""
    all_parts = parts(request)
    visitor = visitor_of(request)
    by_program = visitor.role == "token"
    said = body.model_dump(exclude={"agent_id", "again"})
    agent_id = body.agent_id
    if body.again:
        kept = await all_parts.journal.get(body.again)
        agent_id = agent_id or kept["agent"]
        areas = all_parts.mirror.house.areas.values()
        area = next((each.id for each in areas if each.name == kept["area"]), None)
        said |= {"text": kept["text"], "language": kept["language"], "area_id": area}
    turn = Turn(**said, source="api" if by_program else "panel")
    if not by_program:
        turn = replace(turn, user_id=visitor.user or None)
    agent = all_parts.agent(agent_id)
    agent.check(turn)
    running = await all_parts.running_turns.begin(all_parts, agent, turn)
    return {"id": running.id}


@router.get("/{turn_id}")
async def so_far(request: Request, turn_id: str) -> dict[str, Any]:
    """Return what has happened so far in a turn that was begun here."""
    return asdict(parts(request).running_turns.get(turn_id))
