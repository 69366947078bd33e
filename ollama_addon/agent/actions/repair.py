"""A proposed action made valid against the house, or refused with a reason.

Models mostly fail alike: they fill slots that were not asked for, write a name nearly right or
leave it out, or take the wrong verb for a domain. All of that can be mended without asking
again. What cannot be mended is refused in words that a person understands. Nothing here does
anything; it is a pure function of the proposal and the house.
"""

from __future__ import annotations

from typing import Any

from ollama_addon.agent.actions.repair_intents import intent_of, opened
from ollama_addon.agent.actions.repair_names import (
    HouseNames as HouseNames,
    Names,
)
from ollama_addon.agent.actions.repair_outcome import (
    Ambiguity,
    Change as Change,
    MendKind as MendKind,
    Refusal,
    Repaired as Repaired,
    Verdict as Verdict,
    named,
)
from ollama_addon.agent.actions.repair_targets import Targets
from ollama_addon.agent.actions.repair_values import Values, number, plain
from ollama_addon.home.model import Entity
from ollama_addon.understanding.verb_table import TARGETLESS
from ollama_addon.understanding.vocabulary import CLEAN_AREA, Action, Target, Verb, value_of

_ZERO_IS_OFF = {"HassFanSetSpeed": "percentage", "HassLightSet": "brightness"}


def repair(proposed: Action, names: Names, *, area_id: str | None = None) -> Repaired:
    """Return a proposal made valid for a house.

    `area_id` is where the speaker stands; it decides between things of one name.
    Never raises, never targets what is not exposed, and leaves a valid action as it is.
    """
    mender = _Mender(proposed, names, area_id)
    try:
        action, target = mender.mend()
    except Refusal as refusal:
        return Repaired(
            Verdict.REFUSED,
            target=refusal.target,
            changes=tuple(mender.changes),
            reason=refusal.reason,
            values=refusal.values,
        )
    except Ambiguity as several:
        return Repaired(
            Verdict.AMBIGUOUS,
            Action(several.intent, several.slots),
            changes=tuple(mender.changes),
            candidates=several.candidates,
        )
    same = action.intent == proposed.intent and dict(action.slots) == dict(proposed.slots)
    verdict = Verdict.AS_IT_WAS if same else Verdict.MENDED
    return Repaired(verdict, action, target, changes=tuple(mender.changes))


class _Mender:
    """One repair on its way."""

    def __init__(self, proposed: Action, names: Names, area_id: str | None) -> None:
        self._house = names.house
        self._proposed = proposed
        self.changes: list[Change] = []
        self._targets = Targets(names, area_id, self.changes)
        self._values = Values(names, self.changes)

    def mend(self) -> tuple[Action, Target | None]:
        said = str(self._proposed.intent)
        meant = intent_of(said)
        if meant is None:
            raise Refusal("unknown_action", name=said[:80])
        intent, opening = meant
        if intent != said:
            self.changes.append(Change("action", f"'{said}' was read as '{intent}'"))
        slots = {
            str(key): value
            for key, given in self._proposed.slots.items()
            if (value := plain(given)) is not None
        }
        targetless = next((verb for verb in TARGETLESS if verb.intent == intent), None)
        if targetless is not None:
            return Action(intent, _own_slots(targetless, slots)), None
        cleaned = self._targets.cleaned(slots) if intent == CLEAN_AREA else None
        target = self._targets.find(slots, intent)
        if opening is not None:
            way = opened(opening, target.domain)
            if way is None:
                raise Refusal("cannot", target)
            intent = way
        intent = self._switched(intent, slots, target)
        verb = self._values.verb(intent, slots, target)
        value = value_of(verb, target, self._house)
        if verb.value is not None and value is None:
            raise Refusal("cannot", target)
        if verb.intent == "script.turn_on":
            fields = self._values.fields(slots, target)
            return Action(verb.intent, {**named(target), **fields}), target
        values = cleaned or self._values.values(verb, value, slots, target)
        values |= self._values.further(verb, slots, target)
        slot = _ZERO_IS_OFF.get(verb.intent, "")
        possible = {each.intent for each in self._values.possible(target)}
        if values.get(slot) == 0 and "HassTurnOff" in possible:
            # It was said in words, or under another name than that of the slot.
            self.changes.append(Change("off", f"a {slot} of 0 is off"))
            return Action("HassTurnOff", named(target)), target
        return Action(verb.intent, {**named(target), **values}), target

    def _switched(self, intent: str, slots: dict[str, Any], target: Target) -> str:
        """Return on or off for a value that says no more than that; takes it from the slots."""
        possible = {verb.intent for verb in self._values.possible(target)}
        if intent == "HassSetPosition" and intent not in possible:
            position = number(slots.get("position"))
            if position in (0, 100) and isinstance(target, Entity):
                self.changes.append(Change("position", f"position {position:g} is open or closed"))
                slots.pop("position")
                return "HassTurnOn" if position else "HassTurnOff"
        slot = _ZERO_IS_OFF.get(intent)
        if slot and "HassTurnOff" in possible and number(slots.get(slot)) == 0:
            self.changes.append(Change("off", f"a {slot} of 0 is off"))
            slots.pop(slot)
            return "HassTurnOff"
        return intent


def _own_slots(verb: Verb, slots: dict[str, Any]) -> dict[str, Any]:
    """Return the slots of an intent about the satellite itself."""
    if verb.intent == "HassBroadcast":
        message = str(slots.get("message", "")).strip()
        if not message:
            raise Refusal("value")
        return {"message": message}
    kept: dict[str, Any] = {}
    for unit in ("hours", "minutes", "seconds"):
        for key in (unit, f"start_{unit}"):
            count = number(slots.get(key))
            if count is not None and count > 0 and count == int(count):
                kept[key] = int(count)
    if verb.intent in ("HassStartTimer", "HassIncreaseTimer", "HassDecreaseTimer") and not kept:
        raise Refusal("value")
    if isinstance(name := slots.get("name"), str) and "Timer" in verb.intent:
        kept["name"] = name
    return kept
