"""The evaluation's homes and sentences fit each other, and ask for what is possible."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

import pytest
import yaml

from eval.cases import Case, Kind, Outcome, load_cases
from eval.home import Home, load_homes
from eval.scoring import expected
from eval.values import COLORS, HAPPENINGS, meets

HOMES = load_homes()
CASES = load_cases()

AT_LEAST = {"plain": 70, "value": 40, "group": 35, "question": 40}
SOME_LANGUAGES = {"group", "nothing", "impossible", "ambiguous", "unexposed"}
"""Kinds of the first homes; in the others they are the kinds `excepted`, `talk`, `missing` …"""
STATES = {
    "cover": {"open", "closed"},
    "fan": {"on", "off"},
    "humidifier": {"on", "off"},
    "lawn_mower": {"mowing", "docked", "returning"},
    "light": {"on", "off"},
    "lock": {"locked", "unlocked"},
    "media_player": {"on", "off", "playing", "paused", "idle"},
    "switch": {"on", "off"},
    "vacuum": {"cleaning", "docked", "returning"},
    "valve": {"open", "closed"},
}
MOST = {"volume_level": 1, "percentage": 100, "current_position": 100}
DOMAINS = set(STATES) | set(HAPPENINGS) | {"climate", "todo", "calendar", "weather", "sensor"}


@pytest.mark.parametrize(
    ("home", "size"), [("flat_10", 10), ("family_40", 40), ("ranch_100", 100), ("hotel_300", 300)]
)
def test_homes_have_the_size_of_their_names(home: str, size: int) -> None:
    assert sum(map(HOMES[home].exposed, HOMES[home].entities)) == size


@pytest.mark.parametrize("home", HOMES.values(), ids=HOMES.keys())
def test_homes_are_whole(home: Home) -> None:
    inventory = yaml.safe_load(home.path.read_text())
    ids = [part["id"] for part in inventory["entities"] + inventory["satellites"]]
    assert max(Counter(ids).values()) == 1
    assert {floor for floor in home.floor_of.values() if floor} <= home.floors
    areas = {part.get("area") for part in inventory["entities"] + inventory["satellites"]}
    assert areas - {None} == set(home.floor_of), "every area has something, and exists"
    for entity in home.entities.values():
        assert set(entity.get("sets", {})) <= home.entities.keys()
    assert len(home.satellites) > 1
    assert not all(map(home.exposed, home.entities))


def test_homes_have_every_domain() -> None:
    assert {entity.partition(".")[0] for home in HOMES.values() for entity in home.entities} >= (
        DOMAINS | {"binary_sensor"}
    )


def test_ids_are_unique() -> None:
    assert max(Counter(case.id for case in CASES).values()) == 1
    said = Counter((case.home, case.at, *case.say) for case in CASES)
    assert max(said.values()) == 1, "nothing is asked twice"


def test_there_are_enough_of_each_kind_and_language() -> None:
    kinds = Counter(case.kind for case in CASES)
    assert {
        kind: kinds[kind] for kind in get_args(Kind) if kinds[kind] < AT_LEAST.get(kind, 15)
    } == {}
    languages = Counter(case.language for case in CASES)
    assert len(languages) >= 14
    assert len(CASES) >= 1300
    assert min(languages.values()) >= 150
    assert {case.home for case in CASES} == HOMES.keys()


@pytest.mark.parametrize(
    ("kinds", "least"), [({"later", "automation"}, 240), ({"past", "memory"}, 150)]
)
def test_what_is_kept_and_what_is_past_is_asked_in_every_language(
    kinds: set[str], least: int
) -> None:
    found = Counter(case.language for case in CASES if case.kind in kinds)
    assert found.total() >= least
    assert min(found.values()) >= 10
    assert len(found) >= 14


@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - SOME_LANGUAGES))
def test_every_language_has_every_kind(kind: str) -> None:
    languages = {case.language for case in CASES}
    assert {case.language for case in CASES if case.kind == kind} == languages


@pytest.mark.parametrize("kind", get_args(Kind))
def test_about_half_of_each_kind_is_held_back(kind: str) -> None:
    sets = Counter(case.set for case in CASES if case.kind == kind)
    assert 0.35 < sets["held"] / sets.total() < 0.65


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_asks_for_what_is_possible(case: Case) -> None:
    home = HOMES[case.home]
    assert case.at is None or case.at in home.satellites
    assert not (case.any_of and (case.change or case.asks)), "outcomes stand in one place"
    for outcome in case.outcomes:
        for entity_id, wanted in expected(outcome, home).items():
            assert home.exposed(entity_id)
            check(home.entities[entity_id], wanted)
        for selector in outcome.free:
            assert home.select(selector)
        assert not outcome.timers or case.at, "a timer runs on a satellite"
    if case.kept:
        for entity_id, wanted in expected(Outcome(change=case.kept.change), home).items():
            assert home.exposed(entity_id)
            check(home.entities[entity_id], wanted)
    for selector in (*(case.kept.of if case.kept else ()), *(case.ask.about if case.ask else ())):
        assert home.select(selector)
    assert not (case.nothing and case.change), "nothing may change"


def check(entity: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Fail when an entity can never be what is wanted of it."""
    domain = entity["id"].partition(".")[0]
    for key, value in wanted.items():
        low_and_high = value if isinstance(value, list) else [value, value]
        match key:
            case "state" if domain == "climate":
                assert value in entity["hvac_modes"]
            case "state":
                assert set(low_and_high) <= STATES[domain]
            case "brightness_pct":
                assert entity.get("dimmable") or entity.get("color") or entity.get("color_temp")
                assert 1 <= low_and_high[0] <= low_and_high[1] <= 100
            case "color":
                assert entity["color"]
                assert value in COLORS
            case "color_temp_kelvin":
                assert entity["color_temp"]
                assert 1500 <= low_and_high[0] <= low_and_high[1] <= 7000
            case "current_position":
                assert "position" in entity
            case "temperature":
                assert entity["min_temp"] <= low_and_high[0]
                assert low_and_high[1] <= entity["max_temp"]
            case "humidity":
                assert entity["min_humidity"] <= value <= entity["max_humidity"]
            case "source" | "fan_mode" | "preset_mode":
                assert value in entity[f"{key}s"]
            case "volume_level" | "percentage":
                assert domain == {"volume_level": "media_player", "percentage": "fan"}[key]
            case "is_volume_muted":
                assert domain == "media_player"
            case "added" | "completed" | "removed":
                assert domain == "todo"
                has = [item for item in entity["items"] if isinstance(item, str)]
                assert (key == "added") or set(value) <= set(has)
            case "happened":
                assert domain in HAPPENINGS
            case "media_track" | "media_title":
                assert domain == "media_player"
            case _:
                pytest.fail(f"{key} is not looked at")
        if key in MOST:
            assert 0 <= low_and_high[0] <= low_and_high[1] <= MOST[key]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.change or case.any_of], ids=lambda case: case.id
)
def test_doing_nothing_is_not_right(case: Case) -> None:
    home = HOMES[case.home]
    for outcome in case.outcomes:
        assert outcome.asks or not all(
            is_already(home.entities[entity_id], wanted)
            for entity_id, wanted in expected(outcome, home).items()
        )


def is_already(entity: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an entity is what is wanted from the beginning."""
    initial = {"state": "off", **entity, "color": None}
    initial["brightness_pct"] = round(entity.get("brightness", 0) / 2.55)
    initial["current_position"] = entity.get("position")
    initial["volume_level"] = entity.get("volume")
    return all(key in initial and meets(key, value, initial[key]) for key, value in wanted.items())
