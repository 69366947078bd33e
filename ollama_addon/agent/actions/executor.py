"""What was repaired, done in the house; questions are asked before that."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ollama_addon.agent.actions.confirmation import asks_first
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.conversations import Pending
from ollama_addon.agent.events import Event, ToolCall, ToolResult
from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.replies.replies import Replies
from ollama_addon.agent.strategies.prompt import state_text
from ollama_addon.agent.turn import Step
from ollama_addon.home.actions import Actions, Outcome
from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import When
from ollama_addon.understanding.vocabulary import FIELD, Action, Group, Target

_TARGET_SLOTS = frozenset({"name", "area", "floor", "domain", "device_class"})
_SHOWN = 12
"""Entities of which an action's effect is told at most."""
_FORECASTS = {1: "daily", 4: "twice_daily", 2: "hourly"}
"""Kinds of forecast by the bit of a weather entity that gives them, the best first."""
_ANSWERED = frozenset({"HassGetState", "HassGetCurrentTime", "HassGetCurrentDate"})
"""What is answered from the mirror and the clock."""


async def carry_out(
    actions: Actions, step: Step, repaired: Sequence[Repaired], replies: Replies
) -> AsyncIterator[Event | Done]:
    """Do what was repaired, one after the other; yields each call, its result and the `Done`.

    What was refused is not done, and its `Done` says why. Raises AddonError when Home
    Assistant does not answer.
    """
    for item in repaired:
        if item.action is None or item.verdict is Verdict.REFUSED:
            step.outcome = "failed"
            yield refusal(item, replies)
            continue
        call_id = uuid.uuid4().hex[:8]
        yield ToolCall(call_id, item.action.intent, dict(item.action.slots), item.changes)
        before = _states(step, item.target)
        was = _raw_states(step, item.target)
        done = await _do(actions, step, item.action, item.target)
        result: dict[str, Any] = {"failed": list(done.failed), **done.data}
        after = _states(step, item.target)
        if changed := [
            {
                "id": entity.id,
                "name": step.labels[entity.id],
                "before": before[entity],
                "after": after[entity],
                "state": step.house.states[entity.id].state,
            }
            for entity in after
            if before[entity] != after[entity] and entity.id in step.house.states
        ]:
            result["changed"] = changed
        if unchanged := [
            {"id": entity.id, "name": step.labels[entity.id], "state": after[entity]}
            for entity in after
            if before[entity] == after[entity]
        ]:
            result["unchanged"] = unchanged
        if done.reason:
            result["reason"] = done.reason
        if not done.ok:
            step.outcome = "failed"
        elif step.outcome == "answered" and not done.reads:
            step.outcome = "done"
        yield ToolResult(call_id, done.ok, result)
        yield replace(done, before=was)


def refusal(item: Repaired, replies: Replies) -> Done:
    """Return a refused action with its reason in words."""
    action = item.action or Action("", {})
    return Done(action, item.target, ok=False, reason=replies.refusal(item))


def question(
    step: Step,
    repaired: Sequence[Repaired],
    replies: Replies,
    confirm: Collection[str],
    *,
    sure: bool = False,
    when: When | None = None,
) -> str | None:
    """Return the question to ask before anything is done, and keep what hangs on it.

    None when nothing has to be asked. `confirm` are the kinds of action that need a yes; with
    `sure` all of it does. `when` is the time that was said.
    """
    for item in repaired:
        if item.verdict is Verdict.AMBIGUOUS and item.action is not None:
            # Who says which one is meant has not said yes to what nobody has asked for.
            others = tuple(
                other.action
                for other in repaired
                if other is not item and other.action is not None and other.target is not None
            )
            step.conversation.pending = Pending((item.action,), item.candidates, others, when)
            return replies.phrase("which", names=replies.names(item.candidates[:6], "or"))
    if step.confirmed:
        return None
    risky = [
        item
        for item in repaired
        if item.action is not None
        and item.verdict is not Verdict.REFUSED
        and (sure or asks_first(item.action, item.target, step.house, confirm))
    ]
    if not risky:
        return None
    actions = tuple(item.action for item in repaired if item.action is not None)
    step.conversation.pending = Pending(actions, when=when)
    return replies.proposal(risky if not sure else repaired)


def _states(step: Step, target: Target | None) -> dict[Entity, str]:
    """Return the states of what an action is about, in words."""
    house = step.house
    members = target.members(house) if isinstance(target, Group) else [target] if target else []
    return {entity: state_text(entity, house) for entity in members[:_SHOWN]}


def _raw_states(step: Step, target: Target | None) -> dict[str, str]:
    """Return the states of what an action is about, as Home Assistant names them."""
    states = step.house.states
    members = target.members(step.house) if isinstance(target, Group) else [target]
    return {each.id: states[each.id].state for each in members if each and each.id in states}


async def _do(actions: Actions, step: Step, action: Action, target: Target | None) -> Done:
    """Carry out one valid action."""
    if action.intent in _ANSWERED or (action.intent == "HassGetWeather" and target is not None):
        return Done(action, target, ok=True)
    began = time.perf_counter()
    try:
        outcome = await _outcome(actions, step, action, target)
    finally:
        step.clock.home += time.perf_counter() - began
    return Done(
        action,
        target,
        ok=outcome.ok,
        failed=tuple(failed.name or failed.id for failed in outcome.failed_targets),
        reason="" if outcome.ok else outcome.reason,
        code="" if outcome.ok else outcome.code or "unknown",
        data=outcome.data,
    )


def _period(step: Step, days: int | None) -> tuple[datetime, datetime]:
    """Return when the events begin and end that are asked for: of a day, else of a week."""
    if days is None:
        return step.now, step.now + timedelta(days=7)
    midnight = step.now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + timedelta(days=days)
    return (step.now if days == 0 else start), start + timedelta(days=1)


async def _outcome(actions: Actions, step: Step, action: Action, target: Target | None) -> Outcome:
    slots = dict(action.slots)
    if "." not in action.intent:
        return await actions.handle_intent(
            action.intent,
            slots,
            language=step.language,
            satellite=step.satellite,
            preferred_area=step.satellite.area_id,
            turn_token=step.turn.turn_token,
        )
    if isinstance(target, Entity) and action.intent == "todo.get_items":
        items = await actions.todo_items(target.id)
        return Outcome(True, data={"items": [item["summary"] for item in items]})
    if isinstance(target, Entity) and action.intent == "calendar.get_events":
        start, end = _period(step, slots.get("days"))
        events = await actions.calendar_events(target.id, start.isoformat(), end.isoformat())
        kept = [{key: event.get(key) for key in ("summary", "start")} for event in events]
        return Outcome(True, data={"events": kept})
    if isinstance(target, Entity) and action.intent == "weather.get_forecasts":
        kind = next(
            (k for bit, k in _FORECASTS.items() if target.supported_features & bit), "daily"
        )
        return Outcome(True, data={"forecast": await actions.weather_forecast(target.id, kind)})
    domain, _, service = action.intent.partition(".")
    members = target.members(step.house) if isinstance(target, Group) else [target]
    data = {slot: value for slot, value in slots.items() if slot not in _TARGET_SLOTS}
    fields = {key.removeprefix(FIELD): data.pop(key) for key in list(data) if key.startswith(FIELD)}
    if fields:
        data["variables"] = fields
    return await actions.call_service(
        domain,
        service,
        data,
        [member.id for member in members if member is not None],
        turn_token=step.turn.turn_token,
    )
