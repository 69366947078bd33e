"""Times as they were said, in the zone of a home."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from ollama_addon.home.model import House
from ollama_addon.scheduling.moments import (
    MomentError,
    Place,
    after_the_sun,
    next_time,
    span,
    sun_time,
)
from ollama_addon.understanding.interpretation import Moment, Repeat, When

BERLIN = Place(ZoneInfo("Europe/Berlin"), 52.52, 13.405)
NOON = "2026-11-25 12:00"
"""A Wednesday."""


def local(text: str, place: Place = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=place.zone)


def said(moment: Moment, now: str = NOON, place: Place = BERLIN) -> str:
    return f"{next_time(moment, local(now, place), place):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("moment", "now", "expected"),
    [
        # "at seven" is the next seven
        (Moment(7, half_day=True), NOON, "2026-11-25 19:00"),
        (Moment(7, half_day=True), "2026-11-25 06:59", "2026-11-25 07:00"),
        (Moment(7, half_day=True), "2026-11-25 19:00", "2026-11-26 07:00"),
        (Moment(12, half_day=True), "2026-11-25 11:00", "2026-11-25 12:00"),
        (Moment(12, half_day=True), "2026-11-25 13:00", "2026-11-26 00:00"),
        (Moment(7), NOON, "2026-11-26 07:00"),
        (Moment(19, 30), NOON, "2026-11-25 19:30"),
        (Moment(0), NOON, "2026-11-26 00:00"),
        # with a part of the day
        (Moment(7, half_day=True, part="morning"), NOON, "2026-11-26 07:00"),
        (Moment(7, half_day=True, part="evening"), "2026-11-25 06:00", "2026-11-25 19:00"),
        (Moment(12, half_day=True, part="noon"), "2026-11-25 01:00", "2026-11-25 12:00"),
        (Moment(1, half_day=True, part="noon"), NOON, "2026-11-25 13:00"),
        (Moment(3, half_day=True, part="afternoon"), "2026-11-25 01:00", "2026-11-25 15:00"),
        (Moment(2, half_day=True, part="night"), NOON, "2026-11-26 02:00"),
        (Moment(2, half_day=True, part="night", days=0), NOON, "2026-11-26 02:00"),
        (Moment(2, half_day=True, part="night", days=0), "2026-11-25 01:00", "2026-11-25 02:00"),
        (Moment(11, half_day=True, part="night"), NOON, "2026-11-25 23:00"),
        (Moment(12, half_day=True, part="evening"), NOON, "2026-11-26 00:00"),
        # "7:30 pm"
        (Moment(7, 30, part="evening"), NOON, "2026-11-25 19:30"),
        (Moment(19, 30, part="evening"), NOON, "2026-11-25 19:30"),
        # on another day
        (Moment(7, half_day=True, days=1), NOON, "2026-11-26 07:00"),
        (Moment(3, half_day=True, days=1), NOON, "2026-11-26 15:00"),
        (Moment(7, half_day=True, part="evening", days=1), NOON, "2026-11-26 19:00"),
        (Moment(days=1), NOON, "2026-11-26 08:00"),
        (Moment(days=1, part="evening"), NOON, "2026-11-26 19:00"),
        (Moment(part="evening"), "2026-11-25 20:00", "2026-11-26 19:00"),
        (Moment(part="midnight"), NOON, "2026-11-26 00:00"),
        (Moment(weekday=4), NOON, "2026-11-27 08:00"),
        (Moment(9, weekday=4), NOON, "2026-11-27 09:00"),
        # today when it is still to come, else in a week
        (Moment(14, weekday=2), NOON, "2026-11-25 14:00"),
        (Moment(9, weekday=2), NOON, "2026-12-02 09:00"),
        # what is after midnight is on the day before, as people say it
        (Moment(2, half_day=True, part="night", weekday=4), NOON, "2026-11-28 02:00"),
        # across a year and a leap day
        (Moment(9, days=40), NOON, "2027-01-04 09:00"),
        (Moment(9, days=1), "2028-02-28 12:00", "2028-02-29 09:00"),
    ],
)
def test_the_next_time(moment: Moment, now: str, expected: str) -> None:
    assert said(moment, now) == expected


@pytest.mark.parametrize(
    ("moment", "problem"),
    [
        (Moment(9, days=0), "past"),
        (Moment(9, days=-1), "past"),
        (Moment(9, days=400), "too_far"),
        (Moment(), "unclear"),
    ],
)
def test_times_that_cannot_be_planned(moment: Moment, problem: str) -> None:
    with pytest.raises(MomentError) as caught:
        next_time(moment, local(NOON), BERLIN)
    assert caught.value.problem == problem


def test_summer_time_begins() -> None:
    # 02:30 is left out on the 29th of March 2026.
    assert said(Moment(2, 30, days=1), "2026-03-28 12:00") == "2026-03-29 03:30"
    assert said(Moment(7, days=1), "2026-03-28 12:00") == "2026-03-29 07:00"
    real = next_time(Moment(7, days=1), local("2026-03-28 12:00"), BERLIN)
    assert real.astimezone(UTC).hour == 5


def test_summer_time_ends() -> None:
    # 02:30 comes twice on the 25th of October 2026.
    first = next_time(Moment(2, 30), local("2026-10-25 00:30"), BERLIN)
    assert first.astimezone(UTC).isoformat() == "2026-10-25T00:30:00+00:00"
    second = next_time(Moment(2, 30), first, BERLIN)
    assert second.astimezone(UTC).isoformat() == "2026-10-25T01:30:00+00:00"
    third = next_time(Moment(2, 30), second, BERLIN)
    assert f"{third:%m-%d %H:%M}" == "10-26 02:30"


def test_a_length_of_time_is_a_real_one() -> None:
    before = local("2026-10-25 00:30")
    found = span(When("", delay=4 * 3600), before, BERLIN)
    assert found.start is not None
    assert found.start.timestamp() - before.timestamp() == 4 * 3600
    assert f"{found.start:%H:%M}" == "03:30"


def test_the_zone_of_the_home_and_not_of_the_machine() -> None:
    auckland = Place(ZoneInfo("Pacific/Auckland"), -36.85, 174.76)
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)  # one in the morning there
    assert next_time(Moment(7), now, auckland).astimezone(UTC).isoformat() == (
        "2026-11-25T18:00:00+00:00"
    )
    assert Place.of(House(time_zone="Nowhere/Land")).zone == ZoneInfo("UTC")


def test_the_sun() -> None:
    for moment, now, tabulated in (
        (Moment(sun="sunset"), NOON, "2026-11-25 15:59"),
        (Moment(sun="sunset"), "2026-11-25 16:30", "2026-11-26 15:58"),
        (Moment(sun="sunset", offset=-1800), NOON, "2026-11-25 15:29"),
        (Moment(sun="sunrise", days=2), NOON, "2026-11-27 07:46"),
        (Moment(sun="sunset", weekday=4), NOON, "2026-11-27 15:57"),
    ):
        found = next_time(moment, local(now), BERLIN)
        assert abs(found - local(tabulated)) < timedelta(minutes=3), moment


def test_so_long_after_the_sun() -> None:
    sunset = Moment(sun="sunset")
    after = Moment(sun="sunset", offset=1200.0)
    assert after_the_sun(When("", delay=1200.0, at=sunset)) == When("", at=after)
    daily = after_the_sun(When("", delay=1200.0, every=Repeat(at=sunset)))
    assert daily == When("", every=Repeat(at=after))
    for as_it_was in (When("", delay=60.0), When("", delay=86_400.0, at=Moment(7))):
        assert after_the_sun(as_it_was) == as_it_was


def test_where_the_sun_does_not_set() -> None:
    tromso = Place(ZoneInfo("Europe/Oslo"), 69.65, 18.96)
    found = next_time(Moment(sun="sunset"), local("2026-06-10 12:00", tromso), tromso)
    assert found.month == 7
    assert sun_time(Moment(sun="sunset"), date(2026, 6, 11), tromso) is None
    with pytest.raises(MomentError):
        next_time(Moment(sun="sunset", days=1), local("2026-06-10 12:00", tromso), tromso)


def test_spans() -> None:
    now = local(NOON)

    def times(**when: object) -> tuple[str, ...]:
        found = span(When("", **when), now, BERLIN)  # type: ignore[arg-type]
        return tuple(f"{each:%d %H:%M}" if each else "" for each in (found.start, found.end))

    assert times(delay=600.0) == ("25 12:10", "")
    assert times(length=900.0) == ("", "25 12:15")
    assert times(until=Moment(10, half_day=True)) == ("", "25 22:00")
    assert times(at=Moment(6, days=1), length=7200.0) == ("26 06:00", "26 08:00")
    assert times(at=Moment(10, half_day=True, part="evening"), until=Moment(6)) == (
        "25 22:00",
        "26 06:00",
    )
    assert times(delay=2 * 86_400.0, at=Moment(7)) == ("27 07:00", "")
    for wrong in ({"delay": 400 * 86_400.0}, {"length": 1e12}, {"delay": 60.0, "at": Moment(7)}):
        with pytest.raises(MomentError):
            times(**wrong)


moments = st.builds(
    Moment,
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    half_day=st.booleans(),
    weekday=st.none() | st.integers(0, 6),
    part=st.sampled_from(["", "morning", "afternoon", "evening", "night"]),
).filter(lambda moment: not moment.half_day or (moment.hour or 0) < 13)
zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
)
times = st.datetimes(datetime(2026, 1, 1), datetime(2032, 1, 1))


@given(moments, zones, times)
def test_it_is_ahead_and_what_the_clock_shows_then(
    moment: Moment, zone: str, utc: datetime
) -> None:
    place = Place(ZoneInfo(zone))
    now = utc.replace(tzinfo=UTC)
    found = next_time(moment, now, place)
    ahead = found.timestamp() - now.timestamp()
    assert 0 < ahead <= timedelta(days=8, hours=2).total_seconds()
    left_out = found.timestamp() != found.replace(tzinfo=place.zone).timestamp()
    if not left_out and (found - timedelta(hours=2)).utcoffset() == found.utcoffset():
        assert found.minute == moment.minute
        assert found.hour % 12 == (moment.hour or 0) % 12
    if moment.weekday is not None and moment.part in ("evening", "night"):
        return  # what is after midnight is on the day before, as people say it
    # There is none in between.
    again = next_time(moment, datetime.fromtimestamp(found.timestamp() - 1, UTC), place)
    assert again.timestamp() == found.timestamp()
