"""When something is to be done: lengths of time, times of the day, days, repeats, conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast

from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Moment, Repeat, Role, Trigger, When
from ollama_addon.understanding.lengths import (
    SECONDS,
    exactly_24,
    first_word,
    length_at,
    unit_at,
    weekdays_at,
)

_PARTS = ("morning", "noon", "afternoon", "evening", "night", "midnight")


Part = Literal["", "morning", "noon", "afternoon", "evening", "night", "midnight"]


_DAYS = (
    *("later.weekdays", "later.day", "later.workdays", "later.weekend"),
    *(f"later.{part}" for part in _PARTS),
)


_ACTING = ("verbs", "particles")


_BY_VALUE = frozenset("up down brighter dimmer warmer cooler louder quieter set".split())
"""Actions beside which a bare number is a value and no time."""


_NOW = ("today",)


ReadTriggers = Callable[[Draft, int, int], tuple[Trigger, ...]]
"""Reads the spans from one place to another as what has to happen; empty when it cannot."""

_BEHIND = (("later.half_past", 0, 30), ("later.quarter_past", 0, 15), ("later.quarter_to", -1, 45))
"""What can stand behind an hour, with the hours and minutes that it adds."""


class TimeReader:
    """Takes the words of a clause that say when, and returns what they say."""

    def __init__(self, draft: Draft, triggers: ReadTriggers) -> None:
        self._draft = draft
        self._triggers = triggers
        self._taken: list[int] = []
        self._when = When("")
        self._moment = Moment()
        self._timed = False

    def read(self, *, timer: bool = False) -> When | None:
        """Return when it is to be done; None when nothing was said about that.

        With `timer` lengths of time are left alone: they belong to the timer.
        """
        draft = self._draft
        for clocks in (False, True):
            at = 0
            while at < len(draft):
                taken = not draft.free(at) or at in self._taken
                at = at + 1 if taken else max(at + 1, self._from(at, timer=timer, clocks=clocks))
        if not self._taken:
            return None
        when = self._when
        if self._timed:
            if when.every is not None:
                when = replace(when, every=replace(when.every, at=self._moment))
            else:
                when = replace(when, at=self._moment)
        words = " ".join(draft.spans[each].text for each in sorted(set(self._taken)))
        for each in self._taken:
            draft.take(each, Role.TIME, used=True)
        return replace(when, words=words)

    def _from(self, at: int, *, timer: bool, clocks: bool) -> int:
        """Read what begins at a span; return where the next may begin.

        Times of the day come last: only then it is known which numbers are left.
        """
        draft = self._draft
        span = draft.spans[at]
        if clocks:
            return self._clock(at)
        for read in (self._condition, self._every, self._until):
            if end := read(at):
                return end
        if not timer:
            if span.has("later.delay") and (length := length_at(draft, at + 1)):
                return self._take(at, length.end, delay=length.seconds)
            length = length_at(draft, at)
            if length is not None and draft.has(length.end, "later.delay") and self._postposed(at):
                return self._take(at, length.end + 1, delay=length.seconds)
            if span.has("later.length") and (length := length_at(draft, at + 1)):
                return self._take(at, length.end, length=length.seconds)
        if end := self._day(at):
            return end
        if span.has("later.vague") and not span.has("directions", "amounts"):
            return self._take(at, at + 1, understood=False)
        return 0

    def _postposed(self, at: int) -> bool:
        """Whether the language may say "ten minutes after": no word for "in" stands before."""
        return self._draft.index.lexicon.script == "characters" or not self._draft.has(
            at - 1, "later.delay"
        )

    def _take(self, start: int, end: int, **changes: object) -> int:
        self._taken.extend(range(start, end))
        self._when = replace(self._when, **changes)  # type: ignore[arg-type]
        return end

    def _set(self, start: int, end: int, **changes: object) -> int:
        self._taken.extend(range(start, end))
        self._moment = replace(self._moment, **changes)  # type: ignore[arg-type]
        self._timed = True
        return end

    # Conditions

    def _condition(self, at: int) -> int:
        """Read "when the door opens …": up to a comma, the order, or the end."""
        draft = self._draft
        if not draft.has(at, "later.when"):
            return 0
        if draft.has(at, "later.delay") and length_at(draft, at + 1):
            return 0
        if draft.has(at, "later.after_event", "later.before_event") and draft.has(
            at + 1, "later.sunset", "later.sunrise"
        ):
            return self._sun(at, at + 1)
        if draft.has(at + 1, "later.sunset", "later.sunrise"):
            return self._sun(at, at + 1)
        end = self._end_of_condition(at)
        triggers = self._triggers(draft, at + 1, end)
        whole = (*self._when.triggers, *triggers)
        return self._take(
            at, end, triggers=whole or (Trigger("unclear"),), understood=bool(triggers)
        )

    def _end_of_condition(self, at: int) -> int:
        draft = self._draft
        for end in range(at + 1, len(draft)):
            if end > at + 1 and "," in draft.spans[end].before.replace("、", ",").replace(
                "，", ","
            ):
                return end
            if draft.has(end, "then") and end > at + 1:
                return end
            if (
                at <= first_word(draft)
                and end > at + 2
                and draft.has(end, "verbs", "weak")
                and not draft.has(end, "states", "nouns", "name", "area", "past")
            ):
                return end
        return len(draft)

    # Repeats and ends

    def _every(self, at: int) -> int:
        draft = self._draft
        if draft.has(at, "later.workdays", "later.weekend") and not draft.has(at, "all"):
            return self._repeat(at, at + 1, weekdays_at(draft, at))
        if end := self._every_in_one(at):
            return end
        plural = draft.has(at, "all") and draft.has(at + 1, *_DAYS)
        if not draft.has(at, "later.every") and not plural:
            return 0
        after = at + 1
        length = length_at(draft, after)
        if length is not None:
            return self._take(at, length.end, every=Repeat(interval=length.seconds))
        if unit := unit_at(draft, after):
            if unit == SECONDS["day"]:
                return self._repeat(at, after + 1, ())
            return self._take(at, after + 1, every=Repeat(interval=unit))
        if draft.has(after, "later.day"):
            return self._repeat(at, after + 1, ())
        if days := weekdays_at(draft, after):
            return self._repeat(at, after + 1, days)
        for part in _PARTS:
            if draft.has(after, f"later.{part}"):
                self._moment = replace(self._moment, part=cast(Part, part))
                self._timed = True
                return self._repeat(at, after + 1, ())
        if draft.has(after, "later.tomorrow"):
            # "Jeden Morgen": the word for tomorrow is that for the morning.
            self._moment = replace(self._moment, part="morning")
            self._timed = True
            return self._repeat(at, after + 1, ())
        if draft.has(after, "later.sunset", "later.sunrise"):
            end = self._sun(at, after)
            return self._repeat(at, end, ())
        if not draft.has(at, "all"):
            return self._repeat(at, at + 1, ())
        return 0

    def _every_in_one(self, at: int) -> int:
        """Read a phrase that has "every" in it: "jeden Morgen", "tous les matins"."""
        span = self._draft.spans[at]
        if len(span.tokens) < 2 or not span.has(*_DAYS):
            return 0
        words = tuple(token.plain for token in span.tokens)
        lexicon = self._draft.index.lexicon
        begins = any(
            sense.group in ("later.every", "all")
            for size in range(1, len(words))
            for sense in lexicon.senses(words[:size])
        )
        if not begins:
            return 0
        part = next((each for each in _PARTS if span.has(f"later.{each}")), "")
        if part:
            self._moment = replace(self._moment, part=cast(Part, part))
            self._timed = True
        return self._repeat(at, at + 1, weekdays_at(self._draft, at))

    def _repeat(self, start: int, end: int, days: tuple[int, ...]) -> int:
        before = self._when.every.weekdays if self._when.every else ()
        while self._draft.has(end, "and") and (more := weekdays_at(self._draft, end + 1)):
            days = (*days, *more)
            end += 2
        return self._take(start, end, every=Repeat(tuple(sorted({*before, *days}))))

    def _until(self, at: int) -> int:
        draft = self._draft
        if not draft.has(at, "later.until"):
            return 0
        inner = TimeReader(draft, self._triggers)
        end = inner._day(at + 1) or inner._clock(at + 1, sure=True)
        if not end:
            return 0
        while more := (inner._day(end) or inner._clock(end)):
            end = more
        return self._take(at, end, until=inner._moment)

    # Days and times of the day

    def _day(self, at: int) -> int:
        draft = self._draft
        start = at
        while draft.has(at, "later.next", "in", "articles", "later.at") and draft.free(at):
            if not draft.free(at + 1):
                return 0
            at += 1
            if at - start > 2:
                return 0
        if not draft.free(at):
            return 0
        span = draft.spans[at]
        if span.has("later.tomorrow"):
            return self._set(start, at + 1, days=1)
        if span.has("later.overmorrow"):
            return self._set(start, at + 1, days=2)
        if span.has("later.weekdays") and (days := span.meanings("later.weekdays")):
            return self._set(start, at + 1, weekday=int(days[0]))
        if span.has("later.sunset", "later.sunrise"):
            return self._sun(start, at)
        if span.has("later.today"):
            return self._set(start, at + 1, days=0)
        for part in _PARTS:
            if span.has(f"later.{part}"):
                if span.has("nouns", "name", "area", "auxiliaries", "be", "in") and start == at:
                    return 0
                return self._set(start, at + 1, part=part)
        return 0

    def _sun(self, start: int, at: int) -> int:
        draft = self._draft
        name = "sunset" if draft.has(at, "later.sunset") else "sunrise"
        offset = 0.0
        if draft.has(start, "later.before_event", "later.after_event"):
            sign = -1.0 if draft.has(start, "later.before_event") else 1.0
            # "Half an hour before sunset".
            for begin in range(max(0, start - 4), start):
                length = length_at(draft, begin)
                if length is not None and length.end == start:
                    self._taken.extend(range(begin, start))
                    offset = sign * length.seconds
                    break
        return self._set(start, at + 1, sun=name, offset=offset)

    def _clock(self, at: int, *, sure: bool = False) -> int:
        """Read a time of the day: "at seven", "half past 6", "18:30", "7 pm", "halb acht"."""
        draft = self._draft
        start = at
        said_at = draft.has(at, "later.at") and draft.free(at)
        if said_at:
            at += 1
        if not draft.free(at):
            return 0
        minute, sign, told = 0, 1, sure
        span = draft.spans[at]
        for group, minutes, direction in (
            ("later.half_past", 30, 1),
            ("later.half_to", 30, -1),
            ("later.quarter_past", 15, 1),
            ("later.quarter_to", 15, -1),
        ):
            if span.has(group) and draft.free(at + 1) and draft.spans[at + 1].number is not None:
                minute, sign, told = minutes, direction, True
                at += 1
                break
        else:
            number = span.number
            if (
                number is not None
                and number < 60
                and draft.has(at + 1, "later.minutes_past", "later.minutes_to")
                and draft.free(at + 2)
                and draft.spans[at + 2].number is not None
            ):
                minute, told = int(number), True
                sign = 1 if draft.has(at + 1, "later.minutes_past") else -1
                at += 2
        hour, minutes_said, end, exactly = self._hour(at)
        if hour is None:
            return 0
        if minutes_said is not None:
            minute, told = minutes_said, True
        told = told or exactly
        part = next((p for p in _PARTS if draft.has(end, f"later.{p}") and draft.free(end)), "")
        if part:
            told, end = True, end + 1
        if not told and not (said_at and self._is_time(at, end)):
            return 0
        total = hour * 60 + sign * minute
        hour, minute = total // 60 % 24, total % 60
        half_day = (
            1 <= hour <= 12 and not part and not self._moment.part and not exactly_24(span.text)
        )
        changes: dict[str, object] = {"hour": hour, "minute": minute, "half_day": half_day}
        if part:
            changes["part"] = part
        return self._set(start, end, **changes)

    def _hour(self, at: int) -> tuple[int | None, int | None, int, bool]:
        """Return hour, minutes, where it ends, and whether it is certainly a time."""
        draft = self._draft
        if not draft.free(at):
            return None, None, at, False
        span = draft.spans[at]
        written = span.tokens[0].plain
        for mark in (":", ".", "h"):
            hours, found, minutes = written.partition(mark)
            if found and hours.isdigit() and len(minutes) == 2 and minutes.isdigit():
                if int(hours) > 24 or int(minutes) > 59:
                    return None, None, at, False
                sure = mark != "." or draft.has(at + 1, "later.clock")
                end = at + 2 if draft.has(at + 1, "later.clock") else at + 1
                if sure:
                    return int(hours), int(minutes), end, True
        number = span.number
        if number is None or number != int(number) or not 0 <= number <= 24:
            return None, None, at, False
        end = at + 1
        # "Las once y media", "alle undici meno un quarto", "onze heures et quart".
        clock = end + 1 if draft.has(end, "later.clock") and draft.free(end) else end
        for group, hours_on, minutes_on in _BEHIND:
            if draft.has(clock, group) and draft.free(clock):
                hour = int(number) + hours_on or (12 if hours_on else 0)
                return hour, minutes_on, clock + 1, True
        if draft.has(end, "later.clock") and draft.free(end):
            end += 1
            if draft.has(end, "half") and draft.free(end):
                return int(number), 30, end + 1, True
            if draft.free(end) and (more := draft.spans[end].number) is not None and more < 60:
                after = end + 1
                if unit_at(draft, after) == SECONDS["minute"]:
                    after += 1
                return int(number), int(more), after, True
            return int(number), None, end, True
        # "18h30": the unit of hours between two numbers.
        if unit_at(draft, end) == SECONDS["hour"] and draft.spans[end].text.lower() == "h":
            if draft.free(end + 1) and (more := draft.spans[end + 1].number) is not None:
                return int(number), int(more), end + 2, True
            return int(number), None, end + 1, True
        if draft.has(end, "units"):
            return None, None, at, False
        return int(number), None, end, False

    def _is_time(self, at: int, end: int) -> bool:
        """Tell a time from a value: "at seven" beside an action that takes no number."""
        draft = self._draft
        if draft.has(end, "units"):
            return False
        if draft.has(end, "nouns", "name") and not self._timed and self._when.every is None:
            return False
        actions = {
            meaning
            for each in draft.all_free()
            for group in _ACTING
            for meaning in draft.spans[each].meanings(group)
            if not draft.has(each, "weak") and each not in self._taken
        }
        if draft.has(at - 1, "by") and actions & _BY_VALUE:
            return False
        plain = actions - _BY_VALUE
        if plain:
            return True
        other = [
            each
            for each in draft.all_free()
            if not at <= each < end
            and each not in self._taken
            and draft.spans[each].number is not None
        ]
        return bool(other) or self._timed or self._when.every is not None
