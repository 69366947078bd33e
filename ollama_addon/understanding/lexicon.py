"""The words of a language: one data file each, checked when it is read.

A phrase is found by its words. What it can stand for are its senses: a group of the file and
what the phrase means within it. "Open" is a verb, a particle and a state; which of them it is in
a sentence is for the readers to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import yaml

from ollama_addon.understanding.tokens import fold, plain, words as split


class LexiconError(ValueError):
    """A language file says something that cannot be."""


class Sense(NamedTuple):
    """What a phrase can stand for."""

    group: str
    """A group of the language file, such as `verbs`, `nouns` or `later.at`."""
    meaning: str = ""
    """What it means within the group, such as `off` or `cover.blind:pl`."""


Pattern = tuple[tuple[str, ...], ...]
"""The words of a phrase; in several parts where other words can stand between them."""

FLAT = (
    "articles fillers openers requests wishes subjects auxiliaries past be and or then but except "
    "only negations leave all both any everything other one pronouns same more_of_it in to by "
    "list_prepositions talk yes no never_mind undo corrections weak places house here outside "
    "one_unit half and_a_half point pairs before_object after_object except_after"
).split()
"""Groups that are a list of phrases."""
KEYED = (
    "questions verbs particles attributes directions amounts levels colors whites modes feelings "
    "states units durations numbers happens"
).split()
"""Groups that hold a list of phrases for each meaning."""
_OPPOSITES = (
    ("on", "off"),
    ("open", "close"),
    ("lock", "unlock"),
    ("brighter", "dimmer"),
    ("warmer", "cooler"),
    ("louder", "quieter"),
    ("up", "down"),
    ("mute", "unmute"),
    ("arm", "disarm"),
    ("pause", "resume"),
    ("next", "previous"),
)
OPPOSITE = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}
"""What undoes what. No phrase may mean both, and no two candidates may be both."""
_REQUIRED = (
    "articles fillers requests subjects and except negations leave all everything pronouns in to "
    "questions yes no never_mind weak verbs particles nouns directions amounts levels colors "
    "states places units later feelings talk"
).split()


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """The words of one language."""

    tag: str
    script: str
    """`spaces` or `characters`: whether words are written apart."""
    phrases: Mapping[tuple[str, ...], tuple[Sense, ...]]
    """Senses by the plain words of a phrase."""
    folded: Mapping[tuple[str, ...], tuple[Sense, ...]]
    """The same by its folded words, for who writes without accents."""
    gaps: Mapping[tuple[tuple[str, ...], tuple[str, ...]], str]
    """Verbs in two parts: what they mean."""
    longest: int
    """Words of the longest phrase."""
    suffixes: tuple[str, ...] = ()
    alternations: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    clitics: tuple[str, ...] = ()
    enclitics: tuple[str, ...] = ()
    negative_prefixes: tuple[str, ...] = ()
    """Beginnings that negate a verb: Czech "nezapínej"."""
    asked_past: Mapping[str, tuple[Pattern, ...]] = field(default_factory=dict)
    """Phrases of questions about the past by what they mean, in folded words."""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The phrases of each group, as `group` or `group.meaning`, in the order of the file."""

    def senses(self, words: tuple[str, ...]) -> tuple[Sense, ...]:
        """Return what a phrase of plain words can stand for."""
        found = self.phrases.get(words)
        if found is not None:
            return found
        return self.folded.get(tuple(fold(word) for word in words), ())

    def listed(self, group: str) -> tuple[str, ...]:
        """Return the phrases of a group."""
        return self.lists.get(group, ())


@lru_cache
def languages() -> tuple[str, ...]:
    """Return the tags of all languages that have a file, sorted."""
    folder = resources.files("ollama_addon.understanding") / "languages"
    return tuple(
        sorted(
            item.name.removesuffix(".yaml")
            for item in folder.iterdir()
            if item.name.endswith(".yaml")
        )
    )


def nearest(tag: str) -> str | None:
    """Return the tag of the file for a language tag such as `de-CH`, None when there is none."""
    known = languages()
    short = re.split("[-_]", tag)[0].lower()
    short = {"no": "nb", "nn": "nb"}.get(short, short)
    return short if short in known else None


@lru_cache
def lexicon(tag: str) -> Lexicon:
    """Return the words of a language that has a file. Raises LexiconError for a bad file."""
    folder = resources.files("ollama_addon.understanding") / "languages"
    text = (folder / f"{tag}.yaml").read_text("utf-8")
    # As text: YAML would make booleans of "on", "off", "no" and "y".
    return read(yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)))


def read(data: Mapping[str, Any]) -> Lexicon:
    """Make a lexicon of what a language file holds. Raises LexiconError."""
    tag = str(data.get("tag") or "?")
    _check(tag, data)
    phrases: dict[tuple[str, ...], dict[Sense, None]] = {}
    folded: dict[tuple[str, ...], dict[Sense, None]] = {}
    lists: dict[str, tuple[str, ...]] = {}
    characters = data.get("script", "spaces") == "characters"
    clitics = tuple(plain(each) for each in data.get("clitics") or ())
    for group, meaning, listed in _entries(data):
        name = f"{group}.{meaning}" if meaning else group
        lists[name] = lists.get(name, ()) + tuple(listed)
        for phrase in listed:
            key = split(phrase, characters=characters, clitics=clitics)
            if not key:
                raise LexiconError(f"{tag}: {name} has an empty phrase")
            sense = Sense(group, meaning)
            phrases.setdefault(key, {})[sense] = None
            folded.setdefault(tuple(fold(word) for word in key), {})[sense] = None
    gaps = {}
    for pattern, action in (data.get("gaps") or {}).items():
        first, mark, last = pattern.partition(" .. ")
        gaps[
            split(first, characters=characters, clitics=clitics),
            split(last, characters=characters, clitics=clitics) if mark else (),
        ] = str(action)
    return Lexicon(
        tag,
        str(data.get("script", "spaces")),
        {key: tuple(senses) for key, senses in phrases.items()},
        {key: tuple(senses) for key, senses in folded.items()},
        gaps,
        max(map(len, phrases)),
        tuple(sorted(data.get("suffixes") or (), key=len, reverse=True)),
        dict(data.get("alternations") or {}),
        tuple(data.get("links") or ()),
        clitics,
        tuple(data.get("enclitics") or ()),
        tuple(data.get("negative_prefixes") or ()),
        {
            str(meaning): tuple(
                tuple(
                    tuple(fold(w) for w in split(part, characters=characters, clitics=clitics))
                    for part in phrase.split(" .. ")
                )
                for phrase in listed
            )
            for meaning, listed in (data.get("asked_past") or {}).items()
        },
        lists,
    )


def _entries(data: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield group, meaning and phrases of everything that a file holds."""
    for group in FLAT:
        yield group, "", list(data.get(group) or ())
    for group in KEYED:
        for meaning, words in (data.get(group) or {}).items():
            yield group, str(meaning), list(words or ())
    for kind, forms in (data.get("nouns") or {}).items():
        for number, words in (forms or {}).items():
            yield "nouns", f"{kind}:{number}", list(words or ())
    for number, words in (data.get("timer") or {}).items():
        yield "timer", str(number), list(words or ())
    for part, words in (data.get("later") or {}).items():
        if isinstance(words, Mapping):
            for meaning, each in words.items():
                yield f"later.{part}", str(meaning), list(each or ())
        else:
            yield f"later.{part}", "", list(words or ())


def _check(tag: str, data: Mapping[str, Any]) -> None:
    """Raise LexiconError for a file that lacks a group or contradicts itself."""
    missing = [group for group in _REQUIRED if not data.get(group)]
    if missing:
        raise LexiconError(f"{tag}: these groups are missing: {', '.join(missing)}")
    unknown = set(data) - {
        *FLAT,
        *KEYED,
        *"tag script suffixes alternations links clitics enclitics negative_prefixes".split(),
        *"gaps nouns timer later asked_past without_it".split(),
    }
    if unknown:
        raise LexiconError(f"{tag}: these groups are unknown: {', '.join(sorted(unknown))}")
    for group in ("verbs", "particles", "directions", "feelings"):
        found: dict[str, str] = {}
        for meaning, words in (data.get(group) or {}).items():
            for phrase in words or ():
                other = found.setdefault(plain(phrase), str(meaning))
                if OPPOSITE.get(other) == meaning:
                    raise LexiconError(f"{tag}: '{phrase}' means both {other} and {meaning}")
    nouns = {
        plain(word)
        for forms in (data.get("nouns") or {}).values()
        for words in (forms or {}).values()
        for word in words or ()
    }
    for phrase in data.get("fillers") or ():
        if plain(phrase) in nouns:
            raise LexiconError(f"{tag}: '{phrase}' is a filler and a noun")
