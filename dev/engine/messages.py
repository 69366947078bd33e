"""Translation between Ollama's words and llama.cpp's."""

import json
from dataclasses import dataclass, field
from typing import Any

from dev.engine.errors import EngineError
from dev.engine.requests import Message


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and milliseconds of one answer. The prompt's tokens include the cached ones."""

    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    prompt_ms: float
    generate_ms: float

    @classmethod
    def of_timings(cls, timings: dict[str, Any]) -> "Usage":
        """Take llama.cpp's ``timings``."""
        return cls(
            prompt_tokens=timings["prompt_n"] + timings["cache_n"],
            cached_tokens=timings["cache_n"],
            generated_tokens=timings["predicted_n"],
            prompt_ms=timings["prompt_ms"],
            generate_ms=timings["predicted_ms"],
        )

    def metrics(self) -> dict[str, int]:
        """Return Ollama's counts, and durations in nanoseconds."""
        return {
            "prompt_eval_count": self.prompt_tokens,
            "prompt_eval_duration": int(self.prompt_ms * 1e6),
            "eval_count": self.generated_tokens,
            "eval_duration": int(self.generate_ms * 1e6),
        }


@dataclass(slots=True)
class Piece:
    """A part of an answer; the last one has a reason and the usage."""

    content: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    done_reason: str = ""
    usage: Usage | None = None


class ChatParser:
    """Reads the events of ``/v1/chat/completions``; gathers tool calls until they are whole."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, str]] = {}

    def read(self, event: dict[str, Any]) -> Piece:
        """Return what an event adds; EngineError when a tool call's arguments are not JSON."""
        if not event["choices"]:
            return Piece()
        choice = event["choices"][0]
        delta = choice["delta"]
        for call in delta.get("tool_calls") or []:
            kept = self._calls.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
            kept["id"] += call.get("id") or ""
            kept["name"] += call["function"].get("name") or ""
            kept["arguments"] += call["function"].get("arguments") or ""
        piece = Piece(delta.get("content") or "")
        if choice["finish_reason"]:
            piece.done_reason = "length" if choice["finish_reason"] == "length" else "stop"
            piece.usage = Usage.of_timings(event["timings"])
            piece.tool_calls = self._finished_calls()
        return piece

    def _finished_calls(self) -> list[dict[str, Any]]:
        calls = []
        for index, call in sorted(self._calls.items()):
            try:
                arguments = json.loads(call["arguments"] or "{}")
            except ValueError:
                raise EngineError(
                    500, f'the arguments of the tool call "{call["name"]}" are not valid JSON'
                ) from None
            function = {"index": index, "name": call["name"], "arguments": arguments}
            calls.append({"id": call["id"], "function": function})
        return calls


def read_completion(event: dict[str, Any]) -> Piece:
    """Return what an event of ``/completion`` adds."""
    piece = Piece(event["content"])
    if event["stop"]:
        piece.done_reason = "length" if event["stop_type"] == "limit" else "stop"
        piece.usage = Usage.of_timings(event["timings"])
    return piece


def to_llama(message: Message) -> dict[str, Any]:
    """Return a message as llama.cpp takes it: a tool call's arguments are text there."""
    translated: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_name:
        translated["name"] = message.tool_name
    if message.tool_call_id:
        translated["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        translated["tool_calls"] = [_call_to_llama(call) for call in message.tool_calls]
    return translated


def _call_to_llama(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
    return {
        "id": call.get("id", ""),
        "type": "function",
        "function": {"name": function.get("name", ""), "arguments": arguments},
    }


def response_format(schema: dict[str, Any] | None) -> dict[str, Any]:
    """Return the part of a chat request that binds the answer to a JSON schema."""
    if schema is None:
        return {}
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "schema", "schema": schema},
        }
    }
