"""A proposed action made valid against the house, or refused with a reason.

Small models mostly fail alike: they fill slots that were not asked for, write a name nearly
right, or take the wrong verb for a domain. All of that can be mended without asking again.
What cannot be mended is refused in words that a person understands. Nothing here does
anything; it is a pure function of the proposal and the house.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from rapidfuzz import fuzz, process

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.shortlist import Index
from ollama_addon.understanding.vocabulary import (
    CLEAN_AREA,
    FIELD,
    TARGETLESS,
    VERBS,
    Action,
    Choice,
    Group,
    Number,
    Target,
    Text,
    Value,
    Verb,
    field_values,
    value_of,
    verbs_for,
    verbs_for_group,
)
from ollama_addon.understanding.words import fold

_SURE = 0.72
"""How much of a name has to be there for it to be meant."""
_APART = 0.08
_TARGET_SLOTS = ("name", "area", "floor", "domain", "device_class")
_OPENED = frozenset({"cover", "valve"})

_INTENTS = {verb.intent for verb in (*VERBS, *TARGETLESS)}
_BY_FOLDED = {re.sub(r"[^a-z]", "", intent.lower()): intent for intent in _INTENTS}
_WORDINGS = {
    "turnon": "HassTurnOn",
    "switchon": "HassTurnOn",
    "on": "HassTurnOn",
    "activate": "HassTurnOn",
    "press": "HassTurnOn",
    "run": "HassTurnOn",
    "turnoff": "HassTurnOff",
    "switchoff": "HassTurnOff",
    "off": "HassTurnOff",
    "setbrightness": "HassLightSet",
    "setcolor": "HassLightSet",
    "lightset": "HassLightSet",
    "settemperature": "HassClimateSetTemperature",
    "setposition": "HassSetPosition",
    "setvolume": "HassSetVolume",
    "getstate": "HassGetState",
    "check": "HassGetState",
    "getlivecontext": "HassGetState",
}
# What opens or locks must not be taken for its opposite: a lock that is "opened" is unlocked.
_OPENING = {"open": "HassTurnOn", "close": "HassTurnOff"}
_LOCKING = {"lock": "HassTurnOn", "unlock": "HassTurnOff"}
_BOTH_WAYS = {
    **{
        f"{prefix}{word}{suffix}": (word, table[word])
        for table in (_OPENING, _LOCKING)
        for word in table
        for prefix in ("", "hass")
        for suffix in ("", "cover", "valve", "door", "lock")
    },
}


_VALUE_SLOTS = defaultdict(
    frozenset,
    {"light": frozenset({"brightness", "color", "temperature"})},
)


class Verdict(StrEnum):
    """What became of a proposal."""

    AS_IT_WAS = "as_it_was"
    MENDED = "mended"
    AMBIGUOUS = "ambiguous"
    REFUSED = "refused"


MendKind = Literal["action", "name", "place", "slot", "value", "unit"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was mended: what kind of thing, and a short sentence."""

    kind: MendKind
    sentence: str


@dataclass(frozen=True, slots=True)
class Repaired:
    """A proposal after repair. `action` is valid unless it was refused or is ambiguous."""

    verdict: Verdict
    action: Action | None = None
    target: Target | None = None
    changes: tuple[Change, ...] = ()
    """What was mended."""
    candidates: tuple[Entity, ...] = ()
    """What may be meant, when it is ambiguous."""
    reason: str = ""
    """Why it was refused: `not_found`, `cannot`, `range`, `value`, `unknown_action`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What a sentence about the reason needs, such as `low` and `high`."""


class _Refusal(Exception):  # noqa: N818 - an outcome, not an error
    def __init__(self, reason: str, target: Target | None = None, **values: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.target = target
        self.values = values


class _Ambiguity(Exception):  # noqa: N818
    def __init__(self, candidates: tuple[Entity, ...], intent: str, slots: dict[str, Any]) -> None:
        super().__init__("ambiguous")
        self.candidates = candidates
        self.intent = intent
        self.slots = slots


def repair(proposed: Action, index: Index, *, area_id: str | None = None) -> Repaired:
    """Return a proposal made valid for the house of an index.

    `area_id` is where the speaker stands; it decides between things of one name.
    Never raises, never targets what is not exposed, and leaves a valid action as it is.
    """
    mender = _Mender(proposed, index, area_id)
    try:
        action, target = mender.mend()
    except _Refusal as refusal:
        return Repaired(
            Verdict.REFUSED,
            target=refusal.target,
            changes=tuple(mender.changes),
            reason=refusal.reason,
            values=refusal.values,
        )
    except _Ambiguity as several:
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

    def __init__(self, proposed: Action, index: Index, area_id: str | None) -> None:
        self._index = index
        self._house: House = index.house
        self._area_id = area_id
        self._proposed = proposed
        self.changes: list[Change] = []

    def mend(self) -> tuple[Action, Target | None]:
        intent, opening = self._intent(str(self._proposed.intent))
        slots = {
            str(key): plain
            for key, value in self._proposed.slots.items()
            if (plain := _plain(value)) is not None
        }
        targetless = next((verb for verb in TARGETLESS if verb.intent == intent), None)
        if targetless is not None:
            return Action(intent, self._own_slots(targetless, slots)), None
        cleaned = self._cleaned(slots) if intent == CLEAN_AREA else None
        target = self._target(slots, intent)
        if opening is not None:
            intent = self._opened(opening, target)
        verb = self._verb(intent, slots, target)
        value = value_of(verb, target, self._house)
        if verb.value is not None and value is None:
            raise _Refusal("cannot", target)
        if verb.intent == "script.turn_on":
            return Action(verb.intent, {**_named(target), **self._fields(slots, target)}), target
        values = cleaned or self._values(verb, value, slots, target)
        values |= self._further(verb, slots, target)
        return Action(verb.intent, {**_named(target), **values}), target

    def _intent(self, said: str) -> tuple[str, str | None]:
        """Return the intent that is meant, and the word where it says open, close or lock."""
        if said in _INTENTS:
            return said, None
        tail = re.split(r"__|::|\.(?=Hass)", said)[-1]
        key = re.sub(r"[^a-z]", "", tail.rpartition(".")[2].lower())
        if key in _BOTH_WAYS:
            self.changes.append(Change("action", f"'{said}' was read as '{_BOTH_WAYS[key][1]}'"))
            return _BOTH_WAYS[key][1], _BOTH_WAYS[key][0]
        found = _BY_FOLDED.get(key) or _WORDINGS.get(key) or _BY_FOLDED.get("hass" + key)
        if found is None:
            near = process.extractOne(key, list(_BY_FOLDED), scorer=fuzz.ratio, score_cutoff=85)
            # On and off, lock and unlock are one letter apart from each other.
            if near and not {near[0], key} & {"hassturnon", "hassturnoff"}:
                found = _BY_FOLDED[near[0]]
        if found is None:
            raise _Refusal("unknown_action", name=said[:80])
        self.changes.append(Change("action", f"'{said}' was read as '{found}'"))
        return found, None

    def _opened(self, word: str, target: Target) -> str:
        """Return on or off for open, close, lock and unlock, by what the target is."""
        if target.domain == "lock":
            return {"open": "HassTurnOff", "close": "HassTurnOn", **_LOCKING}[word]
        if word in _LOCKING:
            raise _Refusal("cannot", target)
        return _OPENING[word]

    def _own_slots(self, verb: Verb, slots: dict[str, Any]) -> dict[str, Any]:
        """Return the slots of an intent about the satellite itself."""
        if verb.intent == "HassBroadcast":
            message = str(slots.get("message", "")).strip()
            if not message:
                raise _Refusal("value")
            return {"message": message}
        kept: dict[str, Any] = {}
        for unit in ("hours", "minutes", "seconds"):
            for key in (unit, f"start_{unit}"):
                number = _number(slots.get(key))
                if number is not None and number > 0 and number == int(number):
                    kept[key] = int(number)
        if verb.intent in ("HassStartTimer", "HassIncreaseTimer", "HassDecreaseTimer") and not kept:
            raise _Refusal("value")
        if isinstance(name := slots.get("name"), str) and "Timer" in verb.intent:
            kept["name"] = name
        return kept

    # Targets

    def _cleaned(self, slots: dict[str, Any]) -> dict[str, Any]:
        """Return the area to be cleaned, which is no target but a value; takes it from the slots.

        Where no vacuum is named and there is only one, that one is meant.
        """
        said = slots.pop("area", None) or slots.pop("floor", None)
        area = self._place(said, self._house.areas)
        if area is None:
            raise _Refusal("not_found")
        if not slots.get("name"):
            able = [
                entity.id
                for entity in self._house.entities.values()
                if any(verb.intent == CLEAN_AREA for verb in verbs_for(entity))
            ]
            if not able:
                raise _Refusal("not_found")
            slots["name"] = min(
                able, key=lambda each: (self._house.entities[each].area_id != area, each)
            )
        return {"area": area}

    def _target(self, slots: dict[str, Any], intent: str) -> Target:
        area = self._place(slots.get("area"), self._house.areas)
        floor = self._place(slots.get("floor"), self._house.floors)
        if area is None and (meant := self._place(slots.get("area"), self._house.floors)):
            floor = floor or meant
            self.changes.append(Change("place", "a floor was given as an area"))
        if floor is None and (meant := self._place(slots.get("floor"), self._house.areas)):
            area = area or meant
            self.changes.append(Change("place", "an area was given as a floor"))
        domains = {entity.domain for entity in self._house.entities.values()}
        domain = _folded(slots.get("domain"))
        device_class = _folded(slots.get("device_class"))
        if device_class in domains:
            domain, device_class = domain or device_class, ""
        if domain not in domains:
            device_class = device_class or domain
            domain = ""
        name = slots.get("name") or slots.get("entity_id") or slots.get("entity")
        if isinstance(name, (str, int, float)) and str(name).strip():
            return self._by_name(str(name), area, floor, domain, intent, slots)
        if not domain and device_class:
            domain = next(
                (
                    entity.domain
                    for entity in self._house.entities.values()
                    if entity.device_class == device_class
                ),
                "",
            )
        if not domain:
            fitting = {verb.domains for verb in VERBS if verb.intent == intent and verb.group}
            if len(fitting) == 1 and len(next(iter(fitting))) == 1 and (area or floor):
                domain = next(iter(next(iter(fitting))))
            else:
                raise _Refusal("not_found")
        group = Group(domain, area, None if area else floor, device_class or None)
        members = group.members(self._house)
        if not members and device_class:
            group = Group(domain, area, None if area else floor)
            members = group.members(self._house)
        if not members:
            raise _Refusal("not_found")
        return members[0] if len(members) == 1 else group

    def _by_name(
        self,
        name: str,
        area: str | None,
        floor: str | None,
        domain: str,
        intent: str,
        slots: dict[str, Any],
    ) -> Entity:
        entities = self._house.entities
        if name in entities:
            return entities[name]
        for entity_id, label in self._index.labels.items():
            if label == name:
                return entities[entity_id]
        plain = re.sub(r"[._]", " ", name)
        if plain != name:
            # A domain glued to the name, as in "light.kitchen light".
            head, _, rest = plain.partition(" ")
            if rest and any(entity.domain == head for entity in entities.values()):
                domain, plain = domain or head, rest
        found = self._index.named(plain)
        scored: dict[Entity, float] = {}
        for entity_id, share in found.items():
            entity = entities[entity_id]
            if share < _SURE:
                continue
            place = self._house.area_of(entity)
            fits = 0.0
            if area:
                fits += 0.3 if entity.area_id == area else -0.1
            if floor and place:
                fits += 0.2 if place.floor_id == floor else -0.1
            if domain:
                fits += 0.2 if entity.domain == domain else -0.1
            if not any(verb.intent == intent for verb in verbs_for(entity)):
                fits -= 0.15
            scored[entity] = share + fits
        if not scored:
            raise _Refusal("not_found", name=name)
        best = max(scored.values())
        alike = [entity for entity, score in scored.items() if score > best - _APART]
        if len(alike) > 1:
            here = [e for e in alike if e.area_id is not None and e.area_id == self._area_id]
            if len(here) != 1:
                values = {k: v for k, v in slots.items() if k not in _TARGET_SLOTS}
                alike.sort(key=lambda entity: entity.id)
                raise _Ambiguity(tuple(alike), intent, values)
            alike = here
        self.changes.append(Change("name", f"'{name}' was read as '{alike[0].name}'"))
        return alike[0]

    def _place(self, said: Any, places: Mapping[str, Any]) -> str | None:
        if not isinstance(said, (str, int, float)) or not str(said).strip():
            return None
        if str(said) in places:
            return str(said)
        names = {
            (key, fold(name)): key
            for key, place in places.items()
            for name in (place.name, *place.aliases)
        }
        wanted = re.sub(r"^(the|der|die|das|le|la|el|de|het) ", "", fold(str(said)).strip())
        best = process.extractOne(
            wanted, {key: key[1] for key in names}, scorer=fuzz.ratio, score_cutoff=82
        )
        return names[best[2]] if best else None

    # Verbs

    def _verb(self, intent: str, slots: dict[str, Any], target: Target) -> Verb:
        """Return the verb that the intent is for the target, another one where it must be."""
        possible = (
            verbs_for(target)
            if isinstance(target, Entity)
            else verbs_for_group(target, target.members(self._house))
        )
        same = [verb for verb in possible if verb.intent == intent]
        for verb in same:
            if verb.slots and all(slots.get(key) == value for key, value in verb.slots.items()):
                return verb
        valued = [verb for verb in same if (slot := self._slot(verb, target)) and slot in slots]
        if valued:
            return next((verb for verb in valued if self._agrees(verb, slots, target)), valued[0])
        if intent == "HassTurnOn" and (lit := self._other(possible, "HassLightSet", slots, target)):
            self.changes.append(Change("action", "turning on with a value is setting it"))
            return lit
        plain = [verb for verb in same if verb.value is None and not verb.slots]
        if plain:
            return plain[0]
        if same and set(_slotless(slots)) & _VALUE_SLOTS[target.domain]:
            # A value that others of its kind take, as a color for a light that is only dimmed.
            raise _Refusal("cannot", target)
        if same and all(verb.value is not None for verb in same):
            bare = _slotless(slots)
            if len(same) == 1 and len(bare) == 1:
                return same[0]
            raise _Refusal("value", target)
        for verb in possible:
            slot = self._slot(verb, target)
            if slot and slot in slots and slot != "value":
                self.changes.append(Change("action", f"'{intent}' was read as '{verb.intent}'"))
                return verb
        raise _Refusal("cannot", target)

    def _other(
        self, possible: list[Verb], intent: str, slots: dict[str, Any], target: Target
    ) -> Verb | None:
        for verb in possible:
            if verb.intent == intent and self._slot(verb, target) in slots:
                return verb
        return None

    def _agrees(self, verb: Verb, slots: dict[str, Any], target: Target) -> bool:
        """Tell whether a change by a number goes the way of the verb, up or down."""
        value = value_of(verb, target, self._house)
        if not isinstance(value, Number):
            return True
        number = _number(slots.get(value.slot))
        return number is None or number == 0 or (number < 0) == (value.sign < 0) or value.low < 0

    def _slot(self, verb: Verb, target: Target) -> str | None:
        value = value_of(verb, target, self._house)
        return value.slot if isinstance(value, (Number, Choice, Text)) else None

    # Values

    def _values(
        self, verb: Verb, value: Value | None, slots: dict[str, Any], target: Target
    ) -> dict[str, Any]:
        if value is None:
            kept = dict(verb.slots)
            if "step" in kept and isinstance(target, Entity):
                return self._stepped(target, float(kept["step"]))
            return kept
        assert isinstance(value, (Number, Choice, Text))
        bare = _slotless(slots)
        given = slots.get(value.slot, next(iter(bare.values())) if len(bare) == 1 else None)
        if given is None:
            raise _Refusal("value", target)
        if isinstance(value, Text):
            text = str(given).strip()
            if not text:
                raise _Refusal("value", target)
            return {**verb.slots, value.slot: text}
        if isinstance(value, Choice):
            return {**verb.slots, value.slot: self._choice(value, given, target)}
        number = self._fitting(value, given, target)
        if value.slot == "step" and isinstance(target, Entity):
            return self._stepped(target, float(number))
        return {**verb.slots, value.slot: number}

    def _further(self, verb: Verb, slots: dict[str, Any], target: Target) -> dict[str, Any]:
        """Return the other values that the same intent takes at once: a color with a brightness."""
        found: dict[str, Any] = {}
        if verb.intent != "HassLightSet":
            return found
        possible = (
            verbs_for(target)
            if isinstance(target, Entity)
            else verbs_for_group(target, target.members(self._house))
        )
        for other in possible:
            value = value_of(other, target, self._house)
            if other is verb or other.intent != verb.intent or not isinstance(value, Number):
                continue
            if value.slot in slots and value.slot != self._slot(verb, target):
                try:
                    found[value.slot] = self._fitting(value, slots[value.slot], target)
                except _Refusal:
                    self.changes.append(Change("slot", f"'{value.slot}' was left out"))
        if "color" in slots and "temperature" in found and self._slot(verb, target) == "color":
            del found["temperature"]
        return found

    def _fields(self, slots: dict[str, Any], target: Target) -> dict[str, Any]:
        """Return the fields of a script that were given, each made valid."""
        found: dict[str, Any] = {}
        possible = field_values(target) if isinstance(target, Entity) else {}
        for name, value in possible.items():
            given = slots.get(f"{FIELD}{name}")
            if given is None and len(possible) == 1 and len(bare := _slotless(slots)) == 1:
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
            raise _Refusal("value", target)
        return found

    def _choice(self, value: Choice, given: Any, target: Target) -> str:
        said = fold(str(given)).replace(" ", "_")
        by_folded = {fold(option): option for option in value.options}
        if said in by_folded:
            return by_folded[said]
        if value.slot == "color":
            translated = self._index.words.colors.get(fold(str(given)))
            if translated in value.options:
                return str(translated)
        near = process.extractOne(said, list(by_folded), scorer=fuzz.WRatio, score_cutoff=80)
        if near is None:
            raise _Refusal("cannot", target)
        self.changes.append(Change("value", f"'{given}' was read as '{by_folded[near[0]]}'"))
        return by_folded[near[0]]

    def _fitting(self, value: Number, given: Any, target: Target) -> int | float:
        number = _number(given)
        if number is None and isinstance(given, str):
            number = self._index.words.numbers.get(fold(given))
        if number is None:
            raise _Refusal("value", target)
        if value.sign < 0:
            number = abs(number)
        percentage = value.high == 100 and value.low in (0, 1)
        if percentage and 0 < number < 1:
            number *= 100
            self.changes.append(Change("value", "a fraction was read as a percentage"))
        if not value.low <= number <= value.high:
            number = self._converted(value, number, target)
        # Only what is off the entity's own steps is moved to the next of them.
        stepped = round(round(number / value.step) * value.step, 4)
        number = min(max(stepped, value.low), value.high) * value.sign
        return int(number) if float(number).is_integer() else number

    def _converted(self, value: Number, number: float, target: Target) -> float:
        """Return a temperature of the other scale, where only that fits."""
        if value.slot == "temperature" and value.high < 1000:
            fahrenheit = self._house.temperature_unit.endswith("F")
            other = number * 9 / 5 + 32 if fahrenheit else (number - 32) * 5 / 9
            # 60 is a mistake in a Celsius house, and 15.5 °C at the same time: ask, don't guess.
            if value.low <= other <= value.high and (fahrenheit or number >= 61):
                self.changes.append(Change("unit", f"{number:g}° was converted"))
                return other
        raise _Refusal("range", target, low=f"{value.low:g}", high=f"{value.high:g}")

    def _stepped(self, target: Entity, step: float) -> dict[str, Any]:
        """Return a temperature a little above or below the one that is set."""
        state = self._house.states.get(target.id)
        now = _number(state.attributes.get("temperature")) if state else None
        if now is None:
            raise _Refusal("cannot", target)
        verb = next(
            verb for verb in VERBS if verb.phrase.endswith("degrees") and "climate" in verb.domains
        )
        value = value_of(verb, target, self._house)
        assert isinstance(value, Number)
        wanted = now + step
        if not value.low <= wanted <= value.high:
            raise _Refusal("range", target, low=f"{value.low:g}", high=f"{value.high:g}")
        return {"temperature": int(wanted) if wanted.is_integer() else wanted}


def _named(target: Target) -> dict[str, Any]:
    if isinstance(target, Entity):
        return {"name": target.id}
    slots = {
        "domain": target.domain,
        "device_class": target.device_class,
        "area": target.area_id,
        "floor": target.floor_id,
    }
    return {slot: value for slot, value in slots.items() if value}


def _slotless(slots: Mapping[str, Any]) -> dict[str, Any]:
    """Return the slots that do not name the target."""
    return {
        key: value
        for key, value in slots.items()
        if key not in (*_TARGET_SLOTS, "entity_id", "entity")
    }


def _plain(value: Any) -> Any:
    """Return a slot's value without the wrappings that models put around it."""
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    if isinstance(value, str):
        value = value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return value


def _folded(value: Any) -> str:
    return fold(str(value)).replace(" ", "_") if value else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        number = float(value)
    else:
        match = re.fullmatch(
            r"\s*(-?\d+(?:[.,]\d+)?)\s*(?:%|°|percent|k|degrees)?\s*[cf]?\s*", str(value).lower()
        )
        if not match:
            return None
        number = float(match[1].replace(",", "."))
    return number if abs(number) < 1e9 else None
