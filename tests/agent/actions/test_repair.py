from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ollama_addon.agent.actions.repair import HouseNames, Verdict, repair
from ollama_addon.home.model import Entity
from ollama_addon.understanding.names import labels_of
from ollama_addon.understanding.verb_table import VERBS
from ollama_addon.understanding.vocabulary import Action, Group
from tests.agent.homes import family_home

INDEX = HouseNames(family_home(), labels_of(family_home()), "en")
_COLD = family_home(temperature_unit="°F")
FAHRENHEIT = HouseNames(_COLD, labels_of(_COLD), "en")

MENDED: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    ("valid", "HassTurnOn", {"name": "light.kitchen"}, "HassTurnOn", {"name": "light.kitchen"}),
    (
        "a floor that is an area is dropped",
        "HassTurnOn",
        {"name": "Kitchen light", "floor": "Kitchen"},
        "HassTurnOn",
        {"name": "light.kitchen"},
    ),
    (
        "needless slots are dropped",
        "HassTurnOff",
        {"name": "Kitchen light", "device_class": ["light"], "brightness": None, "speed": 3},
        "HassTurnOff",
        {"name": "light.kitchen"},
    ),
    (
        "lists become values",
        "HassTurnOff",
        {"area": ["kitchen"], "domain": ["light"]},
        "HassTurnOff",
        {"area": "kitchen", "domain": "light"},
    ),
    (
        "a floor named as area",
        "HassTurnOff",
        {"area": "Ground floor", "domain": "light"},
        "HassTurnOff",
        {"floor": "ground", "domain": "light"},
    ),
    (
        "a domain given as device class",
        "HassTurnOff",
        {"area": "kitchen", "device_class": "light"},
        "HassTurnOff",
        {"area": "kitchen", "domain": "light"},
    ),
    (
        "a device class given as domain, and one of a kind is that one",
        "HassTurnOff",
        {"domain": "blind", "area": "bedroom"},
        "HassTurnOff",
        {"name": "cover.blinds"},
    ),
    (
        "a near miss",
        "HassTurnOn",
        {"name": "the kitchin light"},
        "HassTurnOn",
        {"name": "light.kitchen"},
    ),
    (
        "plural",
        "HassTurnOn",
        {"name": "Counter lights"},
        "HassTurnOn",
        {"name": "light.counter"},
    ),
    (
        "a domain glued to the name",
        "HassTurnOn",
        {"name": "light.kitchen light"},
        "HassTurnOn",
        {"name": "light.kitchen"},
    ),
    (
        "a label of ours",
        "HassTurnOn",
        {"name": "Ceiling light (Bedroom)"},
        "HassTurnOn",
        {"name": "light.ceiling_bedroom"},
    ),
    (
        "duplicates are told apart by area",
        "HassTurnOn",
        {"name": "Ceiling light", "area": "Living room"},
        "HassTurnOn",
        {"name": "light.ceiling_living"},
    ),
    (
        "a prefix of Assist's",
        "intent__HassTurnOn",
        {"name": "Kitchen light"},
        "HassTurnOn",
        {"name": "light.kitchen"},
    ),
    (
        "opening a fan turns it on",
        "open",
        {"name": "Bedroom fan"},
        "HassTurnOn",
        {"name": "fan.bedroom"},
    ),
    (
        "closing a light turns it off",
        "HassCloseCover",
        {"name": "Kitchen light"},
        "HassTurnOff",
        {"name": "light.kitchen"},
    ),
    (
        "opening a lock unlocks it",
        "open",
        {"name": "Front door"},
        "HassTurnOff",
        {"name": "lock.front"},
    ),
    (
        "closing a lock locks it",
        "close",
        {"name": "Front door"},
        "HassTurnOn",
        {"name": "lock.front"},
    ),
    (
        "turning on with a brightness is setting it",
        "HassTurnOn",
        {"name": "Kitchen light", "brightness": "40%"},
        "HassLightSet",
        {"name": "light.kitchen", "brightness": 40},
    ),
    (
        "a fraction is a percentage",
        "HassSetPosition",
        {"name": "Bedroom blinds", "position": 0.4},
        "HassSetPosition",
        {"name": "cover.blinds", "position": 40},
    ),
    (
        "a number in words",
        "HassLightSet",
        {"name": "Kitchen light", "brightness": "forty"},
        "HassLightSet",
        {"name": "light.kitchen", "brightness": 40},
    ),
    (
        "a color nearly named",
        "HassLightSet",
        {"name": "light.ceiling_living", "color": "turquois"},
        "HassLightSet",
        {"name": "light.ceiling_living", "color": "turquoise"},
    ),
    (
        "degrees Fahrenheit in a Celsius house",
        "HassClimateSetTemperature",
        {"name": "Thermostat", "temperature": 70},
        "HassClimateSetTemperature",
        {"name": "climate.living", "temperature": 21},
    ),
    (
        "warmer",
        "HassClimateSetTemperature",
        {"name": "Thermostat", "step": 1},
        "HassClimateSetTemperature",
        {"name": "climate.living", "temperature": 21},
    ),
    (
        "a mode nearly named",
        "climate.set_hvac_mode",
        {"name": "Thermostat", "hvac_mode": "heating"},
        "climate.set_hvac_mode",
        {"name": "climate.living", "hvac_mode": "heat"},
    ),
    (
        "a timer's own slots",
        "HassStartTimer",
        {"minutes": "5", "area": "kitchen"},
        "HassStartTimer",
        {"minutes": 5},
    ),
]


@pytest.mark.parametrize(
    ("intent", "slots", "wanted_intent", "wanted_slots"),
    [pytest.param(*row[1:], id=row[0]) for row in MENDED],
)
def test_what_can_be_mended_is(
    intent: str, slots: dict[str, Any], wanted_intent: str, wanted_slots: dict[str, Any]
) -> None:
    repaired = repair(Action(intent, slots), INDEX)
    assert repaired.action == Action(wanted_intent, wanted_slots), repaired
    as_it_was = intent == wanted_intent and slots == wanted_slots
    assert repaired.verdict is (Verdict.AS_IT_WAS if as_it_was else Verdict.MENDED)


@pytest.mark.parametrize(
    ("intent", "slots", "reason"),
    [
        pytest.param("HassTurnOn", {"name": "switch.attic_pump"}, "not_found", id="not exposed"),
        pytest.param("HassTurnOn", {"name": "attic pump"}, "not_found", id="unknown name"),
        pytest.param("HassTurnOn", {}, "not_found", id="nothing named"),
        pytest.param("HassTurnOff", {"domain": "vacuum"}, "not_found", id="no such domain"),
        pytest.param("HassExplode", {"name": "Kitchen light"}, "unknown_action", id="no intent"),
        pytest.param("lock", {"name": "Kitchen light"}, "cannot", id="locking a light"),
        pytest.param("unlock", {"name": "Garage door"}, "cannot", id="unlocking a cover"),
        pytest.param(
            "HassLightSet", {"name": "light.kitchen", "color": "red"}, "cannot", id="no color"
        ),
        pytest.param(
            "HassLightSet", {"name": "light.kitchen", "brightness": 400}, "range", id="too bright"
        ),
        pytest.param(
            "HassClimateSetTemperature",
            {"name": "Thermostat", "temperature": 45},
            "range",
            id="too hot",
        ),
        pytest.param("HassStartTimer", {}, "value", id="a timer without a time"),
    ],
)
def test_what_cannot_be_mended_is_refused(intent: str, slots: dict[str, Any], reason: str) -> None:
    repaired = repair(Action(intent, slots), INDEX)
    assert (repaired.verdict, repaired.reason, repaired.action) == (Verdict.REFUSED, reason, None)


def test_a_name_of_two_things_is_ambiguous_without_a_place() -> None:
    repaired = repair(Action("HassTurnOn", {"name": "Ceiling light"}), INDEX)
    assert repaired.verdict is Verdict.AMBIGUOUS
    assert {entity.id for entity in repaired.candidates} == {
        "light.ceiling_living",
        "light.ceiling_bedroom",
    }


def test_the_area_of_the_speaker_decides() -> None:
    repaired = repair(Action("HassTurnOn", {"name": "Ceiling light"}), INDEX, area_id="bedroom")
    assert repaired.action == Action("HassTurnOn", {"name": "light.ceiling_bedroom"})


def test_a_range_is_said() -> None:
    action = Action("HassClimateSetTemperature", {"name": "Thermostat", "temperature": 45})
    assert dict(repair(action, INDEX).values) == {"low": "7", "high": "30"}


_NAMES = st.sampled_from(
    [
        *INDEX.house.entities,
        *INDEX.labels.values(),
        *INDEX.house.areas,
        *INDEX.house.floors,
        "switch.attic_pump",
        "kitchin",
        "all",
        "",
    ]
)
_VALUES = st.one_of(
    _NAMES,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=2),
    st.dictionaries(st.sampled_from(["value", "x"]), st.integers(), max_size=1),
)
_SLOTS = st.dictionaries(
    st.sampled_from(
        "name area floor domain device_class brightness color temperature position percentage "
        "volume_level hvac_mode step minutes hours item message entity_id".split()
    ),
    _VALUES,
    max_size=5,
)
_INTENTS = st.one_of(
    st.sampled_from(sorted({verb.intent for verb in VERBS} | {"open", "unlock", "turn_on"})),
    st.text(max_size=20),
)


@settings(max_examples=400, deadline=None)
@given(_INTENTS, _SLOTS, st.sampled_from([None, "bedroom", "kitchen"]))
def test_whatever_is_proposed(intent: str, slots: dict[str, Any], area_id: str | None) -> None:
    repaired = repair(Action(intent, slots), INDEX, area_id=area_id)
    if repaired.action is None or repaired.verdict is Verdict.AMBIGUOUS:
        assert repaired.verdict in (Verdict.REFUSED, Verdict.AMBIGUOUS)
        return
    exposed = INDEX.house.entities
    if isinstance(repaired.target, Entity):
        assert repaired.action.slots["name"] in exposed
    elif isinstance(repaired.target, Group):
        assert repaired.target.members(INDEX.house)
        assert "name" not in repaired.action.slots
    again = repair(repaired.action, INDEX, area_id=area_id)
    assert (again.verdict, again.action) == (Verdict.AS_IT_WAS, repaired.action)
