"""A capable model that calls tools: its calls are made valid, held against what was said, done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ollama_addon.agent.actions import grounding
from ollama_addon.agent.actions.opposites import members_of
from ollama_addon.agent.actions.pending import valid
from ollama_addon.agent.actions.repair import HouseNames, Repaired, Verdict
from ollama_addon.agent.actions.repair_several import repair_all
from ollama_addon.agent.carrier import Carried, Carrier, remember
from ollama_addon.agent.events import Delta, Event
from ollama_addon.agent.model_calls import ModelCalls
from ollama_addon.agent.prompts import Prompts
from ollama_addon.agent.strategies import native, situation
from ollama_addon.agent.strategies.claims import honest
from ollama_addon.agent.strategies.native import Called, Heard, Native
from ollama_addon.agent.strategies.wide import Wide, why_not
from ollama_addon.agent.turn import Step
from ollama_addon.understanding.interpretation import When

ROUNDS = 3
"""Times that the model is asked in one turn at most."""


class Calling:
    """Turns with a model that calls tools."""

    def __init__(self, calls: ModelCalls, carrier: Carrier, prompts: Prompts, wide: Wide) -> None:
        self._calls = calls
        self._carrier = carrier
        self._prompts = prompts
        self._wide = wide

    def native(self, step: Step) -> Native:
        """Return the tools of a turn."""
        names = HouseNames(step.house, step.labels, step.language)
        return Native(
            self._prompts.labels(step.house),
            names,
            has_satellite=step.context().has_satellite,
            fits=self._prompts.tools_fit,
        )

    def prompt(self, step: Step, instructions: str) -> list[Mapping[str, Any]]:
        """Return the whole prompt: prefix, history, newest message."""
        prefix = self._prompts.native(step.house, instructions)
        content = situation.message(
            step.turn.text,
            self._prompts.labels(step.house),
            step.interpretation,
            now=step.now,
            satellite=step.satellite,
            user_name=step.turn.user_name,
            extra=step.turn.extra_system_prompt,
            previous=step.conversation.entities,
        )
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
            words = ""
            async for message in self._calls.ask(step, [*before, *news], tools=tools.tools.schemas):
                words += heard.take(message)
            words += heard.output.finish()
            called = tools.read(heard.calls, heard.output, step.now)
            if called.empty:
                said = words.strip() if carried.results else honest(words, step.language)
                if said:
                    spoken += said
                    news.append({"role": "assistant", "content": words})
                    yield Delta(said)
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
            async for event in self._wide.run(step, instructions):
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
        names = HouseNames(step.house, step.labels, step.language)
        repairs = repair_all(
            called.proposed, names, step.interpretation, area_id=step.satellite.area_id
        )
        last = len(called.proposed) - 1
        for number, item in enumerate(repairs.items):
            step.trace.repaired(called.proposed[min(number, last)], item)
        refused = [item for item in repairs.items if item.verdict is Verdict.REFUSED]
        sound = [item for item in repairs.items if item.verdict is not Verdict.REFUSED]
        grounded = grounding.check(sound, step.interpretation, step.house)
        for stopped in grounded.stopped:
            step.trace.stopped(stopped.item, stopped.code)
        put_off = [each for each in grounded.stopped if each.code == "later"]
        later: When | None = next(
            (each.clause.when for each in put_off if each.clause is not None), None
        )
        if grounded.asked:
            both = [*grounded.done, *grounded.asked]
            async for event in self._carrier.carry(step, both, carried, sure=True):
                yield event
        elif grounded.done:
            remember(step, entities=_entities(step, grounded.done))
            async for event in self._carrier.carry(step, grounded.done, carried):
                yield event
        if put_off and later is not None:
            items = [each.item for each in put_off]
            async for event in self._carrier.carry(step, items, carried, when=later):
                yield event
        for text, when in repairs.commands:
            async for event in self._command(step, text, when, carried):
                yield event
        for item, name in zip(refused, _names_of(called), strict=False):
            answers.append(native.told(name, native.failed(tools.reason(item, called.proposed[0]))))
        others = [each for each in grounded.stopped if each.code != "later"]
        name = _names_of(called)[0]
        answers += [native.told(name, native.failed(tools.stopped(e.code))) for e in others]
        if others and not carried.sentences:
            step.outcome = "failed"
            carried.sentences.append(why_not(step, others[0]))
        elif refused and not carried.results and not carried.sentences:
            step.outcome = "failed"
        elif not refused and not others:
            answers.append(native.told(_names_of(called)[0], '{"success": true}'))

    async def _command(
        self, step: Step, text: str, when: When, carried: Carried
    ) -> AsyncIterator[Event]:
        """Keep a sentence that a timer was to say when it ends."""
        if step.interpreter is None:
            return
        inner = step.interpreter.interpret(text, step.context())
        actions = [
            a for c in inner.clauses if c.certain for k in c.candidates[:1] for a in k.actions
        ]
        if inner.certain and actions:
            items = [valid(action, step.house) for action in actions]
            async for event in self._carrier.carry(step, items, carried, when=when):
                yield event


def _names_of(called: Called) -> list[str]:
    return [name for name, _ in called.calls] or [""]


def _entities(step: Step, items: Sequence[Repaired]) -> list[Any]:
    return [
        entity
        for item in items
        if item.action is not None
        for entity in members_of(item.action, step.house)
    ]
