"""What a model proposes, settled against what was said, and carried out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from ollama_addon.agent.actions.grounding import Stopped
from ollama_addon.agent.actions.pending import valid
from ollama_addon.agent.actions.repair import HouseNames, Repaired, Verdict
from ollama_addon.agent.actions.settle import Settled, settle
from ollama_addon.agent.carrier import Carried, Carrier, entities_of, remember
from ollama_addon.agent.events import Event
from ollama_addon.agent.turn import Step
from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import When
from ollama_addon.understanding.vocabulary import Action

_NAMES: dict[str, HouseNames] = {}
"""The names of the house as it is, by language."""


def names_of(step: Step) -> HouseNames:
    """Return the names of a turn's house, as repair takes them; made once for a house."""
    names = _NAMES.get(step.language)
    if names is None or names.house is not step.house:
        names = _NAMES[step.language] = HouseNames(step.house, step.labels, step.language)
    return names


def settled(
    step: Step, proposed: Sequence[Action], times: Sequence[When | None], carrier: Carrier
) -> Settled:
    """Return what comes of proposals, and keep in the trace what became of each."""
    found = settle(
        proposed,
        names_of(step),
        step.interpretation,
        times=times,
        area_id=step.satellite.area_id,
        confirm=() if step.confirmed else carrier.options.asks_first,
    )
    last = len(proposed) - 1
    items = [*found.done, *(item for item, _ in found.kept), *found.asked]
    for number, item in enumerate(items):
        step.trace.repaired(proposed[min(number, last)], item)
    for stopped in found.stopped:
        step.trace.stopped(stopped.item, stopped.code)
    return found


async def carry_settled(
    step: Step, found: Settled, carrier: Carrier, carried: Carried
) -> AsyncIterator[Event]:
    """Do what was settled; what is said about it goes into `carried`."""
    done = [_undecided(item, step) for item in found.done]
    sound = [item for item in done if item.verdict is not Verdict.REFUSED]
    if found.asked:
        # One question about all of it: what is clear waits for the answer, too.
        remember(step, entities=entities_of(step, found.asked))
        async for event in carrier.carry(step, [*sound, *found.asked], carried, sure=True):
            yield event
        return
    if sound:
        remember(step, entities=entities_of(step, sound))
        async for event in carrier.carry(step, sound, carried):
            yield event
    for item, when in found.kept:
        if carried.asked:
            return
        async for event in carrier.carry(step, [item], carried, when=when):
            yield event
    for text, when in found.commands:
        async for event in _command(step, text, when, carrier, carried):
            yield event


def why_not(step: Step, stopped: Stopped) -> str:
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


async def _command(
    step: Step, text: str, when: When, carrier: Carrier, carried: Carried
) -> AsyncIterator[Event]:
    """Keep a sentence that a timer was to say when it ends."""
    if step.interpreter is None:
        return
    inner = step.interpreter.interpret(text, step.context())
    actions = [a for c in inner.clauses for k in c.candidates[:1] for a in k.actions]
    if inner.certain and actions:
        items = [valid(action, step.house) for action in actions]
        async for event in carrier.carry(step, items, carried, when=when):
            yield event
