"""What could be done about a sentence: verbs for targets, the likeliest first.

The shortlist says what is meant, the words say what is wanted, the vocabulary says what is
possible. Their product is what the model may choose from.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ollama_addon.understanding.shortlist import Index, Shortlist
from ollama_addon.understanding.vocabulary import (
    TARGETLESS,
    Choice,
    Duration,
    Number,
    Target,
    Text,
    Value,
    Verb,
)
from ollama_addon.understanding.words import FILLERS, FRACTIONS, UNITS, Kind, Words, tokens

_NAME_WEIGHT = 4.0
_NAMED = 1.5
"""What it adds that the whole name was said."""
_UNHEARD = -1.5
_DURATION_UNITS = ("hours", "minutes", "seconds")
_ONE = frozenset("one a an eine einer ein une un uno una een".split())


@dataclass(frozen=True, slots=True)
class Offer:
    """A verb for a target, as the model may choose it."""

    verb: Verb
    target: Target | None
    label: str
    value: Value | None
    score: float
    """Name and words together: what orders the offers."""
    verb_score: float
    """How much the words alone speak for the verb."""
    name_score: float
    """How well the target's name fits, 0 to 1 and a little more."""
    values: tuple[Any, ...] = field(default=(), hash=False)
    """The values that were said, where any were."""

    def phrase(self, value: str = "") -> str:
        """Return the offer as the model reads and writes it."""
        return self.verb.phrase.format(target=self.label, value=value)


def offers(text: str, shortlist: Shortlist, index: Index, *, has_satellite: bool) -> list[Offer]:
    """Return everything that could be done about a sentence, the likeliest first."""
    words = index.words
    said = tokens(text)
    free = [word for word in said if word not in shortlist.named]
    heard = words.weigh(said)
    weights = dict(heard)
    for kind, alone in words.weigh(free).items():
        weights[kind] = max(alone, weights.get(kind, alone))
    spoken = _Spoken.of(text, said, free, words)
    colors = any(_says(free, word) for word in words.colors)
    asks = is_question(text, shortlist, words)
    verb_weights: dict[tuple[str, str, str], float | None] = {}
    found: list[Offer] = []
    for candidate in shortlist.candidates:
        domain = candidate.target.domain
        own = frozenset(tokens(candidate.label))
        for verb, value in index.possible(candidate.target):
            known = (verb.intent, verb.phrase, domain)
            if known not in verb_weights:
                verb_weights[known] = _heard(verb, domain, weights, said, asks)
            if (weight := verb_weights[known]) is None:
                continue
            if domain in _STARTED and candidate.score > 0.85:
                weight += 0.0 if verb.reads else 2.0
            values, bonus = _values(value, spoken, own)
            if colors and not (isinstance(value, Choice) and value.slot == "color"):
                bonus -= 4.0
            if isinstance(value, Text) and candidate.score < 0.4:
                bonus -= 2.0
            score = weight + bonus
            found.append(
                Offer(
                    verb,
                    candidate.target,
                    candidate.label,
                    value,
                    score + _name_weight(candidate.score),
                    score,
                    candidate.score,
                    values,
                )
            )
    odd = len(shortlist.unexplained)
    found.extend(_targetless(spoken, heard, odd, has_satellite=has_satellite))
    return sorted(found, key=lambda offer: (-offer.score, offer.verb.phrase, offer.label))


def is_question(text: str, shortlist: Shortlist, words: Words) -> bool:
    """Tell whether a sentence asks something, by its words or its mark."""
    return "?" in text or any(
        word in words.questions for word in tokens(text) if word not in shortlist.named
    )


def said_numbers(said: Sequence[str], words: Words) -> list[float]:
    """Return the numbers in a sentence, written in digits or in words, in order."""
    found: list[float] = []
    index = 0
    while index < len(said):
        if match := re.fullmatch(r"(\d+)(?:[.,](\d+))?\w{0,2}", said[index]):
            found.append(float(f"{match[1]}.{match[2] or 0}"))
        else:
            for length in (4, 3, 2, 1):
                if index + length > len(said):
                    continue
                phrase = " ".join(said[index : index + length])
                # "one" and "a" are words before they are numbers.
                if phrase in words.numbers and (words.numbers[phrase] > 1 or length > 1):
                    found.append(float(words.numbers[phrase]))
                    index += length - 1
                    break
        index += 1
    return found


def _name_weight(score: float) -> float:
    return _NAME_WEIGHT * score + (_NAMED if score >= 0.95 else 0.0)


def _heard(
    verb: Verb, domain: str, weights: dict[Kind, float], said: Sequence[str], asks: bool
) -> float | None:
    """Return how much a sentence speaks for a verb; None when it is not one for it."""
    if verb.intent == "HassGetState" and not asks:
        return None
    weight = _verb_weight(verb, domain, weights)
    if verb.intent in _LISTINGS and asks:
        weight = max(weight, weights.get(Kind("HassGetState", None), 0.0)) + 2.0
    return weight + _hint_weight(verb, said) if verb.hints else weight


def _verb_weight(verb: Verb, domain: str, weights: dict[Kind, float]) -> float:
    names = {verb.intent}
    if verb.intent == "climate.set_fan_mode":
        names.add("HassClimateSetFanMode")
    if verb.intent == "HassGetState":
        names.add(
            "HassClimateGetTemperature" if domain in ("climate", "sensor") else "HassGetState"
        )
    best = _UNHEARD
    for name in names:
        for kind_domain, discount in ((domain, 0.0), (None, 0.5)):
            weight = weights.get(Kind(name, kind_domain))
            if weight is not None:
                best = max(best, weight - discount)
        if name == "HassGetState":
            # Questions are asked alike in every domain.
            others = [w - 0.7 for kind, w in weights.items() if kind.intent == name]
            best = max([best, *others])
        if domain in _LIKE_SWITCHES and name in ("HassTurnOn", "HassTurnOff"):
            alike = [
                weights[Kind(name, other)] - 0.4
                for other in _LIKE_SWITCHES
                if Kind(name, other) in weights
            ]
            best = max([best, *alike])
    return best


_LIKE_SWITCHES = {
    "light",
    "switch",
    "fan",
    "media_player",
    "humidifier",
    "input_boolean",
    "siren",
    "climate",
    "remote",
    "water_heater",
}


_LISTINGS = {"todo.get_items", "calendar.get_events"}
"""What is read where a question is asked, for want of an intent."""
_TELLING = 3.0
"""Words that weigh less do not ask for the time."""
_STARTED = {"scene", "script", "button", "input_button"}
"""Domains where the name alone is an order."""


def _hint_weight(verb: Verb, said: Sequence[str]) -> float:
    return -3.0 if verb.hints.isdisjoint(said) else 3.5


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A sentence, as its values are read from it."""

    text: str
    said: Sequence[str]
    free: Sequence[str]
    """Words that name nothing."""
    words: Words
    numbers: Sequence[float]
    levels: Sequence[float]
    """Percentages said in words, such as "half"."""
    shares: bool
    choices: dict[tuple[str, tuple[str, ...]], tuple[str, ...]]
    """Options that were found in it, by the slot and all its options."""

    @classmethod
    def of(cls, text: str, said: Sequence[str], free: Sequence[str], words: Words) -> _Spoken:
        """Read it."""
        return cls(
            text,
            said,
            free,
            words,
            said_numbers(free, words),
            [level for word, level in words.levels.items() if _says(free, word)],
            any(word in FRACTIONS for word in free),
            {},
        )


def _values(
    value: Value | None, spoken: _Spoken, own: Collection[str]
) -> tuple[tuple[Any, ...], float]:
    """Return the values in a sentence that a verb could take, and what they speak for it.

    `own` are the words of the target's name.
    """
    numbers = spoken.numbers
    if value is None:
        return (), -2.0 if numbers or spoken.shares else 0.0
    if isinstance(value, Number):
        fitting = tuple(n for n in (*numbers, *spoken.levels) if value.low <= n <= value.high)
        if not fitting:
            # Out of range: it is offered all the same, to be refused with the range.
            return tuple(numbers), -1.0 if numbers and value.low < 1000 else -4.0
        # A Kelvin range takes numbers that nothing else does.
        if spoken.shares:
            return fitting, 2.5
        return fitting, 2.5 if value.low >= 1000 else 1.0
    if isinstance(value, Choice):
        key = (value.slot, value.options)
        if key not in spoken.choices:
            where = spoken.said if value.slot == "area" else spoken.free
            found = dict.fromkeys(said_choices(value, where, spoken.words))
            spoken.choices[key] = tuple(found)
        chosen = spoken.choices[key]
        if chosen and value.slot == "source":
            return chosen, 5.0
        return chosen, 3.0 if chosen else -4.0
    if isinstance(value, Duration):
        length = said_duration(tokens(spoken.text), spoken.words)
        return ((length,), 1.0) if length else ((), -3.0)
    item = said_text(spoken.text, own, spoken.words)
    return ((item,), 0.5) if item else ((), -1.0)


def said_duration(said: Sequence[str], words: Words) -> dict[str, int]:
    """Return the length of time in a sentence by unit, empty when there is none."""
    found: dict[str, int] = {}
    for index, word in enumerate(said):
        unit = UNITS.get(word)
        glued = re.fullmatch(r"(\d+)(\D+)", word)
        if glued and (unit := UNITS.get(glued[2])):
            found[unit] = int(glued[1])
        elif unit and index:
            for length in (3, 2, 1):
                if numbers := said_numbers(said[max(0, index - length) : index], words):
                    found.setdefault(unit, int(numbers[-1]))
                    break
                if said[index - 1] in _ONE:
                    found.setdefault(unit, 1)
    return {unit: found[unit] for unit in _DURATION_UNITS if unit in found}


def said_text(text: str, named: Collection[str], words: Words) -> str:
    """Return what is left of a sentence between its verb and its target: the item, the title.

    "put mow the lawn on the chores list" leaves "mow the lawn".
    """
    spoken = text.strip(" .!?").split()
    folded = [" ".join(tokens(word)) for word in spoken]

    def framing(word: str) -> bool:
        return word in named or word in FILLERS or words.knows(word)

    start, end = 0, len(spoken)
    while start < end and framing(folded[start]) and folded[start] not in named:
        start += 1
    while end > start and framing(folded[end - 1]):
        end -= 1
    return " ".join(spoken[start:end])


def said_choices(value: Choice, said: Sequence[str], words: Words) -> Iterator[str]:
    """Yield the options that a sentence names."""
    for option in value.options:
        if _says(said, " ".join(tokens(option.replace("_", " ")))):
            yield option
    if value.slot == "color":
        for word, color in words.colors.items():
            if color in value.options and _says(said, word):
                yield str(color)


def _says(said: Sequence[str], phrase: str) -> bool:
    return f" {phrase} " in f" {' '.join(said)} " if phrase else False


def _targetless(
    spoken: _Spoken, heard: dict[Kind, float], odd: int, *, has_satellite: bool
) -> Iterator[Offer]:
    for verb in TARGETLESS:
        if "timer" in verb.domains and not has_satellite:
            continue
        weight = heard.get(Kind(verb.intent, None), _UNHEARD)
        value: Value | None = None
        said_values: tuple[Any, ...] = ()
        bonus = 0.0
        if "{value}" in verb.phrase:
            value = Text("message") if verb.intent == "HassBroadcast" else Duration()
            said_values, bonus = _values(value, spoken, ())
        if verb.intent == "HassStartTimer":
            # Who names a length of time and no change to one starts a timer.
            bonus += 0.7
        score = weight + bonus - 1.5 * odd
        if "clock" in verb.domains and weight < _TELLING:
            bonus -= 3.0
        # A sentence without a target has to speak for itself.
        yield Offer(verb, None, "", value, score + 0.5 * _NAME_WEIGHT, score, 0.5, said_values)
