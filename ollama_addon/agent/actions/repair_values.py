"""The verb that an intent is for a target, and its values made valid."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rapidfuzz import fuzz, process

from ollama_addon.agent.actions.repair_names import Names
from ollama_addon.agent.actions.repair_outcome import Change, Refusal, slotless
from ollama_addon.home.model import Entity
from ollama_addon.understanding.tokens import fold
from ollama_addon.understanding.verb_table import VERBS, verbs_for, verbs_for_group
from ollama_addon.understanding.vocabulary import (
    FIELD,
    Choice,
    Number,
    Target,
    Text,
    Value,
    Verb,
    field_values,
    value_of,
)

_VALUE_SLOTS = defaultdict(
    frozenset,
    {"light": frozenset({"brightness", "color", "temperature"})},
)
_MOST = frozenset({"max", "maximum", "full", "highest", "100%"})
_LEAST = frozenset({"min", "minimum", "lowest"})
_BYTE = 255


class Values:
    """Makes the values of one proposal valid; `changes` takes what was mended."""

    def __init__(self, names: Names, changes: list[Change]) -> None:
        self._names = names
        self._house = names.house
        self._changes = changes

    def possible(self, target: Target) -> list[Verb]:
        """Return what can be done to a target."""
        if isinstance(target, Entity):
            return verbs_for(target)
        return verbs_for_group(target, target.members(self._house))

    def verb(self, intent: str, slots: dict[str, Any], target: Target) -> Verb:
        """Return the verb that the intent is for the target, another one where it must be."""
        possible = self.possible(target)
        same = [verb for verb in possible if verb.intent == intent]
        for verb in same:
            if verb.slots and all(slots.get(key) == value for key, value in verb.slots.items()):
                return verb
        valued = [verb for verb in same if (slot := self.slot(verb, target)) and slot in slots]
        if valued:
            return next((verb for verb in valued if self._agrees(verb, slots, target)), valued[0])
        if intent == "HassTurnOn" and (lit := self._other(possible, "HassLightSet", slots, target)):
            self._changes.append(Change("action", "turning on with a value is setting it"))
            return lit
        plain = [verb for verb in same if verb.value is None and not verb.slots]
        if plain:
            return plain[0]
        if same and set(slotless(slots)) & _VALUE_SLOTS[target.domain]:
            # A value that others of its kind take, as a color for a light that is only dimmed.
            raise Refusal("cannot", target)
        if same and all(verb.value is not None for verb in same):
            bare = slotless(slots)
            if len(same) == 1 and len(bare) == 1:
                return same[0]
            raise Refusal("value", target)
        for verb in possible:
            slot = self.slot(verb, target)
            if slot and slot in slots and slot != "value":
                self._changes.append(Change("action", f"'{intent}' was read as '{verb.intent}'"))
                return verb
        raise Refusal("cannot", target)

    def slot(self, verb: Verb, target: Target) -> str | None:
        """Return the slot of what a verb takes, None where it takes nothing."""
        value = value_of(verb, target, self._house)
        return value.slot if isinstance(value, (Number, Choice, Text)) else None

    def values(
        self, verb: Verb, value: Value | None, slots: dict[str, Any], target: Target
    ) -> dict[str, Any]:
        """Return the slots of a verb's value. Raises Refusal for one that is missing or wrong."""
        if value is None:
            kept = dict(verb.slots)
            if "step" in kept and isinstance(target, Entity):
                return self._stepped(target, float(kept["step"]))
            return kept
        assert isinstance(value, (Number, Choice, Text))
        bare = slotless(slots)
        given = slots.get(value.slot, next(iter(bare.values())) if len(bare) == 1 else None)
        if given is None:
            raise Refusal("value", target)
        if isinstance(value, Text):
            text = str(given).strip()
            if not text:
                raise Refusal("value", target)
            return {**verb.slots, value.slot: text}
        if isinstance(value, Choice):
            return {**verb.slots, value.slot: self._choice(value, given, target)}
        number = self._fitting(value, given, target)
        if value.slot == "step" and isinstance(target, Entity):
            return self._stepped(target, float(number))
        return {**verb.slots, value.slot: number}

    def further(self, verb: Verb, slots: dict[str, Any], target: Target) -> dict[str, Any]:
        """Return the other values that the same intent takes at once: a color with a brightness."""
        found: dict[str, Any] = {}
        if verb.intent != "HassLightSet":
            return found
        for other in self.possible(target):
            value = value_of(other, target, self._house)
            if other is verb or other.intent != verb.intent:
                continue
            if not isinstance(value, Number | Choice) or value.slot not in slots:
                continue
            if value.slot == self.slot(verb, target):
                continue
            try:
                found[value.slot] = (
                    self._choice(value, slots[value.slot], target)
                    if isinstance(value, Choice)
                    else self._fitting(value, slots[value.slot], target)
                )
            except Refusal:
                self._changes.append(Change("slot", f"'{value.slot}' was left out"))
        if "color" in slots and "temperature" in found:
            del found["temperature"]
        return found

    def fields(self, slots: dict[str, Any], target: Target) -> dict[str, Any]:
        """Return the fields of a script that were given, each made valid."""
        found: dict[str, Any] = {}
        possible = field_values(target) if isinstance(target, Entity) else {}
        for name, value in possible.items():
            given = slots.get(f"{FIELD}{name}")
            if given is None and len(possible) == 1 and len(bare := slotless(slots)) == 1:
                given = next(iter(bare.values()))
            if given is None:
                continue
            if isinstance(value, Choice):
                found[f"{FIELD}{name}"] = self._choice(value, given, target)
            elif isinstance(value, Number):
                found[f"{FIELD}{name}"] = self._fitting(value, given, target)
            else:
                found[f"{FIELD}{name}"] = str(given).strip()
        if not found:
            raise Refusal("value", target)
        return found

    def _other(
        self, possible: list[Verb], intent: str, slots: dict[str, Any], target: Target
    ) -> Verb | None:
        for verb in possible:
            if verb.intent == intent and self.slot(verb, target) in slots:
                return verb
        return None

    def _agrees(self, verb: Verb, slots: dict[str, Any], target: Target) -> bool:
        """Tell whether a change by a number goes the way of the verb, up or down."""
        value = value_of(verb, target, self._house)
        if not isinstance(value, Number):
            return True
        found = number(slots.get(value.slot))
        return found is None or found == 0 or (found < 0) == (value.sign < 0) or value.low < 0

    def _choice(self, value: Choice, given: Any, target: Target) -> str:
        said = fold(str(given)).replace(" ", "_")
        by_folded = {fold(option).replace(" ", "_"): option for option in value.options}
        if said in by_folded:
            return by_folded[said]
        if value.slot == "color" and (color := self._names.color(str(given))) in value.options:
            return str(color)
        near = process.extractOne(said, list(by_folded), scorer=fuzz.WRatio, score_cutoff=80)
        if near is None:
            raise Refusal("cannot", target)
        self._changes.append(Change("value", f"'{given}' was read as '{by_folded[near[0]]}'"))
        return by_folded[near[0]]

    def _fitting(self, value: Number, given: Any, target: Target) -> int | float:
        found = number(given)
        if found is None and isinstance(given, str):
            found = self._names.number(given)
        if found is None and isinstance(given, str) and value.high == 100:
            word = fold(given).strip()
            found = 100.0 if word in _MOST else value.low if word in _LEAST else None
        if found is None:
            raise Refusal("value", target)
        if value.sign < 0:
            found = abs(found)
        percentage = value.high == 100 and value.low in (0, 1)
        if percentage and 0 < found < 1:
            found = max(found * 100, 1.0)  # Nothing but a zero turns it off.
            self._changes.append(Change("value", "a fraction was read as a percentage"))
        elif percentage and value.slot == "brightness" and 100 < found <= _BYTE:
            found = round(found * 100 / _BYTE)
            self._changes.append(Change("value", "a brightness of 255 was read as a percentage"))
        if not value.low <= found <= value.high:
            found = self._converted(value, found, target)
        # Only what is off the entity's own steps is moved to the next of them.
        stepped = round(round(found / value.step) * value.step, 4)
        found = min(max(stepped, value.low), value.high) * value.sign
        return int(found) if float(found).is_integer() else found

    def _converted(self, value: Number, given: float, target: Target) -> float:
        """Return a temperature of the other scale, where only that fits."""
        if value.slot == "temperature" and value.high < 1000:
            fahrenheit = self._house.temperature_unit.endswith("F")
            other = given * 9 / 5 + 32 if fahrenheit else (given - 32) * 5 / 9
            # 60 is a mistake in a Celsius house, and 15.5 °C at the same time: ask, don't guess.
            if value.low <= other <= value.high and (fahrenheit or given >= 61):
                self._changes.append(Change("unit", f"{given:g}° was converted"))
                return other
        raise Refusal("range", target, low=f"{value.low:g}", high=f"{value.high:g}")

    def _stepped(self, target: Entity, step: float) -> dict[str, Any]:
        """Return a temperature a little above or below the one that is set."""
        state = self._house.states.get(target.id)
        now = number(state.attributes.get("temperature")) if state else None
        if now is None:
            raise Refusal("cannot", target)
        verb = next(
            verb for verb in VERBS if verb.phrase.endswith("degrees") and "climate" in verb.domains
        )
        value = value_of(verb, target, self._house)
        assert isinstance(value, Number)
        wanted = now + step
        if not value.low <= wanted <= value.high:
            raise Refusal("range", target, low=f"{value.low:g}", high=f"{value.high:g}")
        return {"temperature": int(wanted) if wanted.is_integer() else wanted}


def number(value: Any) -> float | None:
    """Return the number of a value: `40`, `"40%"`, `"21,5 °C"`; None for what is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        found = float(value)
    else:
        match = re.fullmatch(
            r"\s*(-?\d{1,12}(?:[.,]\d{1,12})?)\s*(?:%|°|percent|k|degrees)?\s*[cf]?\s*",
            str(value).lower(),
        )
        if not match:
            return None
        found = float(match[1].replace(",", "."))
    return found if abs(found) < 1e9 else None


def plain(value: Mapping[str, Any] | Any) -> Any:
    """Return a slot's value without the wrappings that models put around it; None for nothing."""
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    if isinstance(value, str):
        value = value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return value
