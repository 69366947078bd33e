"""A capable model in the structured form: it may do whatever the house can do.

Its proposals are made valid, held against what was said, and done. It is asked once; a second
time only where it wants to look at a house that is too large to be shown, or answers nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from ollama_addon.agent.actions import executor
from ollama_addon.agent.carrier import Carried, Carrier
from ollama_addon.agent.events import Delta, Event
from ollama_addon.agent.model_calls import ModelCalls
from ollama_addon.agent.prompts import Prompts
from ollama_addon.agent.settling import carry_settled, settled, why_not
from ollama_addon.agent.strategies import situation
from ollama_addon.agent.strategies.claims import honest
from ollama_addon.agent.strategies.structured import Answer, AnswerStream, Structured
from ollama_addon.agent.strategies.thinking import answer_of
from ollama_addon.agent.turn import Step

_ROUNDS = 2


class Wide:
    """Turns with a capable model in the structured form."""

    def __init__(self, calls: ModelCalls, carrier: Carrier, prompts: Prompts) -> None:
        self._calls = calls
        self._carrier = carrier
        self._prompts = prompts

    async def run(
        self, step: Step, instructions: str, *, again: bool = True
    ) -> AsyncIterator[Event]:
        """Take one turn; `again` tells whether an empty answer is asked for once more.

        Raises AddonError.
        """
        step.trace.mode = "wide"
        form, messages = self.prompt(step, instructions)
        asked: Mapping[str, Any] = messages[-1]
        answer = Answer()
        stream = AnswerStream(step.language)
        spoken = ""
        schema: Mapping[str, Any] | None = form.schema()
        for _ in range(_ROUNDS):
            stream, thoughts = AnswerStream(step.language), ""
            async for message in self._calls.ask(step, messages, schema=schema):
                thoughts += message.get("thinking") or ""
                if words := stream.feed(message.get("content") or ""):
                    spoken += words
                    yield Delta(words)
            if words := stream.finish():
                spoken += words
                yield Delta(words)
            answer = form.read(answer_of(stream.raw, thoughts, structured=True))
            if answer.empty and not stream.withheld and again:
                schema = None  # Empty answers happen: once more, and in its own words.
                continue
            self._calls.remember(step, asked, {"role": "assistant", "content": stream.raw})
            if not answer.look:
                break
            # Once, and only to look: the question needs more of the house than was shown.
            seen = form.looked(answer.look)
            text = situation.looked_at(self._prompts.labels(step.house), seen, step.turn.text)
            asked = {"role": "user", "content": text}
            messages = [*messages, {"role": "assistant", "content": stream.raw}, asked]
            schema = form.schema()
        if answer.actions:
            async for event in self._act(step, answer, spoken):
                yield event
        elif answer.say and not spoken and (said := honest(answer.say, step.language)):
            step.outcome = "talked"
            yield Delta(said)
        elif not spoken:
            step.outcome = "not_understood"
            yield Delta(step.replies().error("no_intent"))
        else:
            step.outcome = "talked"

    def prompt(self, step: Step, instructions: str) -> tuple[Structured, list[Mapping[str, Any]]]:
        """Return what may be answered, and the whole prompt: prefix, history, newest message."""
        prefix = self._prompts.structured(step.house, instructions)
        form = Structured(
            self._prompts.phrases(step.house),
            step.interpretation,
            has_satellite=step.context().has_satellite,
            previous=step.conversation.entities,
            whole=prefix.whole,
        )
        content = situation.newest(step, self._prompts.labels(step.house))
        return form, [
            {"role": "system", "content": prefix.text},
            *step.conversation.messages(),
            {"role": "user", "content": content},
        ]

    async def _act(self, step: Step, answer: Answer, spoken: str) -> AsyncIterator[Event]:
        carried = Carried()
        proposed = [each.action for each in answer.actions]
        times = [each.when for each in answer.actions]
        found = settled(step, proposed, times, self._carrier)
        async for event in carry_settled(step, found, self._carrier, carried):
            yield event
        if found.refused and not carried.asked:
            step.outcome = "failed"
            replies = step.replies()
            carried.sentences += [executor.refusal(each, replies).reason for each in found.refused]
        if found.stopped and not carried.sentences:
            step.outcome = "failed"
            carried.sentences.append(why_not(step, found.stopped[0]))
        if answer.say and not spoken and carried.results and not carried.asked:
            carried.sentences.append(honest(answer.say, step.language))
        if carried.text:
            yield Delta(f" {carried.text}" if spoken else carried.text)
