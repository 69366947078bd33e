"""Lengths of time: "five minutes", "an hour and a half"; and days of the week."""

from __future__ import annotations

from dataclasses import dataclass

from ollama_addon.understanding.draft import Draft

SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time, and where its words end."""

    seconds: float
    end: int


def length_at(draft: Draft, at: int) -> Length | None:
    """Return the length of time that begins at a span, with all its parts, else None."""
    found = _one_length(draft, at)
    if found is None:
        return None
    total, end = found.seconds, found.end
    while True:
        after = end
        if draft.has(after, "and_a_half") and draft.free(after):
            unit = unit_before(draft, end)
            return Length(total + unit / 2, after + 1)
        if draft.has(after, "and") and draft.free(after):
            after += 1
        more = _one_length(draft, after)
        if more is None or more.seconds >= total:
            return Length(total, end)
        total, end = total + more.seconds, more.end


def _one_length(draft: Draft, at: int) -> Length | None:
    """Return one number with its unit of time."""
    if not draft.free(at):
        return None
    span = draft.spans[at]
    for meaning in span.meanings("durations"):
        return Length(float(meaning), at + 1)
    number: float | None = None
    after = at + 1
    if span.number is not None and not (span.has("name") and not unit_at(draft, after)):
        number = span.number
        if draft.has(after, "and_a_half", "half") and unit_at(draft, after + 1):
            number, after = number + 0.5, after + 1
    elif span.has("and_a_half") and unit_at(draft, after):
        number = 1.5
    elif span.has("half"):
        number = 0.5
        if draft.has(after, "one_unit", "articles") and not unit_at(draft, after):
            after += 1
    elif span.has("one_unit"):
        number = 1.0
        if draft.has(after, "half") and unit_at(draft, after + 1):
            number, after = 0.5, after + 1
    unit = unit_at(draft, after)
    if number is None or not unit:
        return None
    return Length(number * unit, after + 1)


def unit_at(draft: Draft, at: int) -> float:
    """Return the seconds of the unit of time at a span, 0 when it is none."""
    if not draft.free(at):
        return 0.0
    return next((SECONDS[m] for m in draft.spans[at].meanings("units") if m in SECONDS), 0.0)


def unit_before(draft: Draft, end: int) -> float:
    """Return the seconds of the unit that ends before a place; an hour where there is none."""
    return unit_at(draft, end - 1) or 3600.0


def exactly_24(text: str) -> bool:
    """Tell whether an hour is written as on a clock of 24 hours: "06:30"."""
    return text.startswith("0")


def first_word(draft: Draft) -> int:
    """Return the first span that is no opener or filler."""
    at = 0
    while at < len(draft) and (
        not draft.free(at) or draft.has(at, "openers", "fillers", "and", "then")
    ):
        if draft.has(at, "later.when"):
            break
        at += 1
    return at


def weekdays_at(draft: Draft, at: int) -> tuple[int, ...]:
    """Return the days of the week that a span says."""
    if not draft.free(at):
        return ()
    span = draft.spans[at]
    if days := span.meanings("later.weekdays"):
        return (int(days[0]),)
    if span.has("later.workdays"):
        return (0, 1, 2, 3, 4)
    if span.has("later.weekend"):
        return (5, 6)
    return ()
