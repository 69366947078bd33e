"""All calls of one answer: those for several things taken apart, what they leave out put in.

A model may put two rooms, two items or two values into one call, leave out the name of the one
thing that fits, or take the contrary verb of a clear order. What the person said tells what was
meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ollama_addon.agent.actions import directions
from ollama_addon.agent.actions.repair import repair
from ollama_addon.agent.actions.repair_intents import intent_of
from ollama_addon.agent.actions.repair_names import Names
from ollama_addon.agent.actions.repair_outcome import (
    TARGET_SLOTS,
    Change,
    Repaired,
    Verdict,
)
from ollama_addon.agent.actions.repair_targets import Targets
from ollama_addon.agent.actions.repair_values import Values, number
from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Interpretation,
    Mood,
    When,
)
from ollama_addon.understanding.tokens import fold
from ollama_addon.understanding.verb_table import TARGETLESS, verbs_for
from ollama_addon.understanding.vocabulary import Action, Group

_MOST = 24
"""Actions that come of one answer at most."""
_AND = re.compile(
    r"\s*(?:[,;/&+、，]|\b(?:and|und|et|y|e|en|och|og|i|a|oraz|as well as)\b|和|と)\s*",
    re.IGNORECASE,
)
_NAMED = 0.9
"""How much of a name has to be there for "x and y" to be one name."""
_SECONDS = {"hours": 3600, "minutes": 60, "seconds": 1}
_TARGETLESS = frozenset(verb.intent for verb in TARGETLESS)


@dataclass(frozen=True, slots=True)
class Repairs:
    """What came of all calls of one answer."""

    items: tuple[Repaired, ...] = ()
    commands: tuple[tuple[str, When], ...] = ()
    """Sentences that a timer was to say when it ends: to be kept for then."""


def repair_all(
    proposed: Sequence[Action],
    names: Names,
    interpretation: Interpretation | None = None,
    *,
    area_id: str | None = None,
) -> Repairs:
    """Return all proposals made valid for the house, each once. A pure function; never raises."""
    items: list[Repaired] = []
    commands: list[tuple[str, When]] = []
    for action in proposed[:_MOST]:
        if command := _command(action):
            commands.append(command)
            continue
        for part, changes in _parts(action, names, interpretation):
            item = repair(part, names, area_id=area_id)
            item = _added(item, changes)
            items.append(_turned(item, interpretation, names))
            items += _leftover(item, part, names)
    once = {repr((each.action, each.candidates, each.reason)): each for each in items}
    return Repairs(tuple(once.values())[:_MOST], tuple(commands))


def _added(item: Repaired, changes: Sequence[Change]) -> Repaired:
    if not changes:
        return item
    verdict = Verdict.MENDED if item.verdict is Verdict.AS_IT_WAS else item.verdict
    return replace(item, verdict=verdict, changes=(*changes, *item.changes))


def _command(action: Action) -> tuple[str, When] | None:
    """Return the sentence that a timer is to say when it ends, and when that is."""
    said = action.slots.get("conversation_command")
    if not isinstance(said, str) or not said.strip() or "timer" not in action.intent.lower():
        return None
    seconds = sum(
        _SECONDS[unit] * count
        for unit in _SECONDS
        if (count := number(action.slots.get(unit))) is not None and count > 0
    )
    return (said.strip(), When("", delay=float(seconds))) if seconds else None


def _parts(
    action: Action, names: Names, interpretation: Interpretation | None
) -> Iterator[tuple[Action, list[Change]]]:
    """Yield a call as calls for one thing or one kind each, with what was mended."""
    meant = intent_of(str(action.intent))
    intent = meant[0] if meant else str(action.intent)
    slots = {str(slot): _unwrapped(value) for slot, value in action.slots.items()}
    if intent in _TARGETLESS:
        yield Action(action.intent, slots), []
        return
    if interpretation is not None and (found := _meant(intent, slots, interpretation, names)):
        rest = {slot: value for slot, value in slots.items() if slot not in TARGET_SLOTS}
        change = Change("nameless", "what was said was taken as its target")
        for target in found:
            yield Action(action.intent, {**rest, **target}), [change]
        return
    split = _split(slots, names, interpretation)
    if split is None:
        yield Action(action.intent, slots), []
        return
    slot, values = split
    changes = [Change("several", f"'{slot}' holds {len(values)} things")] if len(values) > 1 else []
    for value in values:
        yield Action(action.intent, {**slots, slot: value}), changes


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Mapping) and "value" in value:
        return value["value"]
    if isinstance(value, list | tuple) and len(value) == 1:
        return value[0]
    return value


def _split(
    slots: Mapping[str, Any], names: Names, interpretation: Interpretation | None
) -> tuple[str, list[Any]] | None:
    """Return the slot that holds several things, and the things; None where none does."""
    for slot in ("name", "area", "floor", "item", "domain", "device_class"):
        value = slots.get(slot)
        if isinstance(value, list | tuple) and value:
            if slot in ("domain", "device_class") and slots.get("name"):
                return slot, [value[0]]
            return slot, [each for each in value if each not in (None, "")][:_MOST]
    for slot in ("name", "area", "floor"):
        value = slots.get(slot)
        if isinstance(value, str) and (parts := _joined(slot, value, names)):
            return slot, parts
    item = slots.get("item")
    if isinstance(item, str):
        said = _said_items(item, interpretation)
        parts = said or [each.strip() for each in re.split(r"[,;、，]", item) if each.strip()]
        if len(parts) > 1:
            return "item", parts
    return None


def _joined(slot: str, value: str, names: Names) -> list[str]:
    """Return the names or places in "Kitchen and Bedroom"; none where it is one name."""
    parts = [each for each in _AND.split(value) if each]
    if len(parts) < 2:
        return []
    targets = Targets(names, None, [])
    if slot == "name":
        if max(names.named(value).values(), default=0.0) >= _NAMED:
            return []
        found = [max(names.named(each).values(), default=0.0) >= _NAMED for each in parts]
    else:
        places = names.house.areas if slot == "area" else names.house.floors
        if targets.place(value, places):
            return []
        everywhere = {**names.house.areas, **names.house.floors}
        found = [targets.place(each, everywhere) is not None for each in parts]
    return parts if all(found) else []


def _said_items(item: str, interpretation: Interpretation | None) -> list[str]:
    """Return the items that were said, where a call has them all in one."""
    said = [
        str(action.slots["item"])
        for candidate in (interpretation.candidates() if interpretation else ())
        for action in candidate.actions
        if "item" in action.slots
    ]
    said = list(dict.fromkeys(said))
    written = fold(item)
    return said if len(said) > 1 and all(fold(each) in written for each in said) else []


def _acting(interpretation: Interpretation) -> list[Clause]:
    return [c for c in interpretation.clauses if c.mood in (Mood.ORDER, Mood.WISH)]


def _meant(
    intent: str, slots: Mapping[str, Any], interpretation: Interpretation, names: Names
) -> list[dict[str, Any]]:
    """Return the targets of what was said, where a call names less than that.

    That is a call without any target, or for a whole kind where only some of it was meant.
    """
    if slots.get("name") or slots.get("entity_id") or slots.get("area") or slots.get("floor"):
        return []
    domain = _unwrapped(slots.get("domain"))
    fitting: list[Candidate] = []
    for clause in _acting(interpretation):
        for candidate in clause.candidates:
            if candidate.whole_home or not candidate.entities:
                continue
            if domain and any(entity.domain != domain for entity in candidate.entities):
                continue
            if all(_can(entity, intent) for entity in candidate.entities):
                fitting.append(candidate)
                break
    same = [c for c in fitting if any(action.intent == intent for action in c.actions)]
    for chosen in (same, fitting):
        if len(chosen) == 1:
            return _targets(chosen[0], names)
    return []


def _targets(candidate: Candidate, names: Names) -> list[dict[str, Any]]:
    """Return the slots that name a candidate's targets: as its actions have them, if they do."""
    found = [
        {slot: action.slots[slot] for slot in TARGET_SLOTS if slot in action.slots}
        for action in candidate.actions
    ]
    found = [each for each in found if each]
    if found:
        return [dict(each) for each in {repr(each): each for each in found}.values()]
    return [{"name": entity.id} for entity in candidate.entities if entity.id in names.labels]


def _can(entity: Entity, intent: str) -> bool:
    return any(verb.intent == intent for verb in verbs_for(entity))


def _turned(item: Repaired, interpretation: Interpretation | None, names: Names) -> Repaired:
    """Return the action that was said, where a call does the contrary of a clear order."""
    if interpretation is None or item.action is None or not isinstance(item.target, Entity | Group):
        return item
    house = names.house
    target = item.target
    members = [target] if isinstance(target, Entity) else target.members(house)
    for clause in interpretation.clauses:
        if clause.mood is not Mood.ORDER or not clause.certain or clause.when is not None:
            continue
        best = clause.candidates[0]
        ways = {candidate.direction for candidate in clause.candidates}
        if len(ways) != 1 or set(best.entities) != set(members):
            continue
        done = directions.direction(item.action, members[0], house)
        if directions.contradicts(done, best.direction) and len(best.actions) == 1:
            turned = repair(best.actions[0], names)
            if turned.verdict in (Verdict.AS_IT_WAS, Verdict.MENDED):
                change = Change("opposite", f"'{item.action.intent}' was the contrary of the order")
                return _added(turned, [*item.changes, change])
    return item


def _leftover(item: Repaired, part: Action, names: Names) -> Iterator[Repaired]:
    """Yield actions for values of a call that its own action does not take."""
    if item.action is None or item.target is None or item.verdict is Verdict.REFUSED:
        return
    values = Values(names, [])
    taken = {*item.action.slots, *TARGET_SLOTS, "entity_id", "entity"}
    target = {slot: item.action.slots[slot] for slot in TARGET_SLOTS if slot in item.action.slots}
    for slot, given in part.slots.items():
        if slot in taken or given in (None, ""):
            continue
        for verb in values.possible(item.target):
            if verb.intent == item.action.intent or values.slot(verb, item.target) != slot:
                continue
            further = repair(Action(verb.intent, {**target, **verb.slots, slot: given}), names)
            if further.verdict in (Verdict.AS_IT_WAS, Verdict.MENDED):
                yield _added(further, [Change("several", f"'{slot}' is an action of its own")])
            break
