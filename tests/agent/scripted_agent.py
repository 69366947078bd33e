"""An agent whose model answers as a test says, in a house that keeps what is done to it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.events import Delta, End, ToolCall
from ollama_addon.agent.turn import Home, Turn
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.server import Details
from ollama_addon.engine.servers import Servers
from ollama_addon.engine.speeds import Speeds
from ollama_addon.errors import AddonError
from ollama_addon.home.actions import Actions, Outcome
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import House, Satellite
from ollama_addon.home.past import Past
from ollama_addon.home.templates import Rendered, Templates
from ollama_addon.home.translations import Translations
from ollama_addon.options import AgentOptions
from tests.agent.homes import family_home

Answer = str | Sequence[Mapping[str, Any]]
"""What the model says, or the messages that it sends one after the other."""


@dataclass
class Model:
    """A model that answers from a script; what it was asked is kept."""

    script: list[Answer]
    parameters: int = 4_000_000_000
    capabilities: tuple[str, ...] = ("completion", "tools")
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def details(self, model: str) -> Details:
        return Details(frozenset(self.capabilities), self.parameters, "", 8192, "", "", 0)

    async def capabilities_of(self, model: str) -> set[str]:
        return set(self.capabilities)

    async def chat(
        self, model: str, messages: Sequence[Mapping[str, Any]], **more: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        self.asked.append({"messages": [dict(message) for message in messages], **more})
        answer = self.script.pop(0)
        pieces = [{"content": answer}] if isinstance(answer, str) else answer
        for piece in pieces:
            # In pieces of three characters, as engines stream.
            content = str(piece.get("content") or "")
            for at in range(0, len(content), 3):
                yield {"message": {"role": "assistant", "content": content[at : at + 3]}}
            if "tool_calls" in piece:
                yield {"message": {"content": "", "tool_calls": piece["tool_calls"]}}
        yield {"message": {}, "done": True, "prompt_eval_count": 10, "eval_count": 2}


@dataclass
class Hands:
    """What was done in the house; `fails` are the intents that Home Assistant refuses."""

    done: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    fails: dict[str, str] = field(default_factory=dict)

    async def handle_intent(self, name: str, slots: Mapping[str, Any], **more: Any) -> Outcome:
        if name in self.fails:
            return Outcome(False, code="failed_to_handle", reason=self.fails[name])
        self.done.append((name, dict(slots)))
        return Outcome(True)

    async def call_service(
        self, domain: str, service: str, data: Mapping[str, Any], ids: Sequence[str], **more: Any
    ) -> Outcome:
        self.done.append((f"{domain}.{service}", {**data, "entity_id": list(ids)}))
        return Outcome(True)

    async def todo_items(self, entity_id: str) -> list[dict[str, Any]]:
        return [{"summary": "milk"}, {"summary": "eggs"}]


@dataclass
class Recorder:
    """What Home Assistant recorded, by command and entity id; what was asked is kept."""

    rows: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: AddonError | None = None

    async def command(self, kind: str, /, **fields: Any) -> Any:
        self.asked.append((kind, fields))
        if self.error is not None:
            raise self.error
        recorded = self.rows.get(kind, {})
        if kind != "history/history_during_period":
            return {each: recorded[each] for each in fields["statistic_ids"] if each in recorded}
        # As Home Assistant does: the state at the start, then the changes since.
        start, end = (
            datetime.fromisoformat(fields[key]).timestamp() for key in ("start_time", "end_time")
        )
        found = {}
        for each in fields["entity_ids"]:
            rows = recorded.get(each, [])
            before = [row for row in rows if row["lu"] < start][-1:]
            later = [row for row in rows if start <= row["lu"] < end]
            found[each] = [{**row, "lu": start} for row in before] + later
        return found


class _Mirror:
    def __init__(self, house: House) -> None:
        self.house = house

    async def wait_ready(self, timeout: float) -> House:
        return self.house

    async def wait_fresh(self, timeout: float) -> House:
        return self.house


class _Templates:
    async def render(self, template: str, variables: Mapping[str, Any]) -> Rendered:
        return Rendered(template)


class _Translations:
    async def states(self, language: str) -> Mapping[str, str]:
        return {}


class _Servers:
    def __init__(self, model: Model) -> None:
        self.details = model.details
        self.capabilities = model.capabilities_of
        self.chat = model.chat
        self.speeds = Speeds()


class _Inventory:
    def waits_for(self, model: str) -> None:
        return None


@dataclass
class Said:
    """What came of a turn."""

    reply: str
    calls: list[ToolCall]
    end: End


class Talk:
    """A conversation with an agent of these options; with a script its model is always asked."""

    def __init__(self, *script: Answer, house: House | None = None, **options: Any) -> None:
        options.setdefault("instant_commands", not script)
        model = {k: options.pop(k) for k in ("parameters", "capabilities") if k in options}
        self.model = Model(list(script), **model)
        self.hands = Hands()
        self.recorder = Recorder()
        self.house = house or family_home()
        home = Home(
            cast("Mirror", _Mirror(self.house)),
            cast("Actions", self.hands),
            cast("Templates", _Templates()),
            cast("Translations", _Translations()),
            Past(cast("Connection", self.recorder), cast("Mirror", _Mirror(self.house))),
        )
        self.agent = Agent(
            AgentOptions(id="home", name="Home", model="m", **options),
            cast("Servers", _Servers(self.model)),
            home,
            cast("Inventory", _Inventory()),
        )

    async def say(
        self, text: str, conversation: str = "one", language: str = "en", **more: Any
    ) -> Said:
        """Take one turn and return what came of it."""
        reply, calls, end = "", [], None
        async for event in self.agent.converse(Turn(text, language, conversation, **more)):
            if isinstance(event, Delta):
                reply += event.content
            elif isinstance(event, ToolCall):
                calls.append(event)
            elif isinstance(event, End):
                end = event
        assert end is not None
        return Said(reply, calls, end)


def do(*phrases: str) -> str:
    """Return the structured answer that does something."""
    return json.dumps({"do": list(phrases)})


def say(words: str) -> str:
    """Return the structured answer that says something."""
    return json.dumps({"say": words})


def call(name: str, /, **arguments: Any) -> dict[str, Any]:
    """Return a tool call as Ollama sends it."""
    return {"function": {"name": name, "arguments": arguments}}


__all__ = ["Satellite", "Talk", "call", "do", "say"]
