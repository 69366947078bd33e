"""Points in time as they were said, made real ones: in the zone of the home, with its sun.

Pure: what was said, the present moment and the place of the home go in, times come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from astral import Observer
from astral.sun import sunrise, sunset

from ollama_addon.home.model import House
from ollama_addon.understanding.interpretation import Moment, When

FURTHEST = timedelta(days=366)
"""How far ahead something may be planned."""
DAY_BEGINS = 8
"""The hour meant by "tomorrow" or "on Friday" alone."""
PART_HOURS = {"morning": 8, "noon": 12, "afternoon": 15, "evening": 19, "night": 22, "midnight": 24}
"""The hour meant by a part of the day alone; 24 is the end of the day."""
PART_SPANS = {
    "morning": (5, 12),
    "noon": (11, 14),
    "afternoon": (12, 18),
    "evening": (18, 24),
    "night": (21, 6),
}
"""From which hour to which a part of the day lasts."""

Problem = Literal["past", "too_far", "unclear", "no_sun"]


class MomentError(Exception):
    """A point in time that cannot be planned for, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem: Problem = problem


@dataclass(frozen=True, slots=True)
class Place:
    """Where the home is: degrees, and meters above the sea."""

    zone: ZoneInfo
    latitude: float = 0.0
    longitude: float = 0.0
    elevation: float = 0.0

    @classmethod
    def of(cls, house: House) -> Place:
        """Return the place of a house; an unknown time zone counts as UTC."""
        try:
            zone = ZoneInfo(house.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
        return cls(zone, house.latitude, house.longitude, house.elevation)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when something shall be so."""

    start: datetime | None
    """None is now."""
    end: datetime | None
    """When the opposite is done; None is never."""


def after_the_sun(when: When) -> When:
    """Return a time in which a delay beside a sunset or sunrise is what it is: so long after it."""
    every = when.every
    moment = every.at if every is not None else when.at
    if not when.delay or moment is None or not moment.sun or moment.offset:
        return when
    later = replace(moment, offset=when.delay)
    if every is not None:
        return replace(when, delay=None, every=replace(every, at=later))
    return replace(when, delay=None, at=later)


def span(when: When, now: datetime, place: Place) -> Span:
    """Return the times of something that is done once. Raises MomentError.

    `now` has a time zone; what is returned has the home's. Lengths of time are real ones, also
    where the clock is changed meanwhile.
    """
    now = now.astimezone(place.zone)
    start: datetime | None = None
    if when.delay is not None and when.at is not None:
        days, rest = divmod(when.delay, 86_400)
        if rest or when.at.days is not None or when.at.weekday is not None:
            raise MomentError("unclear")
        start = next_time(when.at, now, place, days=int(days))
    elif when.delay is not None:
        start = _later(now, when.delay)
    elif when.at is not None:
        start = next_time(when.at, now, place)
    end: datetime | None = None
    if when.length is not None:
        end = _later(start or now, when.length)
    elif when.until is not None:
        end = next_time(when.until, start or now, place)
    for each in (start, end):
        if each is not None and each.timestamp() - now.timestamp() > FURTHEST.total_seconds():
            raise MomentError("too_far")
    return Span(start, end)


def next_time(moment: Moment, now: datetime, place: Place, *, days: int | None = None) -> datetime:
    """Return the next time that a moment means, later than `now`. Raises MomentError.

    `days` from today takes the place of the moment's own.
    """
    now = now.astimezone(place.zone)
    days = moment.days if days is None else days
    if moment == Moment() and days is None:
        raise MomentError("unclear")
    if days is not None and abs(days) > FURTHEST.days:
        raise MomentError("too_far" if days > 0 else "past")
    # By the clock of the world: that of the home shows some times twice.
    candidates = _candidates(moment, days, now, place)
    found = [each for each in candidates if each.timestamp() > now.timestamp()]
    if found:
        return min(found, key=datetime.timestamp)
    if moment.sun and days is None and moment.weekday is None:
        raise MomentError("no_sun")
    raise MomentError("past")


def hours(moment: Moment, *, another_day: bool) -> tuple[int, ...]:
    """Return the hours that a moment can mean; 24 and more are those of the night after.

    `another_day` tells that it is not simply the next such hour: then one of them is meant.
    """
    if moment.hour is None:
        return (PART_HOURS.get(moment.part, DAY_BEGINS),)
    if moment.hour > 12 or not (moment.half_day or moment.part):
        return (moment.hour,)
    base = moment.hour % 12
    match moment.part:
        case "morning":
            return (base,)
        case "noon":
            return (base if base > 9 else base + 12,)
        case "afternoon":
            return (base + 12,)
        case "evening":
            return (base + 12,) if base else _after_midnight(0, another_day)
        case "night" | "midnight":
            return (base + 12,) if base > 5 else _after_midnight(base, another_day)
    if not another_day:
        return (base, base + 12)
    # Nobody means three o'clock at night with "tomorrow at three".
    return (base + 12,) if base < 6 else (base,)


def _after_midnight(hour: int, another_day: bool) -> tuple[int, ...]:
    """Return an hour of a night: "Friday at two at night" is on Saturday."""
    return (hour + 24,) if another_day else (hour, hour + 24)


def _candidates(
    moment: Moment, days: int | None, now: datetime, place: Place
) -> Iterator[datetime]:
    if moment.sun:
        for day in _days(moment, days, now, reach=FURTHEST.days):
            if (event := sun_time(moment, day, place)) is not None:
                yield event
                if event.timestamp() > now.timestamp():
                    return
        return
    another_day = bool(days) or moment.weekday is not None
    for day in _days(moment, days, now, reach=2):
        for hour in hours(moment, another_day=another_day):
            yield from _at(day, hour, moment.minute, place.zone)


def _days(moment: Moment, days: int | None, now: datetime, reach: int) -> Iterator[date]:
    """Yield the days that a moment can be on."""
    today = now.date()
    if days is not None:
        yield today + timedelta(days=days)
    elif moment.weekday is not None:
        first = (moment.weekday - today.weekday()) % 7
        yield today + timedelta(days=first)
        yield today + timedelta(days=first + 7)
    else:
        # The day before still has its night.
        for ahead in range(-1, reach + 1):
            yield today + timedelta(days=ahead)


def _at(day: date, hour: int, minute: int, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the times that a clock shows this on a day: two where it is set back.

    A time that is left out when the clock is set forward is the one an hour later.
    """
    wall = datetime.combine(day + timedelta(days=hour // 24), time(hour % 24, minute))
    first = wall.replace(tzinfo=zone)
    yield _real(first)
    second = wall.replace(tzinfo=zone, fold=1)
    if second.utcoffset() != first.utcoffset() and _real(second).replace(tzinfo=None) == wall:
        yield second


def _real(moment: datetime) -> datetime:
    """Return a time as the clock shows it, which may have left it out."""
    return datetime.fromtimestamp(moment.timestamp(), moment.tzinfo)


def _later(moment: datetime, seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(moment.timestamp() + seconds, moment.tzinfo)
    except (OverflowError, ValueError, OSError):
        raise MomentError("too_far") from None


def sun_time(moment: Moment, day: date, place: Place) -> datetime | None:
    """Return when the sun rises or sets on a day, with the offset; None where it does not."""
    observer = Observer(place.latitude, place.longitude, max(0.0, place.elevation))
    event = sunrise if moment.sun == "sunrise" else sunset
    try:
        found = event(observer, day, tzinfo=place.zone)
    except ValueError:
        return None
    return _later(found, moment.offset)
