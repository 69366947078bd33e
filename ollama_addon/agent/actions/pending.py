"""What a turn answers when the agent has asked something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ollama_addon.agent.actions.opposites import members_of, target_of
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.conversations import Pending
from ollama_addon.agent.turn import Step
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Clause, Mood
from ollama_addon.understanding.vocabulary import Action

_REFUSING = frozenset({Mood.NO, Mood.NEVER_MIND, Mood.NEGATED})


@dataclass(frozen=True, slots=True)
class Answered:
    """What is to be done now that the question is answered; nothing when it was a no."""

    items: tuple[Repaired, ...] = ()
    pending: Pending | None = None
    """The question, where it was agreed to; None when everything is left as it is."""


def answered(step: Step) -> Answered | None:
    """Return what this turn answers; None when it answers no question."""
    pending, step.conversation.pending = step.conversation.pending, None
    if pending is None:
        return None
    clauses = step.interpretation.clauses
    moods = {clause.mood for clause in clauses}
    if pending.targets:
        return _chosen(step, pending, refused=bool(moods & _REFUSING))
    others = [clause for clause in clauses if clause.mood not in (Mood.YES, Mood.TALK)]
    if pending.proposal is not None and others:
        # What was read back is made as it was read back, or not at all.
        return Answered() if moods & _REFUSING else None
    if Mood.YES in moods and not others:
        return Answered(_valid(pending.actions, step.house), pending)
    if Mood.YES in moods and (fewer := _restricted(pending, others, step.house)):
        return Answered(_valid(fewer, step.house), pending)
    if _same(pending, clauses, step.house):
        return Answered(_valid(pending.actions, step.house), pending)
    acting = any(clause.mood is Mood.ORDER and clause.candidates for clause in clauses)
    return Answered() if moods & _REFUSING and not acting else None


def _chosen(step: Step, pending: Pending, *, refused: bool) -> Answered | None:
    """Return what is done to what was chosen among several."""
    among = [target for target in pending.targets if isinstance(target, Entity)]
    chosen = (
        step.interpreter.choose(step.turn.text, among, step.context()) if step.interpreter else ()
    )
    if not chosen:
        return Answered() if refused else None
    step.conversation.entities = chosen
    actions = [
        Action(action.intent, {**action.slots, "name": entity.id})
        for action in pending.actions
        for entity in chosen
    ]
    return Answered(_valid((*actions, *pending.others), step.house), pending)


def _restricted(pending: Pending, clauses: Sequence[Clause], house: House) -> tuple[Action, ...]:
    """Return the part of what is pending that a "yes, but only …" names."""
    named = {
        entity
        for clause in clauses
        for entity in (*clause.named, *(e for c in clause.candidates for e in c.entities))
    }
    found: list[Action] = []
    for action in pending.actions:
        members = members_of(action, house)
        slots = {k: v for k, v in action.slots.items() if k not in _TARGETS}
        found += [Action(action.intent, {**slots, "name": e.id}) for e in members if e in named]
    everything = {e for action in pending.actions for e in members_of(action, house)}
    return tuple(found) if named and named <= everything else ()


_TARGETS = ("name", "area", "floor", "domain", "device_class")


def _same(pending: Pending, clauses: Sequence[Clause], house: House) -> bool:
    """Whether the turn says again what was asked about: "yes, unlock it"."""
    orders = [clause for clause in clauses if clause.mood is Mood.ORDER]
    if not orders or not all(clause.certain and clause.candidates for clause in orders):
        return False
    said = {
        (action.intent, entity.id)
        for clause in orders
        for action in clause.candidates[0].actions
        for entity in members_of(action, house)
    }
    wanted = {
        (action.intent, entity.id)
        for action in pending.actions
        for entity in members_of(action, house)
    }
    # Only with a yes: who repeats an order may not have heard the question.
    return said == wanted and any(clause.mood is Mood.YES for clause in clauses)


def _valid(actions: Sequence[Action], house: House) -> tuple[Repaired, ...]:
    """Return actions that were valid when they were asked about, as they are now."""
    return tuple(valid(action, house) for action in actions)


def valid(action: Action, house: House) -> Repaired:
    """Return an action of a candidate as the executor takes it; refused if its target is gone."""
    target = target_of(action, house)
    aimed = (
        any(slot in action.slots for slot in ("name", "domain")) and "Timer" not in action.intent
    )
    if target is None and aimed:
        return Repaired(Verdict.REFUSED, action, reason="not_found")
    return Repaired(Verdict.AS_IT_WAS, action, target)
