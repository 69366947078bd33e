"""A sentence as spans: words and phrases, each with all that it can stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ollama_addon.understanding.lexicon import Sense
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.tokens import Token, tokenize

# What a span costs. The cheapest way through a sentence is taken, so that few long spans win over
# many short ones, names over other words, and anything over what is unknown.
_FULL_NAME = 0.9
_PLACE = 0.95
_KNOWN = 1.0
_WORD = 1.05
_COMPOUND = 1.2
_UNKNOWN = 2.0
_JOINED = 3
"""Words at most that may be one word of a name."""
_ENDING = 2
"""Letters of a verb that are left at least when a pronoun is cut off its end."""


@dataclass(frozen=True, slots=True)
class Span:
    """A word or phrase of a sentence."""

    tokens: tuple[Token, ...]
    senses: tuple[Sense, ...]
    number: float | None = None
    parts: tuple[str, ...] = ()
    """The parts of a compound, such as "Küchen" and "licht"."""
    exact: bool = True
    """Whether it is written just as what it was found as, inflection aside."""

    @property
    def text(self) -> str:
        """Its words as they were said."""
        joint = "" if len(self.tokens) > 1 and self.tokens[0].end == self.tokens[1].start else " "
        return joint.join(token.text for token in self.tokens)

    @property
    def before(self) -> str:
        """Punctuation marks in front of it."""
        return self.tokens[0].before

    @property
    def start(self) -> int:
        """Where it begins in the sentence."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Where it ends in the sentence."""
        return self.tokens[-1].end

    def has(self, *groups: str) -> bool:
        """Tell whether it can stand for something of one of these groups."""
        return any(sense.group in groups for sense in self.senses)

    def meanings(self, group: str) -> tuple[str, ...]:
        """Return what it means as a word of a group."""
        return tuple(sense.meaning for sense in self.senses if sense.group == group)

    @property
    def known(self) -> bool:
        """Whether it is anything at all."""
        return bool(self.senses or self.parts) or self.number is not None


def spans(text: str, index: HouseIndex) -> tuple[list[Span], str]:
    """Return the spans of a sentence, and the punctuation marks behind the last one."""
    lexicon = index.lexicon
    tokens, tail = tokenize(
        text, characters=lexicon.script == "characters", clitics=lexicon.clitics
    )
    count = len(tokens)
    best: list[tuple[float, Span | None]] = [(0.0, None)] * (count + 1)
    longest = max(lexicon.longest, index.longest)
    for start in range(count - 1, -1, -1):
        choice: tuple[float, Span | None] = (1e9, None)
        for end in range(start + 1, min(count, start + longest) + 1):
            if end > start + 1 and tokens[end - 1].before.strip(":"):
                break  # no phrase goes over a punctuation mark
            cost, span = _span(tokens[start:end], index)
            if span is not None and end > start + 1 and _is_whole(span):
                alone = (start == 0 or tokens[start].before) and (
                    end == count or tokens[end].before
                )
                span = span if alone else None
            if span is not None and end < count and _begins_as_order(span, index):
                span = _unless_order(span, tokens[end], index)
            if span is not None and cost + best[end][0] < choice[0] - 1e-9:
                choice = (cost + best[end][0], span)
        number = index.numbers.at(tokens, start)
        if number is not None and number[1] > 1:
            end = start + number[1]
            if _KNOWN + best[end][0] < choice[0] - 1e-9:
                span = _numbered(tokens[start:end], number[0], index)
                choice = (_KNOWN + best[end][0], span)
        best[start] = choice
    found: list[Span] = []
    at = 0
    while at < count:
        span = best[at][1]
        assert span is not None
        found.append(span)
        at += len(span.tokens)
    return found, tail


_WHOLE = frozenset({"yes", "no", "never_mind", "undo", "talk"})
"""Groups of whole sentences: within a longer one their phrases mean nothing of the kind."""


def _is_whole(span: Span) -> bool:
    return bool(span.senses) and all(sense.group in _WHOLE for sense in span.senses)


_CARRIED_OUT = frozenset({"script", "scene", "automation", "button", "input_button"})
"""Domains whose names say what they do."""


def _begins_as_order(span: Span, index: HouseIndex) -> bool:
    """Whether a name sounds like an order: a script that is called "Close the restaurant"."""
    named = span.meanings("name")
    if len(span.tokens) < 2 or not named:
        return False
    if any(name.partition(".")[0] not in _CARRIED_OUT for name in named):
        return False
    # A single character is no word of its own.
    first = 2 if index.lexicon.script == "characters" else 1
    begins = tuple(token.plain for token in span.tokens[:first])
    return any(sense.group in ("verbs", "weak") for sense in index.lexicon.senses(begins))


def _unless_order(span: Span, following: Token, index: HouseIndex) -> Span | None:
    """Return the span if nothing follows that its words would be an order about."""
    if following.before:
        return span
    after = {sense.group.partition(".")[0] for sense in index.lexicon.senses((following.plain,))}
    return span if after & {"and", "fillers", "then", "later", "but"} else None


def _numbered(tokens: Sequence[Token], number: float, index: HouseIndex) -> Span:
    return Span(tuple(tokens), index.named((f"{number:g}",)), number)


def _span(tokens: Sequence[Token], index: HouseIndex) -> tuple[float, Span | None]:
    """Return what tokens are as one span, and what that costs; None when they are none."""
    words = tuple(token.plain for token in tokens)
    senses = index.lexicon.senses(words)
    number = tokens[0].number if len(tokens) == 1 else None
    if number is None and len(tokens) == 1:
        number = index.numbers.value(words[0])
        if number is not None and words not in index.lexicon.phrases:
            senses = ()  # "pięć" is five, and no stove without its accents
    keys = tuple(
        f"{number:g}" if number is not None and len(tokens) == 1 else index.key(word)
        for word in words
    )
    house = _as_said(index.named(keys), words, index)
    if len(tokens) > 1 and not house:
        house = _with_numbers(tokens, index)
    cost = _KNOWN
    if house:
        cost = _FULL_NAME if any(sense.group == "name" for sense in house) else _PLACE
        if len(tokens) == 1 and senses:
            cost = min(cost, _KNOWN)
    found = (*senses, *house)
    if len(tokens) == 1 and found and index.is_word(words[0]) and _may_be_word(found):
        found = (*found, Sense("word", index.key(words[0])))
    if found or number is not None:
        return cost, Span(tuple(tokens), found, number)
    if len(tokens) > 1:
        joined = index.joined(tokens) if len(tokens) <= _JOINED else ()
        return (_FULL_NAME, Span(tuple(tokens), joined)) if joined else (0.0, None)
    word = words[0]
    if joined := index.joined(tokens):
        return _FULL_NAME, Span(tuple(tokens), joined)
    if index.is_word(word):
        return _WORD, Span(tuple(tokens), (Sense("word", index.key(word)),))
    if inflected := _inflected(word, index):
        return _WORD, Span(tuple(tokens), inflected)
    if negated := _with_prefix(word, index):
        return _KNOWN, Span(tuple(tokens), negated)
    if verb := _without_pronoun(word, index):
        return _KNOWN, Span(tuple(tokens), verb)
    if parts := index.parts(word):
        return _COMPOUND, Span(tuple(tokens), (), parts=parts)
    return _UNKNOWN, Span(tuple(tokens), ())


def _as_said(
    house: tuple[Sense, ...], words: tuple[str, ...], index: HouseIndex
) -> tuple[Sense, ...]:
    """Return the names that are meant by words as they are written.

    "Living room lights" are the lights of the living room, and not the "Living room light".
    """
    forms = {
        sense.meaning.partition(":")[2]
        for sense in index.lexicon.senses(words[-1:])
        if sense.group == "nouns"
    }
    if forms != {"pl"}:
        return house
    return tuple(
        sense
        for sense in house
        if sense.group != "name" or any(name.words == words for name in index.names[sense.meaning])
    )


_NEVER_WORDS = frozenset(
    "articles in to by and or pronouns negations except requests all both any everything "
    "questions particles subjects auxiliaries be one_unit weak units but then".split()
)
"""Groups whose words are not taken for a part of a name."""


def _may_be_word(senses: Sequence[Sense]) -> bool:
    return all(sense.group not in _NEVER_WORDS for sense in senses)


def _with_numbers(tokens: Sequence[Token], index: HouseIndex) -> tuple[Sense, ...]:
    """Return what has a whole name of these words when number words in it are digits."""
    keys: list[str] = []
    at = 0
    changed = False
    while at < len(tokens):
        number = index.numbers.at(tokens, at)
        if number is not None and at + number[1] <= len(tokens):
            keys.append(f"{number[0]:g}")
            at += number[1]
            changed = True
        else:
            keys.append(index.key(tokens[at].plain))
            at += 1
    return index.named(keys) if changed else ()


def _inflected(word: str, index: HouseIndex) -> tuple[Sense, ...]:
    """Return the senses of a noun or a place of the lexicon in another case or number."""
    if index.lexicon.script == "characters":
        return ()
    kinds = index.noun_keys.get(index.key(word), ())
    return tuple(Sense("nouns", f"{kind}:any") for kind in kinds)


def _with_prefix(word: str, index: HouseIndex) -> tuple[Sense, ...]:
    """Return the senses of a verb that is negated by its beginning: Czech "nezapínej"."""
    for prefix in index.lexicon.negative_prefixes:
        if word.startswith(prefix) and len(word) - len(prefix) > _ENDING:
            senses = index.lexicon.senses((word[len(prefix) :],))
            verbs = tuple(sense for sense in senses if sense.group in ("verbs", "weak", "past"))
            if verbs:
                return (Sense("negations"), *verbs)
    return ()


def _without_pronoun(word: str, index: HouseIndex) -> tuple[Sense, ...]:
    """Return the senses of a verb with a pronoun at its end: "apágalo"."""
    for pronoun in index.lexicon.enclitics:
        if word.endswith(pronoun) and len(word) - len(pronoun) > _ENDING:
            verb = word[: len(word) - len(pronoun)].rstrip("-")
            senses = index.lexicon.senses((verb,))
            verbs = tuple(sense for sense in senses if sense.group in ("verbs", "weak"))
            if verbs:
                return (*verbs, Sense("pronouns"))
    return ()
