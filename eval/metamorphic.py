"""Sentences that must not act, made of those that were done with certainty.

Every one is turned into a negated one, a question, a report, one for later, one in a place that
is not there and one with a device that is not there. The patterns of a language stand in
`metamorphic.yaml`, the words of its states and places in its lexicon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from eval.cases import Case
from eval.home import Home
from eval.house import Inventory, read_inventory
from ollama_addon.understanding.interpretation import Candidate, Interpretation
from ollama_addon.understanding.lexicon import Lexicon, lexicon, nearest
from ollama_addon.understanding.tokens import fold

_FILE = Path(__file__).with_name("metamorphic.yaml")
_STATE = {"open": "open", "close": "closed", "lock": "locked", "unlock": "unlocked", "off": "off"}
"""The state that a thing is in after a direction; any other one means that it is on."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A sentence that must not act, and the way in which it was turned."""

    way: str
    said: str


@cache
def _patterns() -> Mapping[str, Any]:
    patterns: Mapping[str, Any] = yaml.safe_load(_FILE.read_text("utf-8"))
    return patterns


@cache
def _inventory(path: Path) -> Inventory:
    return read_inventory(path)


def turned(case: Case, home: Home, interpretation: Interpretation) -> Iterator[Turned]:
    """Yield what a case of one sentence is turned into; nothing without a lexicon.

    What is kept for later already, and what goes over the end of a sentence, is not turned. Of
    several orders only what stands in front of all of them is sure to hold for each.
    """
    tag = nearest(case.language)
    patterns = _patterns().get(tag or "")
    if tag is None or patterns is None or case.kept is not None:
        return
    sentence = _bare(case.say[0], patterns.get("cut", ()))
    words = lexicon(tag)
    if re.search(r"[.!?。]\s*\S", sentence) or _has_word(sentence, words, "then"):
        return
    single = len(interpretation.clauses) == 1
    verb, _, rest = sentence.partition(" ")
    # "Couldn't you …" is a request as well: only the verb of an order is negated.
    if _has_word(sentence, words, "requests"):
        rest = ""
    slots = {"s": sentence, "v": verb, "r": rest}
    for way in ("negated", "question", "report", "later"):
        for pattern in patterns.get(way, ()):
            in_front = pattern.rstrip("?？ ").endswith("{s}")
            if (single or in_front) and (said := _filled(pattern, slots)):
                yield Turned(way, said)
    candidate = next(interpretation.candidates(), None)
    # What follows the name of a list or of a song may well be a part of the text.
    if not single or candidate is None or not candidate.entities or _takes_text(candidate):
        return
    inventory = _inventory(home.path)
    for place in _absent(patterns["places"], inventory):
        yield Turned("place", patterns["in_place"].format(s=sentence, place=place))
    name = candidate.entities[0].name
    state = words.listed(f"states.{_STATE.get(candidate.direction, 'on')}")
    for pattern in patterns.get("state_question", ()):
        if state:
            yield Turned("question", pattern.format(name=name, state=state[0]))
    for form in words.listed("past")[:3]:
        for pattern in patterns.get("past", ()):
            yield Turned("report", pattern.format(name=name, past=form))
    names = [each for entity in candidate.entities for each in (entity.name, *entity.aliases)]
    if named := _said_name(sentence, names):
        for thing in _absent(patterns["things"], inventory):
            yield Turned("thing", sentence.replace(named, thing))


def _takes_text(candidate: Candidate) -> bool:
    return any({"item", "search_query", "message"} & set(a.slots) for a in candidate.actions)


def _has_word(sentence: str, words: Lexicon, group: str) -> bool:
    """Whether a sentence has a phrase of a group."""
    if words.script == "characters":
        return any(phrase in sentence for phrase in words.listed(group))
    return any(
        re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", sentence, re.IGNORECASE)
        for phrase in words.listed(group)
    )


def _bare(sentence: str, cut: Sequence[str]) -> str:
    """Return a sentence without its end mark and without what cannot be turned with it."""
    bare = sentence.strip().rstrip(".!?。！？ ").lstrip("¿¡")
    for ending in cut:
        bare = bare.removesuffix(ending)
    first, _, rest = bare.partition(" ")
    return f"{first.lower()} {rest}" if rest and first[1:].islower() else bare


def _filled(pattern: str, slots: Mapping[str, str]) -> str:
    """Return a pattern with its slots filled; empty for one that needs a missing part."""
    if ("{r}" in pattern or "{v}" in pattern) and not slots["r"]:
        return ""
    return pattern.format(**slots)


def _absent(words: Sequence[str], inventory: Mapping[str, Any]) -> list[str]:
    """Return the words that no name in a house has in it, at most two."""
    parts = [*inventory["entities"], *inventory.get("areas", ()), *inventory.get("floors", ())]
    names = fold(" ".join(n for part in parts for n in (part["name"], *part.get("aliases", ()))))
    return [word for word in words if fold(word) not in names][:2]


def _said_name(sentence: str, names: Sequence[str]) -> str | None:
    """Return the part of a sentence that is a name, as it was said."""
    for name in sorted(names, key=len, reverse=True):
        if found := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sentence, re.IGNORECASE):
            return found.group()
    return None
