"""What a turn yields, in the order of its happening."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ollama_addon.agent.actions.repair import Change


@dataclass(frozen=True, slots=True)
class Start:
    """A turn begins."""

    conversation_id: str
    turn_id: str
    agent: str
    name: str = field(default="start", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Something is about to be done."""

    id: str
    tool: str
    arguments: dict[str, Any]
    mended: tuple[Change, ...] = ()
    """What was mended in the model's proposal."""
    name: str = field(default="tool_call", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """It was done, or not."""

    id: str
    ok: bool
    result: dict[str, Any]
    name: str = field(default="tool_result", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the reply."""

    content: str
    name: str = field(default="delta", init=False, repr=False)


Outcome = Literal["answered", "talked", "done", "asked", "failed", "not_understood"]
"""What became of a turn: words only, everything done, a question asked back, something not done
(or refused), or nothing understood."""


@dataclass(slots=True)
class Usage:
    """What a turn cost the engine. Prompt tokens include those that were cached."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    model_calls: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """The turn is over. Timings are in milliseconds."""

    continue_conversation: bool
    usage: Usage
    timings: dict[str, float]
    outcome: Outcome
    name: str = field(default="end", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class Error:
    """The turn failed: a word for programs and a sentence for the person."""

    code: str
    message: str
    name: str = field(default="error", init=False, repr=False)


Event = Start | ToolCall | ToolResult | Delta | End | Error


def as_json(event: Event) -> dict[str, Any]:
    """Return the data of an event as it is sent."""
    match event:
        case Start():
            return {
                "conversation_id": event.conversation_id,
                "turn_id": event.turn_id,
                "agent": event.agent,
            }
        case ToolCall():
            return {
                "id": event.id,
                "name": event.tool,
                "arguments": event.arguments,
                "mended": [change.sentence for change in event.mended],
            }
        case ToolResult():
            return {"id": event.id, "ok": event.ok, "result": event.result}
        case Delta():
            return {"content": event.content}
        case End(continue_conversation, usage, timings, outcome):
            return {
                "continue_conversation": continue_conversation,
                "usage": {
                    "prompt_tokens": usage.prompt_tokens,
                    "completion_tokens": usage.completion_tokens,
                    "model_calls": usage.model_calls,
                },
                "timings": timings,
                "outcome": outcome,
            }
        case Error():
            return {"code": event.code, "message": event.message}
