"""Words only: the house is neither seen nor touched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ollama_addon.agent.events import Delta, Event
from ollama_addon.agent.model_calls import ModelCalls
from ollama_addon.agent.strategies.model_output import ModelOutput
from ollama_addon.agent.turn import Step


async def talk(
    step: Step, calls: ModelCalls, messages: Sequence[Mapping[str, Any]], *, tiny: bool = False
) -> AsyncIterator[Event]:
    """Let the model answer with words; keep the exchange. Raises AddonError."""
    step.trace.mode = "talk"
    output = ModelOutput()
    said = ""
    async for message in calls.ask(step, messages, tiny=tiny):
        if words := output.feed(message.get("content") or ""):
            said += words
            yield Delta(words)
        if tiny and repeats(said):
            break
    if words := output.finish():
        said += words
        yield Delta(words)
    if not said.strip():
        step.outcome = "not_understood"
        yield Delta(step.replies().error("no_intent"))
        return
    step.outcome = "talked"
    calls.remember(step, messages[-1], {"role": "assistant", "content": said})


def with_extra(text: str, extra: str | None) -> str:
    """Return the newest message with what a pipeline adds to the prompt, as automations do."""
    extra = (extra or "").strip()
    return f"[{extra}]\n{text}" if extra else text


def repeats(answer: str) -> bool:
    """Tell whether a model has begun to say the same again and again, as small ones do."""
    tail = answer[-240:]
    return any(
        len(tail) >= 3 * size
        and tail[-size:] == tail[-2 * size : -size] == tail[-3 * size : -2 * size]
        for size in range(8, 81)
    )
