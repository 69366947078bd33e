"""What is said of orders, in every spoken language."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from ollama_addon.scheduling import words as module
from ollama_addon.scheduling.words import LANGUAGES, words_for
from ollama_addon.understanding.vocabulary import Action
from tests.agent.homes import family_home

HOUSE = family_home()
NOW = datetime(2026, 11, 25, 13, 20, tzinfo=ZoneInfo("Europe/Berlin"))
TEXTS = Path(module.__file__).parent / "texts"


def flat(texts: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", str(len(value))
        else:
            yield f"{prefix}{key}", str(value)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_all_spoken_languages_are_there() -> None:
    assert set(LANGUAGES) == set("en de fr es nl it pl pt sv da nb cs zh ja".split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence(language: str) -> None:
    ours = dict(flat(yaml.safe_load((TEXTS / f"{language}.yaml").read_text())))
    english = dict(flat(yaml.safe_load((TEXTS / "en.yaml").read_text())))
    assert ours.keys() == english.keys()
    for key, text in english.items():
        assert fields(ours[key]) == fields(text), key
        assert not fields(text) or ours[key] != text or language == "en" or len(text) < 25, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_time_is_said_as_people_write_it(language: str) -> None:
    words = words_for(language)
    when = [
        words.when(NOW + ahead, NOW)
        for ahead in (
            timedelta(seconds=30),
            timedelta(hours=8, minutes=20),
            timedelta(days=1),
            timedelta(days=3),
            timedelta(days=40),
            timedelta(days=364),
        )
    ]
    assert len(set(when)) == 6
    assert "30" in when[0]
    assert all(time in text for time, text in zip(("40", "20", "20"), when[1:], strict=False))
    assert "2027" in when[5]
    assert not any("duration-" in words.duration(n) for n in (1, 61, 3600, 5400, 90_061))


def test_english_by_country() -> None:
    evening = NOW + timedelta(hours=8, minutes=20)
    assert words_for("en").when(evening, NOW) == "at 21:40"
    assert words_for("en-US", "US").when(evening, NOW) == "at 9:40 PM"
    assert words_for("de-CH", "CH").when(NOW + timedelta(days=40), NOW) == ("am 4. Januar um 13:20")
    assert words_for("en").duration(5400) == "1 hour and 30 minutes"
    assert words_for("xx").text("planned_none") == "Nothing is planned."


@pytest.mark.parametrize(
    ("intent", "slots", "expected"),
    [
        ("HassTurnOff", {"name": "media_player.tv"}, "turn off TV"),
        ("HassTurnOn", {"name": "cover.garage"}, "open Garage door"),
        ("HassTurnOff", {"name": "lock.front"}, "unlock Front door"),
        ("HassTurnOn", {"name": "scene.movie"}, "activate Movie night"),
        ("HassTurnOn", {"name": "light.ceiling_living"}, "turn on Ceiling light (Living room)"),
        (
            "HassTurnOff",
            {"domain": "light", "area": "kitchen"},
            "turn off Kitchen light and Counter light",
        ),
        (
            "HassLightSet",
            {"name": "light.kitchen", "brightness": 40},
            "set Kitchen light to 40 %",
        ),
        (
            "HassLightSet",
            {"name": "light.kitchen", "temperature": 2700},
            "set Kitchen light to 2700 K",
        ),
        (
            "HassClimateSetTemperature",
            {"name": "climate.living", "temperature": 21.5},
            "set Thermostat to 21.5 °C",
        ),
        (
            "HassClimateSetTemperature",
            {"name": "climate.living", "step": -1},
            "make Thermostat cooler",
        ),
        (
            "HassSetVolumeRelative",
            {"name": "media_player.tv", "volume_step": "up"},
            "turn up TV",
        ),
        (
            "HassListAddItem",
            {"name": "todo.shopping", "item": "milk"},
            "add milk to Shopping list",
        ),
        ("HassBroadcast", {"message": "dinner"}, "announce “dinner”"),
        (
            "climate.set_hvac_mode",
            {"name": "climate.living", "hvac_mode": "heat"},
            "set Thermostat to heat",
        ),
        ("HassTurnOn", {"name": "switch.gone"}, "turn on switch.gone"),
    ],
)
def test_actions_in_words(intent: str, slots: dict[str, Any], expected: str) -> None:
    assert words_for("en").action(Action(intent, slots), HOUSE) == expected
