"""Questions about the past, answered from what a scripted recorder holds, without a model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ollama_addon.agent.replies.texts import LANGUAGES, texts_for
from ollama_addon.errors import AddonError
from ollama_addon.home.model import Entity, House, State
from ollama_addon.home.past import span_of
from tests.agent.scripted_agent import Talk

_HISTORY = "history/history_during_period"
_STATISTICS = "recorder/statistics_during_period"
_ZONE = ZoneInfo("Europe/Berlin")


def _talk(rows: Mapping[str, list[dict[str, Any]]], language: str = "en") -> Talk:
    names = {
        "en": ("Back door", "Heating pump", "Nursery temperature", "Energy meter"),
        "de": ("Hintertür", "Heizungspumpe", "Temperatur Kinderzimmer", "Zähler"),
    }[language]
    entities = (
        Entity("binary_sensor.door", names[0], device_class="door"),
        Entity("switch.pump", names[1]),
        Entity("sensor.nursery", names[2], device_class="temperature"),
        Entity("sensor.meter", names[3], device_class="energy"),
    )
    states = {
        "binary_sensor.door": State("off"),
        "switch.pump": State("on"),
        "sensor.nursery": State("20.5", {"unit_of_measurement": "°C"}),
        "sensor.meter": State("1200", {"unit_of_measurement": "kWh"}),
    }
    house = House(
        {entity.id: entity for entity in entities},
        states=states,
        language=language,
        time_zone=str(_ZONE),
    )
    talk = Talk(house=house)
    talk.recorder.rows = {_HISTORY: dict(rows), _STATISTICS: {}}
    return talk


def _at(days: int, hour: int, minute: int = 0) -> float:
    """Return a time of a day that is so many days ago, in the zone of the home."""
    day = datetime.now(_ZONE).date() - timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=_ZONE).timestamp()


def _rows(*rows: tuple[float, str]) -> list[dict[str, Any]]:
    return [{"s": state, "lu": at} for at, state in rows]


def _door() -> list[dict[str, Any]]:
    """Open for half an hour twice the day before yesterday, once for two hours yesterday."""
    return _rows(
        (_at(40, 0), "off"),
        (_at(2, 8), "on"),
        (_at(2, 8, 30), "off"),
        (_at(2, 9), "on"),
        (_at(2, 9, 30), "off"),
        (_at(1, 10), "on"),
        (_at(1, 12), "off"),
    )


async def test_the_last_time_is_said_with_its_day_in_the_zone_of_the_home() -> None:
    talk = _talk({"binary_sensor.door": _door()})
    said = await talk.say("when was the back door last opened?")
    assert "yesterday at 10:00" in said.reply
    assert not talk.model.asked


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("how long was the back door open yesterday?", "2 hours yesterday"),
        ("how often was the back door opened yesterday?", "once yesterday"),
        ("was the back door open yesterday?", "Yes, for 2 hours yesterday."),
        ("how often was the back door opened in the last 10 days?", "3 times in the last 10 days"),
    ],
)
async def test_states_are_counted_and_measured_within_the_period(text: str, part: str) -> None:
    talk = _talk({"binary_sensor.door": _door()})
    assert part in (await talk.say(text)).reply
    assert not talk.model.asked


async def test_german_answers_are_german() -> None:
    talk = _talk({"binary_sensor.door": _door()}, "de")
    said = await talk.say("wie oft wurde die Hintertür gestern geöffnet?", language="de")
    assert said.reply.startswith("Hintertür: gestern einmal")


async def test_what_was_unavailable_meanwhile_did_not_happen_again() -> None:
    rows = [(_at(40, 0), "off"), (_at(1, 8), "on"), (_at(1, 9), "unavailable"), (_at(1, 10), "on")]
    talk = _talk({"binary_sensor.door": _rows(*rows, (_at(1, 11), "off"))})
    assert "once" in (await talk.say("how often was the back door opened yesterday?")).reply
    assert "2 hours" in (await talk.say("how long was the back door open yesterday?")).reply


async def test_since_when_something_is_on_is_told_only_of_what_is_on() -> None:
    talk = _talk({"switch.pump": _rows((_at(40, 0), "off"), (_at(3, 7), "on"))})
    assert "07:00" in (await talk.say("since when is the heating pump on?")).reply
    talk = _talk({"binary_sensor.door": _door()})
    assert "No" in (await talk.say("how long has the back door been open?")).reply


async def test_numbers_come_from_statistics() -> None:
    talk = _talk({})
    hours = [_at(1, hour) * 1000 for hour in range(24)]
    talk.recorder.rows[_STATISTICS] = {
        "sensor.nursery": [
            {"start": at, "max": 18 + n / 4, "min": 17 + n / 4, "mean": 17.5}
            for n, at in enumerate(hours)
        ],
    }
    said = await talk.say("what was the highest nursery temperature yesterday?")
    assert "23.8 °C yesterday" in said.reply
    said = await talk.say("what was the lowest nursery temperature yesterday?")
    assert "17 °C yesterday" in said.reply
    said = await talk.say("what was the average nursery temperature yesterday?")
    assert "17.5 °C on average yesterday" in said.reply
    assert not talk.model.asked


async def test_numbers_without_statistics_weigh_by_how_long_they_lasted() -> None:
    rows = [(_at(40, 0), "20"), (_at(1, 18), "24"), (_at(1, 21), "unavailable")]
    talk = _talk({"sensor.nursery": _rows(*rows)})
    said = await talk.say("what was the average nursery temperature yesterday?")
    assert "21 °C on average yesterday" in said.reply


async def test_a_period_that_began_before_the_records_is_said_to() -> None:
    talk = _talk({"binary_sensor.door": _rows((_at(1, 9), "off"), (_at(1, 10), "on"))})
    said = await talk.say("how often was the back door opened yesterday?")
    assert "recorded since yesterday at 09:00" in said.reply


async def test_nothing_recorded_is_said() -> None:
    talk = _talk({})
    said = await talk.say("how long was the back door open yesterday?")
    assert "no record" in said.reply
    talk.recorder.error = AddonError("home_failed", "Unknown command.", 502)
    said = await talk.say("how long was the back door open yesterday?")
    assert "no record" in said.reply


async def test_a_month_of_one_entity_is_the_most_that_is_read() -> None:
    talk = _talk({"binary_sensor.door": _door()})
    await talk.say("when was the back door last closed?")
    await talk.say("how often was the back door opened in the last 90 days?")
    for _, fields in talk.recorder.asked:
        start, end = (datetime.fromisoformat(fields[key]) for key in ("start_time", "end_time"))
        assert end - start <= timedelta(days=32)


def test_a_day_on_which_the_clocks_change_has_its_real_length() -> None:
    now = datetime(2026, 10, 26, 9, tzinfo=_ZONE)
    yesterday = span_of("yesterday", 1, now)
    assert yesterday is not None
    assert yesterday.seconds == 25 * 3600
    last_week = span_of("last_week", 1, now)
    assert last_week is not None
    assert last_week.start.isoformat() == "2026-10-19T00:00:00+02:00"
    assert last_week.end.isoformat() == "2026-10-26T00:00:00+01:00"
    night = span_of("last_night", 1, now)
    assert night is not None
    assert (night.start.day, night.start.hour, night.end.day) == (25, 21, 26)
    hours = span_of("hours", 12, now)
    assert hours is not None
    assert hours.seconds == 12 * 3600


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_period_has_its_words(language: str) -> None:
    now = datetime(2026, 10, 26, 9, tzinfo=_ZONE)
    for name in ("today", "yesterday", "last_night", "this_morning", "week", "last_week"):
        assert span_of(name, 1, now) is not None
        assert texts_for(language).text(f"past.{name}")
    for number in (1, 2, 5):
        assert "{" not in texts_for(language).text("past.hours", number)
        assert "{" not in texts_for(language).text("past.days", number)
