"""A capable model that calls tools: its calls are made valid, held against what was said, done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ollama_addon.agent.carrier import Carried, Carrier
from ollama_addon.agent.events import Delta, Event
from ollama_addon.agent.model_calls import ModelCalls
from ollama_addon.agent.prompts import Prompts
from ollama_addon.agent.settling import carry_settled, names_of, settled, why_not
from ollama_addon.agent.strategies import native, situation
from ollama_addon.agent.strategies.claims import Honest
from ollama_addon.agent.strategies.native import Called, Heard, Native
from ollama_addon.agent.strategies.tools import Tools, tools_for
from ollama_addon.agent.strategies.wide import Wide
from ollama_addon.agent.turn import Step
from ollama_addon.home.model import House

ROUNDS = 3
"""Times that the model is asked in one turn at most."""
_TALKING = 120
"""Characters of words without a call from which on they are spoken as they come."""


class Calling:
    """Turns with a model that calls tools."""

    def __init__(self, calls: ModelCalls, carrier: Carrier, prompts: Prompts, wide: Wide) -> None:
        self._calls = calls
        self._carrier = carrier
        self._prompts = prompts
        self._wide = wide
        self._tools: dict[bool, tuple[House, Tools, int]] = {}
        """The tools of the house as it is, with and without a satellite, and their tokens."""

    def native(self, step: Step) -> Native:
        """Return the tools of a turn."""
        has_satellite = step.context().has_satellite
        made = self._tools.get(has_satellite)
        if made is None or made[0] is not step.house:
            tools = tools_for(step.house, has_satellite=has_satellite, fits=self._prompts.tools_fit)
            text = json.dumps(tools.schemas, ensure_ascii=False)
            made = self._tools[has_satellite] = (step.house, tools, self._prompts.tokens(text))
        return Native(self._prompts.labels(step.house), names_of(step), made[1])

    def prompt(self, step: Step, instructions: str) -> list[Mapping[str, Any]]:
        """Return the whole prompt: prefix, history, newest message."""
        self.native(step)
        taken = max(tokens for _, _, tokens in self._tools.values())
        prefix = self._prompts.native(step.house, instructions, taken)
        content = situation.newest(step, self._prompts.labels(step.house))
        return [
            {"role": "system", "content": prefix.text},
            *step.conversation.messages(tools=True),
            {"role": "user", "content": content},
        ]

    async def run(self, step: Step, instructions: str) -> AsyncIterator[Event]:
        """Take one turn. Raises AddonError."""
        step.trace.mode = "native"
        tools = self.native(step)
        *before, newest = self.prompt(step, instructions)
        news: list[Mapping[str, Any]] = [newest]
        carried = Carried()
        spoken = ""
        for number in range(ROUNDS):
            heard = Heard(tools.output())
            reply = Honest(step.language)
            words = given = ""
            async for message in self._calls.ask(step, [*before, *news], tools=tools.tools.schemas):
                words += heard.take(message)
                if len(words) >= _TALKING and not heard.calls and not heard.output.calls:
                    # No model says so much before it calls a tool: it is talking.
                    whole = reply.feed(words[len(given) :])
                    given = words
                    if whole:
                        spoken += whole
                        yield Delta(whole)
            words += heard.output.finish()
            called = tools.read(heard.calls, heard.output, step.now)
            if called.empty:
                said = reply.feed(words[len(given) :]) + reply.finish()
                if carried.results and not given:
                    said = words.strip()
                if said:
                    spoken += said
                    yield Delta(said)
                if spoken:
                    news.append({"role": "assistant", "content": words})
                break
            calls = [*called.calls, *(call for call, _ in called.read)]
            news.append(native.asked(calls, heard.content))
            answers = [native.told(call[0], told) for call, told in called.read]
            again = bool(called.read)
            async for event in self._do(step, tools, called, carried, answers):
                yield event
            news += answers
            failed = any("error" in str(answer["content"])[:9] for answer in answers)
            if carried.asked or carried.results or (not again and (not failed or number)):
                break
        if carried.text and (carried.results or carried.asked or not spoken):
            news.append({"role": "assistant", "content": carried.text})
            yield Delta(f" {carried.text}" if spoken else carried.text)
            spoken += carried.text
        if not spoken:
            # What it cannot call it may be able to choose.
            async for event in self._wide.run(step, instructions, again=False):
                yield event
            return
        if step.outcome == "answered" and not carried.results:
            step.outcome = "talked"
        self._calls.remember(step, *news)

    async def _do(
        self,
        step: Step,
        tools: Native,
        called: Called,
        carried: Carried,
        answers: list[dict[str, Any]],
    ) -> AsyncIterator[Event]:
        """Carry out what was called, and collect what the model is told of it."""
        if not called.proposed:
            return
        found = settled(step, called.proposed, (), self._carrier)
        async for event in carry_settled(step, found, self._carrier, carried):
            yield event
        name = called.calls[0][0] if called.calls else ""
        first = called.proposed[0]
        answers += [
            native.told(name, native.failed(tools.reason(item, first))) for item in found.refused
        ]
        answers += [
            native.told(name, native.failed(tools.stopped(each.code))) for each in found.stopped
        ]
        if found.refused or found.stopped:
            if not carried.results:
                step.outcome = "failed"
            if found.stopped and not carried.sentences:
                carried.sentences.append(why_not(step, found.stopped[0]))
        else:
            answers.append(native.told(name, '{"success": true}'))
