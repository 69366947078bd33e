"""A tiny model: what is certain is done without it; among the rest it chooses, or chooses none.

It never talks about the house. What was not understood is said by us, with what was heard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from ollama_addon.agent.actions.pending import valid
from ollama_addon.agent.carrier import Carried, Carrier, remember
from ollama_addon.agent.events import Delta, Event
from ollama_addon.agent.model_calls import ModelCalls
from ollama_addon.agent.strategies import choose, prompt
from ollama_addon.agent.strategies.instant import Ask, Route
from ollama_addon.agent.strategies.steps import Steps
from ollama_addon.agent.strategies.talk import talk, with_extra
from ollama_addon.agent.turn import Step
from ollama_addon.understanding.interpretation import Candidate, Clause, Interpretation, Mood


class Tiny:
    """Turns with a model of less than a billion parameters."""

    def __init__(self, calls: ModelCalls, carrier: Carrier, steps: Steps) -> None:
        self._calls = calls
        self._carrier = carrier
        self._steps = steps

    async def run(self, step: Step, route: Route, instructions: str) -> AsyncIterator[Event]:
        """Take one turn. Raises AddonError."""
        asks = [each for each in route.steps if isinstance(each, Ask)]
        if asks and all(each.clause.mood is Mood.TALK for each in asks) and len(route.steps) == 1:
            content = with_extra(step.turn.text, step.turn.extra_system_prompt)
            messages = [
                {"role": "system", "content": prompt.talk_prefix(instructions)},
                *step.conversation.messages()[-4:],
                {"role": "user", "content": content},
            ]
            async for event in talk(step, self._calls, messages, tiny=True):
                yield event
            return
        step.trace.mode = "narrow" if any(each.clause.candidates for each in asks) else "instant"
        carried = Carried()
        for each in route.steps:
            if isinstance(each, Ask):
                async for event in self._choose(step, each.clause, instructions, carried):
                    yield event
            else:
                async for event in self._steps.take(step, each, carried):
                    yield event
            if carried.asked:
                break
        self._steps.remember(step, carried)
        if carried.text:
            yield Delta(carried.text)

    async def _choose(
        self, step: Step, clause: Clause, instructions: str, carried: Carried
    ) -> AsyncIterator[Event]:
        """Let the model choose what a clause means; say what was heard where it chooses none."""
        chosen: Candidate | None = None
        if clause.mood is Mood.ORDER and clause.candidates:
            chosen = await self._chosen(step, clause, instructions)
        if chosen is None:
            step.outcome = "not_understood"
            carried.sentences.append(not_understood(step, clause))
            return
        items = [valid(action, step.house) for action in chosen.actions]
        remember(step, candidates=(chosen,))
        async for event in self._carrier.carry(
            step, items, carried, when=clause.when, sure=chosen.whole_home
        ):
            yield event

    async def _chosen(self, step: Step, clause: Clause, instructions: str) -> Candidate | None:
        phrases = [candidate.phrase for candidate in clause.candidates[: choose.MOST]]
        step.trace.offered(phrases)
        messages = [
            *choose.messages(instructions),
            {"role": "user", "content": choose.message(clause.text, phrases)},
        ]
        answer = ""
        async for message in self._calls.ask(
            step, messages, schema=choose.schema(phrases), tiny=True
        ):
            answer += message.get("content") or ""
        number = choose.read(answer, phrases)
        return clause.candidates[number] if number is not None else None


def not_understood(step: Step, clause: Clause) -> str:
    """Return the sentence about a clause that was not understood: with what is not there."""
    replies = step.replies()
    if clause.missing_thing:
        return replies.phrase("no_thing", words=clause.missing_thing)
    return replies.not_understood(Interpretation(clause.text, step.language, (clause,)))
