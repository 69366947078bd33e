"""Questions about the past: the figure that is wanted, its period, and what it is about.

The words that say the figure and the period are found first and left out; what remains is read
as any other question. So "how long has the printer been on today?" is read as "the printer on".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from ollama_addon.understanding.chart import spans as chart
from ollama_addon.understanding.clause_question import QuestionReader
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Clause, Mood, Role, Word
from ollama_addon.understanding.lexicon import Pattern
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.reading import Reading
from ollama_addon.understanding.tokens import Token, fold

_PAST = ("yesterday", "last_night", "this_morning", "week", "last_week", "hours", "days")
"""Periods that are over, or have begun long enough ago to be asked about."""
_OVER = ("yesterday", "last_week", "hours", "days")
"""Periods that nothing but the past can be meant by, whatever the tense."""
_PERIODS = (*_PAST, "today")
_HAPPENED = ("on", "off", "open", "closed", "locked", "unlocked")
_EXTREMES = ("max", "min", "mean")
_VALUED = (*_EXTREMES, "sum", "change")
"""Figures of a number that is measured."""
_NUMBERS = ("sensor", "number", "input_number", "counter")
"""Domains whose state is such a number."""
_OPENING = 3
"""Words at most before the one that asks, where no question mark is heard."""
_GAP = 8
"""Words at most between two parts of a phrase."""
_TENSE = ("was", "when_was")


@dataclass(frozen=True, slots=True)
class _Match:
    """A phrase that was found: what it means, and which tokens it takes."""

    meanings: frozenset[str]
    places: tuple[int, ...]
    number: float | None = None


def read_past(reading: Reading) -> Clause | None:
    """Return the clause of a question about the past, None for any other."""
    index = reading.index
    if not index.lexicon.asked_past:
        return None
    tokens = [token for span in reading.draft.spans for token in span.tokens]
    matches = _matches(tokens, _named(reading.draft), index)
    has = frozenset(meaning for match in matches for meaning in match.meanings)
    if "left" in has or not _can_ask(reading, matches):
        return None
    period = next((each for each in _PERIODS if each in has), "")
    figures = tuple(_figures(has, period, tensed=index.lexicon.script != "characters"))
    if not figures:
        return None
    taken = {at for match in matches for at in match.places}
    rest = _without(tokens, taken)
    attribute = "temperature" if has & {f"{each}_temperature" for each in _EXTREMES} else ""
    states = [each for each in _HAPPENED if each in has] if not attribute else []
    for figure in figures:
        clause = _about(reading, rest, figure, states, attribute)
        if clause is None or clause.question is None:
            continue
        doubts = clause.doubts
        if (figure == "who" or (figure == "last" and not clause.question.state)) or (
            figure in _VALUED and any(e.domain not in _NUMBERS for e in clause.question.entities)
        ):
            doubts = (*doubts, "no_figure")
        number = next((match.number for match in matches if match.number), None)
        detail = {"figure": figure, "period": period}
        return replace(
            clause,
            text=reading.draft.text,
            certain=not doubts,
            doubts=doubts,
            words=_with(clause.words, tokens, matches),
            question=replace(
                clause.question,
                kind="past",
                detail={**detail, "number": number} if number else detail,
            ),
        )
    return None


def _can_ask(reading: Reading, matches: Sequence[_Match]) -> bool:
    """Whether a clause is a question: by its mark, or by a word of asking that begins it."""
    if reading.piece.asks:
        return True
    if reading.index.lexicon.script == "characters":
        return any(span.has("questions") for span in reading.draft.spans) or any(
            match.meanings & {"when", "duration", "since", "count", "who"} for match in matches
        )
    asking = {"when", "when_was", "duration", "since", "count", "who"}
    if any(m.meanings & asking and m.places[0] < _OPENING for m in matches):
        first = reading.draft.spans[0]
        return not first.has("verbs", "weak") or first.has("questions")
    return bool(reading.draft.spans) and any(
        span.has("questions") and not span.has("verbs", "weak") for span in reading.draft.spans[:2]
    )


def _figures(has: Collection[str], period: str, *, tensed: bool) -> Iterator[str]:
    """Yield what may be wanted, the likeliest first."""
    told = any(each in has for each in _TENSE)
    over = period in _OVER or (period in _PAST and (told or not tensed))
    if "who" in has and any(each in has for each in _HAPPENED):
        yield "who"
    if "since" in has:
        yield "since"
    if "duration" in has:
        yield "duration" if period else "since"
    if "count" in has:
        yield "count"
    for each in _EXTREMES:
        if (each in has or f"{each}_temperature" in has) and (over or told):
            yield each
    if ("last" in has and "when" in has) or "when_was" in has:
        yield "last"
    if "sum" in has and period:
        yield "sum"
    if "change" in has and period:
        yield "change"
    if over or (period and told):
        yield "was"


def _about(
    reading: Reading, rest: str, figure: str, states: Sequence[str], attribute: str
) -> Clause | None:
    """Return what is left of a question, read as a question about the house.

    The first of the states is taken that what is named can have: "開いた" is said of a lock, too.
    """
    found: Clause | None = None
    valued = figure in _VALUED
    for state in ("",) if valued or not states else (*states,):
        spans, _ = chart(rest, reading.index)
        if not spans:
            return None
        draft = Draft(spans, reading.index)
        for at in range(len(draft)):
            named = at and spans[at].exact and draft.has(at, "name", "nouns", "area")
            if draft.has(at, "questions") and not named:
                draft.take(at, Role.QUESTION, spans[at].meanings("questions")[0])
            elif draft.has(at, "units") and valued and "degree" in spans[at].meanings("units"):
                draft.take(at, Role.UNIT, "degree")
                attribute = attribute or "temperature"
        if valued:
            _set_aside_states(draft)
        inner = replace(reading, draft=draft)
        clause = QuestionReader(inner).read(None, state, attribute)
        question = clause.question
        if clause.mood is not Mood.QUESTION or question is None:
            return None
        if not valued and not question.state and figure != "last":
            return None
        if question.entities and not clause.missing_thing:
            return clause
        found = found or clause
    return found


def _set_aside_states(draft: Draft) -> None:
    """Take what could be a state: a value is asked for."""
    for at in list(draft.all_free()):
        if draft.has(at, "levels", "amounts") and not draft.has(at, "name", "nouns", "area"):
            draft.take(at, Role.QUESTION)


def _named(draft: Draft) -> set[int]:
    """Return the places of the tokens that are a name of the house as it is written."""
    found: set[int] = set()
    at = 0
    for span in draft.spans:
        if span.exact and span.has("name", "area", "floor"):
            found.update(range(at, at + len(span.tokens)))
        at += len(span.tokens)
    return found


def _matches(tokens: Sequence[Token], named: set[int], index: HouseIndex) -> list[_Match]:
    """Return the phrases of a sentence that mean something of the past; none overlap.

    The longest come first. A single word is not taken out of a name.
    """
    words = [fold(token.plain) for token in tokens]
    found: dict[tuple[int, ...], tuple[set[str], float | None]] = {}
    for meaning, patterns in index.lexicon.asked_past.items():
        for pattern in patterns:
            for places, number in _places(pattern, words, tokens, index, meaning):
                if named.intersection(places) and (
                    len(places) == 1 or named.issuperset(places) or meaning in _HAPPENED
                ):
                    continue
                found.setdefault(places, (set(), number))[0].add(meaning)
    chosen: list[_Match] = []
    taken: set[int] = set()
    for places in sorted(found, key=lambda each: (-len(each), each)):
        if not taken.intersection(places):
            taken.update(places)
            meanings, number = found[places]
            chosen.append(_Match(frozenset(meanings), places, number))
    return chosen


def _places(
    pattern: Pattern,
    words: Sequence[str],
    tokens: Sequence[Token],
    index: HouseIndex,
    meaning: str,
) -> Iterator[tuple[tuple[int, ...], float | None]]:
    """Yield where a phrase stands, and the number between its parts."""
    first = pattern[0]
    for start in range(len(words) - len(first) + 1):
        end = start + len(first)
        if tuple(words[start:end]) != first:
            continue
        places = tuple(range(start, end))
        if len(pattern) == 1:
            yield places, 1.0 if meaning in ("hours", "days") else None
            continue
        if meaning in ("hours", "days"):
            number = index.numbers.at(tokens, end) if end < len(tokens) else None
            behind = end + number[1] if number else end
            if number and tuple(words[behind : behind + len(pattern[1])]) == pattern[1]:
                yield tuple(range(start, behind + len(pattern[1]))), number[0]
            continue
        for second in range(end, min(end + _GAP, len(words) - len(pattern[1]) + 1)):
            if tuple(words[second : second + len(pattern[1])]) == pattern[1]:
                yield (*places, *range(second, second + len(pattern[1]))), None
                break


def _without(tokens: Sequence[Token], taken: Collection[int]) -> str:
    """Return a sentence with blanks for some of its words, so that places stay the same."""
    letters = [" "] * max((token.end for token in tokens), default=0)
    for at, token in enumerate(tokens):
        if at not in taken:
            letters[token.start : token.end] = token.text
    return "".join(letters)


def _with(
    words: Sequence[Word], tokens: Sequence[Token], matches: Sequence[_Match]
) -> tuple[Word, ...]:
    """Return the words of a clause together with those that say figure and period."""
    more = [
        Word(
            tokens[at].text,
            tokens[at].start,
            Role.TIME if match.meanings & set(_PERIODS) else Role.QUESTION,
            min(match.meanings),
            used=True,
        )
        for match in matches
        for at in match.places
    ]
    return tuple(sorted((*words, *more), key=lambda word: word.start))
