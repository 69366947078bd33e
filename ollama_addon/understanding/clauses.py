"""A sentence taken apart where it really splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ollama_addon.understanding.chart import Span

_ENDS = frozenset(".!?;。！？；…\n")
_ASKS = frozenset("?？")
_THINGS = (
    "name",
    "area",
    "floor",
    "nouns",
    "word",
    "places",
    "pronouns",
    "everything",
    "timer",
    "one",
)
_VALUES = ("levels", "colors", "whites", "directions", "units", "durations")
_AMBIGUOUS = (
    "nouns",
    "name",
    "area",
    "states",
    "levels",
    "directions",
    "feelings",
    "past",
    "modes",
    "fillers",
)


@dataclass(slots=True)
class Piece:
    """A part of a sentence that is read as one clause."""

    spans: list[Span]
    asks: bool = False
    """Whether a question mark ends it."""
    begins: bool = True
    """Whether it begins a new sentence, so that nothing said before reaches into it."""
    but: bool = False
    """Whether "but" leads to it, which ends a negation."""


def split(spans: Sequence[Span], tail: str) -> list[Piece]:
    """Return the clauses of a sentence, in order. `tail` are the marks behind the last word."""
    found: list[Piece] = []
    for said, asks in _sentences(spans, tail):
        sentence = _corrected(said)
        parts = _parts(sentence)
        for number, part in enumerate(parts):
            part.asks = asks
            part.begins = number == 0
        found.extend(parts)
    return found


def _sentences(spans: Sequence[Span], tail: str) -> list[tuple[list[Span], bool]]:
    """Cut at full stops, question marks and "then"."""
    found: list[tuple[list[Span], bool]] = []
    current: list[Span] = []
    for span in spans:
        ends = bool(_ENDS & set(span.before))
        after = span.has("then") and span is not spans[-1] and _complete(current)
        if current and (ends or after):
            found.append((current, ends and bool(_ASKS & set(span.before))))
            current = []
        current.append(span)
    if current:
        found.append((current, bool(_ASKS & set(tail))))
    return found


_CORRECTED = 1
"""Words of a sentence at least before it can be corrected."""


def _corrected(spans: list[Span]) -> list[Span]:
    """Return a sentence with what was corrected in it left out.

    "Turn on the, I mean turn off the hall light" is an order to turn it off; "to 50, sorry, 60
    percent" is one to set 60.
    """
    for at in range(_CORRECTED, len(spans) - 1):
        span = spans[at]
        if not span.has("corrections") or span.has(
            "fillers", "articles", "negations", "and", "name", "verbs", "weak", "nouns", "but"
        ):
            continue
        before, after = spans[:at], spans[at + 1 :]
        if any(
            s.has("negations", "questions", "subjects")
            or (s.has("past") and not s.has("verbs", "weak"))
            or s.has("later.when")
            for s in before
        ):
            return spans
        theirs = _features(after)
        if theirs.verb and theirs.thing:
            timed = any(
                sense.group.startswith("later.")
                for s in before
                if not s.has("in", "to", "by", "particles")
                for sense in s.senses
            )
            return spans if timed or any(s.has("places") for s in before) else after
        if theirs.verb or theirs.thing:
            continue
        number = next(
            (s for s in reversed(before) if s.number is not None or s.has(*_VALUES)), None
        )
        if theirs.value and number is not None:
            end = before.index(number)
            while end and (before[end - 1].number is not None or before[end - 1].has(*_VALUES)):
                end -= 1  # "in five minutes, sorry, ten minutes"
            joined = replace(after[0].tokens[0], before="")
            first = replace(after[0], tokens=(joined, *after[0].tokens[1:]))
            return [*before[:end], first, *after[1:]]
    return spans


def _parts(spans: list[Span]) -> list[Piece]:
    """Cut a sentence at "and", commas and verbs, and put together again what belongs together."""
    text_end = _text_end(spans)
    rough: list[list[Span]] = []
    current: list[Span] = []
    for at, span in enumerate(spans):
        joint = span.has("and") and not span.has("name") and not span.has("verbs")
        comma = bool(set(span.before) & set(",，、:"))
        if (
            current
            and at >= text_end
            and (
                joint
                or comma
                or _second_order(current, spans, at)
                or (span.has("but") and not _excepts(current, spans, at))
            )
        ):
            rough.append(current)
            current = []
        current.append(span)
    if current:
        rough.append(current)
    pieces: list[Piece] = []
    for part in rough:
        piece = Piece(part, but=part[0].has("but") and not part[0].has("except"))
        if pieces and not piece.but and _belongs(pieces[-1], part):
            pieces[-1].spans.extend(part)
        else:
            pieces.append(piece)
    return pieces


def _excepts(current: Sequence[Span], spans: Sequence[Span], at: int) -> bool:
    """Whether "but" makes an exception: "everything off but the TV"."""
    everything = any(span.has("all", "everything", "both") for span in current)
    return everything and not any(
        span.has("verbs", "weak", "leave", "negations") and not span.has(*_AMBIGUOUS)
        for span in spans[at + 1 :]
    )


_ADDING = frozenset({"add", "remove", "complete"})


def _text_end(spans: Sequence[Span]) -> int:
    """Return the span up to which a sentence is text that must not be cut: items of a list."""
    adds = [at for at, span in enumerate(spans) if _ADDING & set(span.meanings("verbs"))]
    says = [at for at, span in enumerate(spans) if "announce" in span.meanings("verbs")]
    if says and not any(span.has("verbs", "weak") for span in spans[: says[0]]):
        return len(spans)
    lists = [
        at
        for at, span in enumerate(spans)
        if any(meaning.startswith("todo:") for meaning in span.meanings("nouns"))
        or any(meaning.startswith("todo.") for meaning in span.meanings("name"))
    ]
    if lists and lists[0] + 1 < len(spans) and ":" in spans[lists[0] + 1].before:
        return len(spans)  # "Shopping list: milk, eggs and bread"
    if not lists or not (adds or spans[-1] is spans[lists[-1]]):
        return 0
    if adds and lists[-1] < adds[0] and not any(at > lists[-1] for at in adds):
        return lists[-1] + 1
    return lists[-1] + 1 if not adds or adds[0] < lists[-1] else len(spans)


def _second_order(current: Sequence[Span], spans: Sequence[Span], at: int) -> bool:
    """Whether a new order begins with no word between: "… light turn off the …"."""
    span = spans[at]
    if not span.has("verbs") or span.has(*_AMBIGUOUS, "in", "to", "particles", "attributes"):
        return False
    if at + 1 >= len(spans) or (len(span.tokens) < 2 and not span.has("verbs")):
        return False
    begun = next(
        (s for s in current if not s.has("fillers", "openers", "requests", "articles")), None
    )
    if begun is None or not begun.has("verbs", "weak"):
        return False
    if begun.has("weak") and not begun.has("verbs") and not _complete(current):
        return False
    following = any(s.has(*_THINGS) or not s.known for s in spans[at + 1 :])
    return following and _complete(current)


def _complete(spans: Sequence[Span]) -> bool:
    """Whether spans say both what to do and to what."""
    thing = any(span.has(*_THINGS) or span.parts or not span.known for span in spans)
    said = any(span.has("verbs") and not span.has(*_AMBIGUOUS) for span in spans)
    particle = any(span.has("particles") for span in spans)
    value = any(span.has(*_VALUES) or span.number is not None for span in spans)
    return thing and (said or particle or value)


@dataclass(frozen=True, slots=True)
class _Features:
    verb: bool
    first_verb: bool
    thing: bool
    particle: bool
    value: bool
    other: bool


def _features(spans: Sequence[Span]) -> _Features:
    """Return what a part has. Words are not given roles here: this is about what they can be."""
    meaningful = [
        span
        for span in spans
        if not span.has("and", "fillers", "openers", "articles", "requests")
        or span.has("verbs", "weak")
        or (span is spans[-1] and span.has("particles"))
    ]
    verbal = [
        span
        for span in meaningful
        if span.has("verbs", "weak") and not span.has(*_AMBIGUOUS, "particles", "in", "to")
    ]
    first = meaningful[0] if meaningful else None
    first_verb = (
        first is not None
        and first.has("verbs", "weak")
        and not first.has(
            "nouns", "name", "area", "levels", "colors", "directions", "states", "modes"
        )
    )
    thing = any(span.has(*_THINGS) or span.parts or not span.known for span in meaningful)
    last = meaningful[-1] if meaningful else None
    particle = any(
        span.has("particles") and (span is last or not span.has("in", "to", "by"))
        for span in meaningful
    ) and not (first_verb and len(meaningful) == 1)
    value = any(
        span.has(*_VALUES) or (span.number is not None and not span.has("one_unit", "articles"))
        for span in meaningful
    )
    asks = bool(first and first.has("questions") and not first.has("articles", "in"))
    return _Features(bool(verbal) or first_verb, first_verb, thing, particle, value, asks)


def _belongs(before: Piece, part: list[Span]) -> bool:
    """Whether a part belongs to the clause before: a further thing, a further value."""
    mine, theirs = _features(part), _features(before.spans)
    if all(span.has("yes", "no", "never_mind", "corrections") for span in part):
        return False
    if _is_yes_or_no(before.spans):
        return False
    if before.spans[0].has("except") and not theirs.verb and not theirs.particle:
        return True  # "Except the floor lamp, turn off all lights"
    if any(span.has("later.when") for span in before.spans[:2]) and not theirs.verb:
        return not mine.verb and not _begins_order(part)
    if mine.first_verb or mine.other:
        # "The lamp in the hall and in the kitchen, turn it on": what has no verb waits for one.
        return False
    complete = theirs.verb and (not _only_weak(before.spans) or theirs.particle or theirs.value)
    if mine.verb:
        return not theirs.verb and not theirs.particle and not theirs.value
    if mine.thing and (mine.particle or mine.value):
        if _number_of_name(part, mine):
            return True
        if not theirs.verb and not theirs.particle and not theirs.value:
            return True
        return theirs.verb and not complete
    return True


def _number_of_name(part: Sequence[Span], mine: _Features) -> bool:
    """Whether the only value of a part is a number that belongs to a name: "… and room 4"."""
    if mine.particle or any(span.has(*_VALUES) for span in part):
        return False
    numbers = [at for at, span in enumerate(part) if span.number is not None]
    return all(
        at > 0 and part[at - 1].has("places", "nouns", "word", "area", "and") for at in numbers
    )


def _only_weak(spans: Sequence[Span]) -> bool:
    return not any(span.has("verbs") and not span.has(*_AMBIGUOUS) for span in spans) and any(
        span.has("weak") for span in spans
    )


def _begins_order(part: Sequence[Span]) -> bool:
    first = next(
        (s for s in part if not s.has("and", "fillers", "openers", "then", "articles")), None
    )
    return first is not None and first.has("verbs", "weak")


def _is_yes_or_no(spans: Sequence[Span]) -> bool:
    return all(span.has("yes", "no", "openers", "fillers", "corrections") for span in spans)
