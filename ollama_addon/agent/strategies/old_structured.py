"""The structured strategy: one answer that the engine can only give in a possible form.

The answer is `{"do": ["turn on Kitchen light"]}` or `{"say": "…"}`; a capable model may also
`{"look": ["Kitchen"]}` once, to be shown states before it answers. The schema holds every
phrase that may stand in `do`, so that an action the house cannot do cannot be said. A phrase
costs a small model few tokens and reads like the language it was trained on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz, process

from ollama_addon.home.model import Entity
from ollama_addon.understanding.offers import Offer
from ollama_addon.understanding.vocabulary import (
    Action,
    Choice,
    Duration,
    Group,
    Number,
    Target,
    Text,
    Value,
    action,
)

WIDE = 48
"""Phrases that a capable model chooses from at most."""
NARROW = 6
"""The same for a tiny model."""
MARGIN = 1.0
"""A tiny model chooses only among offers that the words tell apart by less than this."""
POOR = 4.0
"""Offers below this score are not what the sentence is about."""
CLEAR = 5.5
"""An offer above this score is certainly a thing to do."""

_MAX_ACTIONS = 6
_MAX_LOOKS = 3
_TEXT = '[^"\\\\\\n]{1,80}'
_DURATION = re.compile(r"(\d+) (hours|minutes|seconds)")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the model may answer in one turn."""

    clauses: tuple[tuple[Offer, ...], ...]
    """For each part of the sentence what may be done about it; one part for a capable model."""
    may_say: bool
    exact: bool
    """Whether each clause asks for exactly one action."""
    free: tuple[str, ...] = ()
    """Said words that are no part of a name."""
    looks: tuple[str, ...] = ()
    """Places and kinds of things whose states may be asked to be shown before answering."""
    shown: tuple[Target, ...] = ()
    """What the sentence may be about, the likeliest first: whose states are shown with it."""

    @property
    def may_do(self) -> bool:
        """Whether there is anything to do."""
        return any(self.clauses)

    @property
    def wants_now(self) -> bool:
        """Whether the likeliest thing is an order that is carried out at once."""
        return any(
            not clause[0].verb.reads
            and not isinstance(clause[0].value, (Duration, Text))
            and not clause[0].verb.intent.startswith("script.")
            for clause in self.clauses
            if clause
        )

    @property
    def offers(self) -> list[Offer]:
        """All offers, each once, in order."""
        return _once(self.clauses)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema that the engine holds the answer to."""
        branches: list[dict[str, Any]] = []
        if self.may_do:
            branches.append(_object("do", self._do_schema()))
        if self.may_say or not self.may_do:
            branches.append(_object("say", {"type": "string"}))
        if self.looks:
            places = {"type": "array", "items": {"enum": list(self.looks)}, "maxItems": _MAX_LOOKS}
            branches.append(_object("look", {**places, "minItems": 1}))
        return branches[0] if len(branches) == 1 else {"anyOf": branches}

    def _do_schema(self) -> dict[str, Any]:
        clauses = [clause for clause in self.clauses if clause]
        if self.exact:
            items = [_items(clause, self.exact) for clause in clauses]
            return {
                "type": "array",
                "prefixItems": items,
                "minItems": len(items),
                "maxItems": len(items),
            }
        return {
            "type": "array",
            "items": _items(self.offers, self.exact),
            "minItems": 1,
            "maxItems": _MAX_ACTIONS,
        }


@dataclass(frozen=True, slots=True)
class Look:
    """A wish to see more of the house before answering."""

    places: tuple[str, ...]


def choose_wide(clauses: Sequence[Sequence[Offer]], looks: Sequence[str] = ()) -> Choices:
    """Return the choices of a capable model: all that the shortlist allows, or words."""
    merged = sorted(_once(clauses), key=lambda o: -o.score)[:WIDE]
    about = {offer.target for clause in clauses for offer in _seen(clause)}
    shown = dict.fromkeys(o.target for o in merged if o.target in about and o.target is not None)
    return Choices(
        (tuple(merged),), may_say=True, exact=False, looks=tuple(looks), shown=tuple(shown)
    )


def choose_narrow(clauses: Sequence[Sequence[Offer]]) -> Choices:
    """Return the choices of a tiny model: what the words leave open, and no more.

    A tiny model picks well among a few things that differ, and poorly among many. Where the
    words are clear it may not answer with talk, and where they mean nothing it may not act.
    """
    kept: list[tuple[Offer, ...]] = []
    clear = True
    for clause in clauses:
        possible = _meant([offer for offer in clause if _complete(offer)])
        if not possible:
            clear = False
            continue
        best = possible[0].score
        close = [offer for offer in possible if offer.score > best - MARGIN]
        kept.append(tuple(_either(close))[:NARROW])
        clear = clear and best >= CLEAR
    return Choices(tuple(kept), may_say=not (kept and clear), exact=True)


def read(answer: str, choices: Choices) -> list[tuple[Offer, Action]] | str | Look:
    """Return what an answer wants done, or its words, or what it wants to see.

    Reads what the schema allows, and what an engine without schemas may make of it: a phrase
    that is nearly one of the offered ones counts as that one. Raises ValueError for an answer
    that cannot be understood.
    """
    data = json.loads(answer)
    if not isinstance(data, dict):
        raise ValueError(f"not an object: {answer[:80]}")
    if isinstance(say := data.get("say"), str) and not data.get("do"):
        return say
    look = data.get("look")
    if isinstance(look, list) and (seen := tuple(p for p in choices.looks if p in look)):
        return Look(seen)
    phrases = data.get("do")
    if isinstance(phrases, str):
        phrases = [phrases]
    if not isinstance(phrases, list) or not phrases:
        raise ValueError(f"neither do nor say: {answer[:80]}")
    found = [match for phrase in phrases if (match := _match(str(phrase), choices.offers))]
    if not found:
        raise ValueError(f"none of the possible actions: {answer[:80]}")
    return list({item[1].intent + repr(item[1].slots): item for item in found}.values())


def phrases(offers: Sequence[Offer], *, said_only: bool) -> list[str]:
    """Return offers as they are shown to the model, values in place where they were said."""
    shown: list[str] = []
    for offer in offers:
        if offer.values and said_only:
            shown.extend(offer.phrase(_written(value)) for value in offer.values)
        else:
            shown.append(offer.phrase("…"))
    return list(dict.fromkeys(shown))


def _object(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key: value},
        "required": [key],
        "additionalProperties": False,
    }


def _items(offers: Sequence[Offer], exact: bool) -> dict[str, Any]:
    fixed: list[str] = []
    patterns: list[str] = []
    for offer in offers:
        if offer.value is None:
            fixed.append(offer.phrase())
        elif exact and offer.values:
            fixed.extend(offer.phrase(_written(value)) for value in offer.values)
        elif isinstance(offer.value, Choice):
            fixed.extend(offer.phrase(option) for option in offer.value.options)
        else:
            patterns.append(f"^{_pattern(offer)}$")
    items: list[dict[str, Any]] = [{"enum": list(dict.fromkeys(fixed))}] if fixed else []
    items += [{"type": "string", "pattern": pattern} for pattern in dict.fromkeys(patterns)]
    return items[0] if len(items) == 1 else {"anyOf": items}


def _pattern(offer: Offer) -> str:
    before, _, after = offer.phrase("\0").partition("\0")
    return _escape(before) + _value_pattern(offer.value) + _escape(after)


def _value_pattern(value: Value | None) -> str:
    if isinstance(value, Number):
        sign = "-?" if value.low < 0 else ""
        fraction = r"(\.[0-9])?" if value.step % 1 else ""
        return f"{sign}[0-9]{{1,{len(str(int(value.high)))}}}{fraction}"
    if isinstance(value, Duration):
        return "[0-9]{1,3} (hours|minutes|seconds)( [0-9]{1,3} (minutes|seconds)){0,2}"
    return _TEXT


def _escape(text: str) -> str:
    return re.sub(r"([\\^$.|?*+()\[\]{}/-])", r"\\\1", text)


def _once(clauses: Sequence[Sequence[Offer]]) -> list[Offer]:
    """Return all offers, each once, in order."""
    if len(clauses) == 1:
        return list(clauses[0])
    return list(dict.fromkeys(offer for clause in clauses for offer in clause))


def _meant(offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers that a sentence can be about.

    Who says neither enough of a name nor what to do means none.
    """
    meant = [offer for offer in _named(offers) if offer.name_score >= 0.25]
    if not meant or meant[0].score < POOR:
        return []
    return meant


def _seen(offers: Sequence[Offer]) -> Sequence[Offer]:
    """Leave out what need not be seen; who speaks of a group means what is in it."""
    best = max(offers, key=lambda offer: offer.name_score, default=None)
    return offers if best is None or isinstance(best.target, Group) else _named(offers)


def _named(offers: Sequence[Offer]) -> list[Offer]:
    """Leave out what is not meant by who says the whole name of one thing."""
    best = max((offer.name_score for offer in offers), default=0.0)
    return [offer for offer in offers if best < 0.95 or offer.name_score >= best - 0.3]


def _either(offers: Sequence[Offer]) -> list[Offer]:
    """Return offers without those for one and for all of a kind beside each other.

    The better of the two names decides: "the kitchen light" is one, "the kitchen lights" all.
    """
    best = offers[0].target
    if isinstance(best, Entity):
        return [offer for offer in offers if not isinstance(offer.target, Group)]
    if isinstance(best, Group):
        return [
            offer
            for offer in offers
            if not isinstance(offer.target, Entity) or offer.target.domain != best.domain
        ]
    return list(offers)


def _complete(offer: Offer) -> bool:
    """Whether a tiny model can be given an offer: what it needs was said."""
    return offer.value is None or bool(offer.values)


def _match(phrase: str, offers: Sequence[Offer]) -> tuple[Offer, Action] | None:
    for offer in offers:
        if offer.value is None:
            if phrase == offer.phrase():
                return offer, action(offer.verb, offer.target, {})
        elif found := re.fullmatch(_reading(offer), phrase):
            values = _read_value(offer.value, found[1])
            if values is not None:
                return offer, action(offer.verb, offer.target, values)
    fixed = {offer.phrase(): offer for offer in offers if offer.value is None}
    near = process.extractOne(phrase, list(fixed), scorer=fuzz.ratio, score_cutoff=85)
    if near:
        offer = fixed[near[0]]
        return offer, action(offer.verb, offer.target, {})
    return None


def _reading(offer: Offer) -> str:
    before, _, after = offer.phrase("\0").partition("\0")
    return f"{re.escape(before)}(.+){re.escape(after)}"


def _read_value(value: Value, text: str) -> dict[str, Any] | None:
    if isinstance(value, Number):
        try:
            number = float(text.rstrip(" %°"))
        except ValueError:
            return None
        number *= value.sign
        return {value.slot: int(number) if number.is_integer() else number}
    if isinstance(value, Duration):
        return {unit: int(count) for count, unit in _DURATION.findall(text)} or None
    return {value.slot: text.strip()}


def _written(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        return " ".join(f"{count} {unit}" for unit, count in value.items())
    return str(value)


class SayStream:
    """Takes an answer as it comes and gives the words of `say` as soon as they are there."""

    _OPENING = re.compile(r'^\s*\{\s*"say"\s*:\s*"')

    def __init__(self) -> None:
        self.raw = ""
        self._position: int | None = None
        self._done = False

    def feed(self, chunk: str) -> str:
        """Take a piece of the answer, return the new words in it."""
        self.raw += chunk
        if self._done:
            return ""
        if self._position is None:
            opening = self._OPENING.match(self.raw)
            if not opening:
                return ""
            self._position = opening.end()
        start = end = self._position
        while end < len(self.raw):
            if self.raw[end] == '"':
                self._done = True
                break
            if self.raw[end] == "\\":
                width = 6 if self.raw[end + 1 : end + 2] == "u" else 2
                if end + width > len(self.raw):
                    break
                # Half of a surrogate pair waits for the other half.
                if width == 6 and self.raw[end + 2 : end + 4].lower() in _HIGH_SURROGATES:
                    width = 12
                    if end + width > len(self.raw):
                        break
                end += width
            else:
                end += 1
        self._position = end
        try:
            return str(json.loads(f'"{self.raw[start:end]}"', strict=False))
        except ValueError:
            return ""


_HIGH_SURROGATES = {"d8", "d9", "da", "db"}
