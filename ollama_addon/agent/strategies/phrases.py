"""Everything that can be done in a house, as phrases: written into a schema, and read back.

A phrase is a verb of the vocabulary with the name of a thing and, where it takes one, a value:
`set Floor lamp brightness to 40`. For each kind of thing a pattern holds its verbs and its
names, so that the schema grows with the sum of both and not with their product.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz, process

from ollama_addon.agent.strategies import when_forms
from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.agent.strategies.patterns import any_of, escaped, one_of, value_pattern
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import When
from ollama_addon.understanding.verb_table import TARGETLESS, VERBS, verbs_for, verbs_for_group
from ollama_addon.understanding.vocabulary import (
    Action,
    Duration,
    Number,
    Target,
    Text,
    Value,
    Verb,
    action,
    value_of,
)

_NEAR = 88
"""How alike a written name must be to that of a thing, of 100."""
_BOTH_WAYS = frozenset({"open", "close", "lock", "unlock"})
_SPOT = "\0"
_LENGTH = re.compile(r"(\d+) (hour|minute|second)s?")


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a model proposes to do."""

    action: Action
    phrase: str
    """As it was written."""
    when: When | None = None
    """When it is to be done, where that was written."""


class Phrases:
    """The phrases of one house. The same house has byte for byte the same schema."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.labels = Labels(house)
        self._schemas: dict[tuple[frozenset[str] | None, bool, bool], list[dict[str, Any]]] = {}

    def items(
        self,
        *,
        timed: bool,
        timers: bool,
        only: Collection[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the schemas of all phrases.

        `timed` lets a time stand behind a phrase; `timers` offers those of a satellite; `only`
        are the ids of the entities that may be named, None for all. Groups always may.
        """
        key = (None if only is None else frozenset(only), timed, timers)
        if key not in self._schemas:
            if len(self._schemas) >= 8:
                self._schemas.clear()
            patterns = [*self._patterns(timed, key[0]), *_targetless(timers)]
            self._schemas[key] = [{"type": "string", "pattern": f"^{each}$"} for each in patterns]
        return self._schemas[key]

    def _patterns(self, timed: bool, only: frozenset[str] | None) -> Iterator[str]:
        names: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        for target, verb, value in self._possible(only):
            before, _, after = verb.phrase.partition("{target}")
            later = timed and not verb.reads and not isinstance(value, Text)
            parts = _pattern(before, value), _pattern(after, value)
            names[(*parts, later)].append(escaped(self.labels[target]))
        # What can be done to the same things is one pattern: verbs, then names, then the rest.
        ways: dict[tuple[tuple[str, ...], bool], dict[str, list[str]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for (before, after, later), named in names.items():
            ways[tuple(dict.fromkeys(named)), later][before].append(after)
        for (labels, later), verbs in ways.items():
            alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
            for before, afters in verbs.items():
                alike[tuple(dict.fromkeys(afters))].append(before)
            for rests, befores in alike.items():
                time = f"( {when_forms.PATTERN})?" if later else ""
                yield one_of(befores) + one_of(labels) + any_of(rests) + time

    def _possible(self, only: frozenset[str] | None) -> Iterator[tuple[Target, Verb, Value | None]]:
        for entity in sorted(self.house.entities.values(), key=lambda each: each.id):
            if only is not None and entity.id not in only:
                continue
            for verb in verbs_for(entity):
                value = value_of(verb, entity, self.house)
                if verb.value is None or value is not None:
                    yield entity, verb, value
        for group, members in self.labels.members.items():
            for verb in verbs_for_group(group, members):
                able = next(member for member in members if verb.fits(member))
                value = value_of(verb, able, self.house)
                if not verb.reads and (verb.value is None or value is not None):
                    yield group, verb, value

    def read(self, phrase: str) -> Proposed | None:
        """Return what a phrase proposes, None where nothing in it is a verb of ours.

        A name that is nearly one of the house is that one; one that is not is left for repair,
        which says that there is no such thing.
        """
        written = " ".join(phrase.split())
        rest, when = when_forms.parted(written)
        best: tuple[float, Proposed] | None = None
        for text, time in ((rest, when), (written, None)) if when else ((written, None),):
            for verb, name, value in _readings(text):
                if time is not None and _takes_text(verb):
                    continue  # A time in what is written on a list belongs to the words.
                proposed, fit = self._proposed(verb, name, value)
                if proposed is not None and (best is None or fit > best[0]):
                    best = fit, Proposed(proposed, phrase, time)
        return best[1] if best else None

    def _proposed(self, verb: Verb, name: str, said: str) -> tuple[Action | None, float]:
        """Return the action of a verb with a name and a value, and how well that fits (to 1)."""
        if not name:
            values = _value(value_of(verb, None, self.house), said) if said else {}
            return (action(verb, None, values) if values is not None else None), 1.0
        found = self._target(name)
        if found is None:
            return Action(verb.intent, {**verb.slots, "name": name, **_guessed(said)}), 0.1
        target, fit = found
        able = (
            verbs_for(target)
            if isinstance(target, Entity)
            else verbs_for_group(target, target.members(self.house))
        )
        if verb not in able:
            slots = action(verb, target, {}).slots
            # What opens must not be taken for its opposite: a lock that is opened is unlocked.
            word = verb.phrase.partition(" ")[0]
            intent = word if word in _BOTH_WAYS else verb.intent
            return Action(intent, {**slots, **_guessed(said)}), fit - 0.5
        value = value_of(verb, target, self.house)
        values = _value(value, said) if value is not None else {}
        return (action(verb, target, values), fit) if values is not None else (None, 0.0)

    def _target(self, name: str) -> tuple[Target, float] | None:
        targets = self.labels.targets
        folded = name.casefold()
        for said in (folded, re.sub(r"^(?:the|my|our) ", "", folded)):
            if said in targets:
                return targets[said], 1.0
        near = process.extractOne(folded, list(targets), scorer=fuzz.ratio, score_cutoff=_NEAR)
        return (targets[near[0]], near[1] / 101) if near else None


def _pattern(part: str, value: Value | None) -> str:
    if "{value}" not in part or value is None:
        return escaped(part)
    before, _, after = part.partition("{value}")
    return escaped(before) + value_pattern(value) + escaped(after)


def _targetless(timers: bool) -> Iterator[str]:
    """Yield the patterns of what is about the satellite itself."""
    plain = []
    for verb in TARGETLESS:
        if "timer" in verb.domains and not timers:
            continue
        if "{value}" in verb.phrase:
            value: Value = Text("message") if verb.intent == "HassBroadcast" else Duration()
            yield _pattern(verb.phrase, value)
        else:
            plain.append(escaped(verb.phrase))
    yield one_of(plain)


@lru_cache(1)
def _forms() -> tuple[tuple[re.Pattern[str], Verb], ...]:
    """Return how each verb's phrase is read; those that say more come first."""
    forms = []
    for verb in (*VERBS, *TARGETLESS):
        text = verb.phrase.replace("{target}", _SPOT + "t").replace("{value}", _SPOT + "v")
        pattern = re.escape(text).replace(re.escape(_SPOT) + "t", "(?P<name>.+?)")
        pattern = pattern.replace(re.escape(_SPOT) + "v", "(?P<value>.+?)")
        forms.append((re.compile(pattern, re.IGNORECASE), verb))
    return tuple(sorted(forms, key=lambda form: -len(form[1].phrase)))


def _readings(phrase: str) -> Iterator[tuple[Verb, str, str]]:
    """Yield the verbs that a phrase may be of, with the name and the value in it."""
    for form, verb in _forms():
        if match := form.fullmatch(phrase):
            found = match.groupdict()
            yield verb, found.get("name") or "", found.get("value") or ""


def _takes_text(verb: Verb) -> bool:
    return verb.phrase.endswith(": {value}")


def _value(value: Value | None, said: str) -> dict[str, Any] | None:
    """Return the slots of a value that was written, None where it is none."""
    if isinstance(value, Number):
        match = re.search(r"-?\d+(?:[.,]\d+)?", said)
        if match is None:
            return None
        number = float(match[0].replace(",", ".")) * value.sign
        return {value.slot: int(number) if number.is_integer() else number}
    if isinstance(value, Duration):
        return {f"{unit}s": int(count) for count, unit in _LENGTH.findall(said)} or None
    return {value.slot: said.strip()} if value is not None else {}


def _guessed(said: str) -> dict[str, Any]:
    """Return a value whose slot only repair can tell."""
    return {"value": said.strip()} if said else {}
