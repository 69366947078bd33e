"""A capable model in the structured form: it may do whatever the house can do.

Its proposals are made valid, held against what was said, and done. It is asked once; a second
time only where it wants to look at a house that is too large to be shown, or answers nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ollama_addon.agent.actions import grounding
from ollama_addon.agent.actions.opposites import members_of
from ollama_addon.agent.actions.repair import HouseNames, Repaired, Verdict, repair
from ollama_addon.agent.carrier import Carried, Carrier, remember
from ollama_addon.agent.events import Delta, Event
from ollama_addon.agent.model_calls import ModelCalls
from ollama_addon.agent.prompts import Prompts
from ollama_addon.agent.strategies import situation
from ollama_addon.agent.strategies.claims import honest
from ollama_addon.agent.strategies.phrases import Proposed
from ollama_addon.agent.strategies.structured import Answer, AnswerStream, Structured
from ollama_addon.agent.turn import Step
from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import When
from ollama_addon.understanding.vocabulary import Action

_ROUNDS = 2


class Wide:
    """Turns with a capable model in the structured form."""

    def __init__(self, calls: ModelCalls, carrier: Carrier, prompts: Prompts) -> None:
        self._calls = calls
        self._carrier = carrier
        self._prompts = prompts

    async def run(self, step: Step, instructions: str) -> AsyncIterator[Event]:
        """Take one turn. Raises AddonError."""
        step.trace.mode = "wide"
        form, messages = self.prompt(step, instructions)
        asked: Mapping[str, Any] = messages[-1]
        answer = Answer()
        stream = AnswerStream(step.language)
        spoken = ""
        for _ in range(_ROUNDS):
            stream = AnswerStream(step.language)
            async for message in self._calls.ask(step, messages, schema=form.schema()):
                if words := stream.feed(message.get("content") or ""):
                    spoken += words
                    yield Delta(words)
            if words := stream.finish():
                spoken += words
                yield Delta(words)
            answer = form.read(stream.raw)
            self._calls.remember(step, asked, {"role": "assistant", "content": stream.raw})
            if not answer.look:
                break
            # Once, and only to look: the question needs more of the house than was shown.
            seen = form.looked(answer.look)
            text = situation.looked_at(self._prompts.labels(step.house), seen, step.turn.text)
            asked = {"role": "user", "content": text}
            messages = [*messages, {"role": "assistant", "content": stream.raw}, asked]
        if answer.actions:
            async for event in self._act(step, answer, spoken):
                yield event
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
        return form, [
            {"role": "system", "content": prefix.text},
            *step.conversation.messages(),
            {"role": "user", "content": content},
        ]

    async def _act(self, step: Step, answer: Answer, spoken: str) -> AsyncIterator[Event]:
        carried = Carried()
        names = HouseNames(step.house, step.labels, step.language)
        items = [
            repair(each.action, names, area_id=step.satellite.area_id) for each in answer.actions
        ]
        for each, item in zip(answer.actions, items, strict=True):
            step.trace.repaired(each.action, item)
        async for event in act(step, self._carrier, answer.actions, items, carried):
            yield event
        if answer.say and not spoken and carried.results and not carried.asked:
            carried.sentences.append(honest(answer.say, step.language))
        if carried.text:
            yield Delta(f" {carried.text}" if spoken else carried.text)


async def act(
    step: Step,
    carrier: Carrier,
    proposed: Sequence[Proposed],
    items: Sequence[Repaired],
    carried: Carried,
) -> AsyncIterator[Event]:
    """Hold repaired proposals against what was said, and do what does not contradict it."""
    times = [each.when for each in proposed]
    grounded = grounding.check(items, step.interpretation, step.house, times)
    for stopped in grounded.stopped:
        step.trace.stopped(stopped.item, stopped.code)
    later: When | None = next(
        (
            stopped.clause.when
            for stopped in grounded.stopped
            if stopped.code == "later" and stopped.clause is not None
        ),
        None,
    )
    if grounded.asked:
        # One question about all of it: what is clear waits for the answer, too.
        both = [*grounded.done, *grounded.asked]
        async for event in carrier.carry(step, both, carried, sure=True):
            yield event
        return
    done = [_undecided(item, step) for item in grounded.done]
    remember(step, entities=_entities(step, done))
    by_time: dict[int, When | None] = dict(enumerate(times))
    now: list[tuple[Repaired, When | None]] = []
    timed: list[tuple[Repaired, When | None]] = []
    if any(item.verdict is Verdict.AMBIGUOUS for item in done):
        async for event in carrier.carry(step, done, carried):
            yield event
        return
    for item in done:
        number = next((n for n, each in enumerate(items) if each is item), -1)
        when = by_time.get(number)
        (now if when is None else timed).append((item, when))
    if now:
        async for event in carrier.carry(step, [item for item, _ in now], carried):
            yield event
    for item, when in timed:
        async for event in carrier.carry(step, [item], carried, when=when):
            yield event
    if later is not None:
        put_off = [each.item for each in grounded.stopped if each.code == "later"]
        async for event in carrier.carry(step, put_off, carried, when=later):
            yield event
    others = [each for each in grounded.stopped if each.code != "later"]
    if others and not carried.results and not carried.asked and later is None:
        step.outcome = "failed"
        carried.sentences.append(why_not(step, others[0]))


def _undecided(item: Repaired, step: Step) -> Repaired:
    """Return a proposal for one of several things of a name as a question which is meant."""
    if item.action is None or not isinstance(item.target, Entity):
        return item
    for clause in step.interpretation.clauses:
        if len(clause.same_name) > 1 and item.target in clause.same_name:
            slots = {slot: value for slot, value in item.action.slots.items() if slot != "name"}
            return Repaired(
                Verdict.AMBIGUOUS, Action(item.action.intent, slots), candidates=clause.same_name
            )
    return item


def why_not(step: Step, stopped: grounding.Stopped) -> str:
    """Return the sentence that says why a proposal was not carried out."""
    replies = step.replies()
    clause = stopped.clause
    if stopped.code in ("negated", "dropped", "excluded"):
        return replies.phrase("left")
    if stopped.code == "no_place" and clause is not None:
        return replies.phrase("no_place", words=clause.missing_place)
    if stopped.code == "question" and clause is not None and clause.question is not None:
        return replies.answer(clause.question, step.now) or replies.error("no_intent")
    if stopped.code == "past":
        return replies.phrase("noted")
    return replies.error("no_intent")


def _entities(step: Step, items: Sequence[Repaired]) -> list[Any]:
    return [
        entity
        for item in items
        if item.action is not None
        for entity in members_of(item.action, step.house)
    ]
