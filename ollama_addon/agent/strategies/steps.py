"""The steps of a turn that need no model, taken one after the other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from ollama_addon.agent.actions.pending import valid
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.carrier import Carried, Carrier, remember
from ollama_addon.agent.conversations import Pending
from ollama_addon.agent.events import Delta, Event
from ollama_addon.agent.model_calls import ModelCalls
from ollama_addon.agent.strategies.instant import (
    Ask,
    Do,
    Plans,
    Route,
    Say,
    Step as Taken,
    Sure,
    Tell,
    Which,
)
from ollama_addon.agent.strategies.past import PastAnswers
from ollama_addon.agent.turn import Step
from ollama_addon.home.past import Past
from ollama_addon.understanding.interpretation import Candidate, Question
from ollama_addon.understanding.vocabulary import Action

_READ = {
    "list": "todo.get_items",
    "calendar": "calendar.get_events",
    "forecast": "weather.get_forecasts",
}
"""Questions that Home Assistant has to be asked for, and the actions that do."""
_READ_MOST = 3
"""Lists or calendars that are read for one question."""


class Steps:
    """Takes the steps of a route."""

    def __init__(self, carrier: Carrier, calls: ModelCalls, past: Past) -> None:
        self._past = PastAnswers(past)
        self._carrier = carrier
        self._calls = calls

    async def run(self, step: Step, route: Route) -> AsyncIterator[Event]:
        """Take a whole turn without a model."""
        step.trace.mode = "instant"
        carried = Carried()
        for each in _questions_first(route):
            async for event in self.take(step, each, carried):
                yield event
            if carried.asked:
                break
        self.remember(step, carried)
        if carried.text:
            yield Delta(carried.text)

    async def take(self, step: Step, taken: Taken, carried: Carried) -> AsyncIterator[Event]:
        """Take one step; what is said goes into `carried`."""
        replies = step.replies()
        match taken:
            case Do(candidate, when):
                items = [valid(action, step.house) for action in candidate.actions]
                remember(step, candidates=(candidate,))
                sure = candidate.whole_home
                async for event in self._carrier.carry(step, items, carried, when=when, sure=sure):
                    yield event
            case Sure(candidate, when):
                items = [valid(action, step.house) for action in candidate.actions]
                remember(step, candidates=(candidate,))
                async for event in self._carrier.carry(step, items, carried, when=when, sure=True):
                    yield event
            case Which():
                self._which(step, taken, carried)
            case Tell(question):
                async for event in self._tell(step, question, carried):
                    yield event
            case Say(key, words, entities, refusal):
                if key == "no_undo":
                    async for event in self._carrier.undo(step, carried):
                        yield event
                    return
                values = dict(refusal.values) if refusal is not None else {}
                names = replies.names(list(entities)) if entities else ""
                if refusal is not None:
                    step.outcome = "failed"
                carried.sentences.append(
                    replies.phrase(
                        key, **{"low": "", "high": "", **values, "words": words, "names": names}
                    )
                )
                if entities:
                    remember(step, entities=entities)
            case Plans():
                await self._plans(step, taken, carried)
            case Ask():
                raise ValueError("a model has to be asked")

    def _which(self, step: Step, taken: Which, carried: Carried) -> None:
        actions = _common(taken.candidates)
        step.conversation.pending = Pending(actions, taken.entities, when=taken.when)
        names = step.replies().names(list(taken.entities[:6]), "or")
        carried.sentences.append(step.replies().phrase("which", names=names))
        carried.asked = True

    async def _tell(self, step: Step, question: Question, carried: Carried) -> AsyncIterator[Event]:
        replies = step.replies()
        remember(step, entities=question.entities)
        if question.kind == "planned":
            orders = self._carrier.orders
            planned = orders.planned() if orders is not None else ()
            listing = orders.listing(planned, step.language) if orders is not None else ""
            carried.sentences.append(listing or replies.phrase("empty"))
            if len(planned) == 1:
                step.conversation.order = planned[0].id
            return
        if question.kind == "past":
            answer = await self._past.answer(question, replies, step.now)
            carried.sentences.append(answer or replies.phrase("unknown"))
            return
        if items := _reading(question):
            async for event in self._carrier.carry(step, items, carried):
                yield event
            return
        carried.sentences.append(replies.answer(question, step.now) or replies.phrase("unknown"))

    async def _plans(self, step: Step, taken: Plans, carried: Carried) -> None:
        """Cancel or move what is planned."""
        orders = self._carrier.orders
        assert orders is not None
        about = tuple(entity.id for entity in taken.entities)
        if taken.named and not about:
            # "The one for the heating" need not be a whole name: it tells what is planned apart.
            ids = dict.fromkeys(each for planned in orders.planned() for each in planned.entities)
            among = [step.house.entities[each] for each in ids if each in step.house.entities]
            chosen = (
                step.interpreter.choose(step.turn.text, among, step.context())
                if step.interpreter is not None
                else ()
            )
            about = tuple(entity.id for entity in chosen)
        found = orders.planned(about) if about or not taken.named else ()
        if step.conversation.order and not about and not taken.named:
            found = tuple(each for each in found if each.id == step.conversation.order) or found
        if not found:
            carried.sentences.append(orders.listing((), step.language))
            return
        if taken.cancel:
            if len(found) > 1 and not about:
                carried.sentences.append(orders.listing(found, step.language))
                return
            result = await orders.cancel([each.id for each in found], step.language)
        else:
            assert taken.when is not None
            result = await orders.move(found[0].id, taken.when, step.language)  # type: ignore[assignment]
        step.outcome = "failed" if hasattr(result, "code") else "done"
        carried.sentences.append(result.sentence)

    def remember(self, step: Step, carried: Carried) -> None:
        """Keep the turn in the conversation as if a model had answered it."""
        user = {"role": "user", "content": step.turn.text}
        phrases = [candidate.phrase for candidate in step.conversation.previous]
        done = any(result.ok and not result.reads for result in carried.results)
        if done and phrases and not carried.asked:
            answer = json.dumps({"do": phrases}, ensure_ascii=False)
        else:
            answer = json.dumps({"say": carried.text}, ensure_ascii=False)
        if self._calls.native:
            answer = carried.text
        self._calls.remember(step, user, {"role": "assistant", "content": answer})


def _reading(question: Question) -> list[Repaired]:
    """Return what has to be read to answer a question, empty where the states have it."""
    if question.kind == "timer":
        action = Action("HassTimerStatus", dict(question.detail))
        return [Repaired(Verdict.AS_IT_WAS, action, None)]
    if question.kind not in _READ:
        return []
    slots: dict[str, int] = {}
    if question.kind == "forecast" or (question.kind == "calendar" and question.days):
        slots["days"] = question.days
    return [
        Repaired(
            Verdict.AS_IT_WAS,
            Action(_READ[question.kind], {"name": entity.id, **slots}),
            entity,
        )
        for entity in question.entities[:_READ_MOST]
    ]


def _questions_first(route: Route) -> list[Taken]:
    """Return the steps; what asks back comes first, and takes what is certain along."""
    asking: list[Taken] = [each for each in route.steps if isinstance(each, Which | Sure)]
    return asking[:1] if asking else list(route.steps)


def _common(candidates: tuple[Candidate, ...]) -> tuple[Action, ...]:
    """Return what would be done to whichever is chosen."""
    if not candidates:
        return ()
    first = candidates[0].actions[0]
    slots = {k: v for k, v in first.slots.items() if k not in ("name", "domain", "area", "floor")}
    return (Action(first.intent, slots),)
