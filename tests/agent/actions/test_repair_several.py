"""What is mended in the calls of one answer, with and without knowing what was said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ollama_addon.agent.actions.repair import HouseNames, Verdict
from ollama_addon.agent.actions.repair_several import repair_all
from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.home.model import Entity, State
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Interpretation,
    Mood,
    When,
)
from ollama_addon.understanding.vocabulary import Action
from tests.agent.homes import family_home

HOUSE = family_home()
HOUSE.entities["media_player.radio"] = Entity(  # type: ignore[index]
    "media_player.radio", "Radio", ("Wireless",), "kitchen", None, None, 4 | 8 | 1 | 16384 | 2048,
    {"source_list": ["Jazz FM", "News"]},
)  # fmt: skip
HOUSE.states["media_player.radio"] = State("playing", {"volume_level": 0.3})  # type: ignore[index]
HOUSE.states["media_player.tv"] = State("off")  # type: ignore[index]
NAMES = HouseNames(HOUSE, Labels(HOUSE).of_entity, "en")

Done = list[tuple[str, dict[str, Any]]]


def said(*candidates: Candidate, mood: Mood = Mood.ORDER) -> Interpretation:
    return Interpretation(
        "…", "en", tuple(Clause("…", mood, (each,), certain=True) for each in candidates)
    )


def meaning(intent: str, *ids: str, direction: str = "", **slots: Any) -> Candidate:
    entities = tuple(HOUSE.entities[each] for each in ids)
    actions = tuple(Action(intent, {"name": each, **slots}) for each in ids)
    return Candidate(actions, entities, "…", 0.9, direction)


def group(intent: str, domain: str, area: str, direction: str = "") -> Candidate:
    entities = tuple(e for e in HOUSE.entities.values() if e.domain == domain and e.area_id == area)
    return Candidate((Action(intent, {"domain": domain, "area": area}),), entities, "…", 0.9,
                     direction)  # fmt: skip


MENDED: list[tuple[str, str, dict[str, Any], Interpretation | None, str, Done]] = [
    ("no name, one thing was said", "HassTurnOff", {},
     said(meaning("HassTurnOff", "media_player.tv")), "nameless",
     [("HassTurnOff", {"name": "media_player.tv"})]),
    ("no name, two things were said", "HassTurnOff", {},
     said(meaning("HassTurnOff", "light.kitchen", "light.counter")), "nameless",
     [("HassTurnOff", {"name": "light.kitchen"}), ("HassTurnOff", {"name": "light.counter"})]),
    ("a kind, a room of it was said", "HassTurnOff", {"domain": "light"},
     said(group("HassTurnOff", "light", "kitchen")), "nameless",
     [("HassTurnOff", {"area": "kitchen", "domain": "light"})]),
    ("no name, one thing can", "HassClimateSetTemperature", {"temperature": 21}, None, "nameless",
     [("HassClimateSetTemperature", {"name": "climate.living", "temperature": 21})]),
    ("no name, one thing can there", "HassTurnOn", {"area": "Bedroom", "domain": "fan"}, None, "",
     [("HassTurnOn", {"name": "fan.bedroom"})]),
    ("no name, one of them plays", "HassMediaPause", {}, None, "nameless",
     [("HassMediaPause", {"name": "media_player.radio"})]),
    ("no name, one of them is paused", "HassSetVolume", {"volume_level": 20}, None, "nameless",
     [("HassSetVolume", {"name": "media_player.radio", "volume_level": 20})]),
    ("a room by itself is its lights", "HassTurnOff", {"area": "Kitchen"}, None, "",
     [("HassTurnOff", {"area": "kitchen", "domain": "light"})]),
    ("the contrary of a clear order", "HassTurnOn", {"name": "TV"},
     said(meaning("HassTurnOff", "media_player.tv", direction="off")), "opposite",
     [("HassTurnOff", {"name": "media_player.tv"})]),
    ("a position for what only opens", "HassSetPosition", {"name": "Garage door", "position": 0},
     None, "position", [("HassTurnOff", {"name": "cover.garage"})]),
    ("a position of 100 for it", "HassSetPosition", {"name": "Garage door", "position": "100%"},
     None, "position", [("HassTurnOn", {"name": "cover.garage"})]),
    ("a speed of 0", "HassFanSetSpeed", {"name": "Bedroom fan", "percentage": 0}, None, "off",
     [("HassTurnOff", {"name": "fan.bedroom"})]),
    ("a brightness of 0", "HassLightSet", {"name": "Kitchen light", "brightness": 0}, None, "off",
     [("HassTurnOff", {"name": "light.kitchen"})]),
    ("two rooms in one word", "HassTurnOff", {"area": "Kitchen and Bedroom", "domain": "light"},
     None, "several",
     [("HassTurnOff", {"area": "kitchen", "domain": "light"}),
      ("HassTurnOff", {"name": "light.ceiling_bedroom"})]),
    ("two rooms in a list", "HassTurnOff", {"area": ["Kitchen", "Bedroom"], "domain": "light"},
     None, "several",
     [("HassTurnOff", {"area": "kitchen", "domain": "light"}),
      ("HassTurnOff", {"name": "light.ceiling_bedroom"})]),
    ("two names in one word", "HassTurnOn", {"name": "Kitchen light and Counter light"}, None,
     "several", [("HassTurnOn", {"name": "light.kitchen"}),
                 ("HassTurnOn", {"name": "light.counter"})]),
    ("two kinds", "HassTurnOff", {"area": "Kitchen", "domain": ["light", "switch"]}, None,
     "several", [("HassTurnOff", {"area": "kitchen", "domain": "light"}),
                 ("HassTurnOff", {"name": "switch.coffee"})]),
    ("a list of items", "HassListAddItem", {"name": "Shopping list", "item": ["milk", "eggs"]},
     None, "several",
     [("HassListAddItem", {"name": "todo.shopping", "item": "milk"}),
      ("HassListAddItem", {"name": "todo.shopping", "item": "eggs"})]),
    ("items with commas", "HassListAddItem", {"name": "Shopping list", "item": "milk, eggs"},
     None, "several",
     [("HassListAddItem", {"name": "todo.shopping", "item": "milk"}),
      ("HassListAddItem", {"name": "todo.shopping", "item": "eggs"})]),
    ("items that were said apart", "HassListAddItem",
     {"name": "Shopping list", "item": "milk and eggs"},
     said(meaning("HassListAddItem", "todo.shopping", item="milk"),
          meaning("HassListAddItem", "todo.shopping", item="eggs")), "several",
     [("HassListAddItem", {"name": "todo.shopping", "item": "milk"}),
      ("HassListAddItem", {"name": "todo.shopping", "item": "eggs"})]),
    ("one item with an and", "HassListAddItem",
     {"name": "Shopping list", "item": "mac and cheese"}, None, "",
     [("HassListAddItem", {"name": "todo.shopping", "item": "mac and cheese"})]),
    ("a brightness of 255", "HassLightSet", {"name": "Kitchen light", "brightness": 255}, None,
     "value", [("HassLightSet", {"name": "light.kitchen", "brightness": 100})]),
    ("a brightness of 128", "HassLightSet", {"name": "Kitchen light", "brightness": 128}, None,
     "value", [("HassLightSet", {"name": "light.kitchen", "brightness": 50})]),
    ("a brightness of 0.5", "HassLightSet", {"name": "Kitchen light", "brightness": 0.5}, None,
     "value", [("HassLightSet", {"name": "light.kitchen", "brightness": 50})]),
    ("a brightness with its sign", "HassLightSet",
     {"name": "Kitchen light", "brightness": "50%"}, None, "",
     [("HassLightSet", {"name": "light.kitchen", "brightness": 50})]),
    ("a brightness in words", "HassLightSet", {"name": "Kitchen light", "brightness": "forty"},
     None, "", [("HassLightSet", {"name": "light.kitchen", "brightness": 40})]),
    ("full brightness", "HassLightSet", {"name": "Kitchen light", "brightness": "max"}, None, "",
     [("HassLightSet", {"name": "light.kitchen", "brightness": 100})]),
    ("a color and a brightness", "HassLightSet",
     {"name": "Ceiling light (Bedroom)", "color": "blue", "brightness": 40}, None, "",
     [("HassLightSet", {"name": "light.ceiling_bedroom", "brightness": 40, "color": "blue"})]),
    ("turning on in a color", "HassTurnOn",
     {"name": "Ceiling light (Bedroom)", "color": "blue"}, None, "action",
     [("HassLightSet", {"name": "light.ceiling_bedroom", "color": "blue"})]),
    ("an entity id", "HassTurnOn", {"name": "light.kitchen"}, None, "",
     [("HassTurnOn", {"name": "light.kitchen"})]),
    ("an entity id in another slot", "HassTurnOn", {"entity_id": "light.kitchen"}, None, "",
     [("HassTurnOn", {"name": "light.kitchen"})]),
    ("an alias", "HassTurnOn", {"name": "wireless"}, None, "name",
     [("HassTurnOn", {"name": "media_player.radio"})]),
    ("a name with its alias", "HassTurnOn", {"name": "Radio (Wireless)"}, None, "name",
     [("HassTurnOn", {"name": "media_player.radio"})]),
    ("a name with its area", "HassTurnOn", {"name": "TV (Living room)"}, None, "name",
     [("HassTurnOn", {"name": "media_player.tv"})]),
    ("a temperature and a mode", "HassClimateSetTemperature",
     {"name": "Thermostat", "temperature": 21, "hvac_mode": "heat"}, None, "several",
     [("HassClimateSetTemperature", {"name": "climate.living", "temperature": 21}),
      ("climate.set_hvac_mode", {"name": "climate.living", "hvac_mode": "heat"})]),
    ("a source and a volume", "HassTurnOn",
     {"name": "Radio", "source": "Jazz FM", "volume_level": 20}, None, "several",
     [("HassTurnOn", {"name": "media_player.radio"}),
      ("media_player.select_source", {"name": "media_player.radio", "source": "Jazz FM"}),
      ("HassSetVolume", {"name": "media_player.radio", "volume_level": 20})]),
    ("with the prefix of Assist", "homeassistant__HassTurnOn", {"name": "TV"}, None, "action",
     [("HassTurnOn", {"name": "media_player.tv"})]),
]  # fmt: skip


@pytest.mark.parametrize(("why", "intent", "slots", "sentence", "kind", "done"), MENDED)
def test_it_is_mended(
    why: str, intent: str, slots: dict[str, Any], sentence: Any, kind: str, done: Done
) -> None:
    items = repair_all([Action(intent, slots)], NAMES, sentence).items
    assert [(i.action.intent, dict(i.action.slots)) for i in items if i.action] == done, why
    assert len(items) == len(done)
    assert all(item.verdict in (Verdict.AS_IT_WAS, Verdict.MENDED) for item in items)
    if kind:
        assert kind in {change.kind for item in items for change in item.changes}


@pytest.mark.parametrize(
    ("intent", "slots", "reason"),
    [
        ("HassTurnOff", {"area": "Garden", "domain": "light"}, "no_place"),
        ("HassTurnOff", {"floor": "Basement"}, "no_place"),
        ("HassTurnOn", {}, "not_found"),
        ("HassTurnOn", {"name": "Attic pump"}, "not_found"),
        ("HassTurnOn", {"name": "switch.attic_pump"}, "not_found"),
        ("HassSetPosition", {"name": "Garage door", "position": 50}, "cannot"),
        ("HassLightSet", {"name": "Kitchen light", "color": "red"}, "cannot"),
        ("HassLightSet", {"name": "Kitchen light", "brightness": 400}, "range"),
        ("make_coffee", {"name": "Coffee machine"}, "unknown_action"),
    ],
)
def test_what_cannot_be_mended_is_refused(intent: str, slots: dict[str, Any], reason: str) -> None:
    (item,) = repair_all([Action(intent, slots)], NAMES).items
    assert item.verdict is Verdict.REFUSED
    assert item.reason == reason


def test_what_a_timer_is_to_say_is_kept_for_then() -> None:
    slots = {"minutes": 10, "conversation_command": "turn off the tv"}
    found = repair_all([Action("HassStartTimer", slots)], NAMES)
    assert found.items == ()
    assert found.commands == (("turn off the tv", When("", delay=600.0)),)


def test_an_unclear_order_is_not_turned_around() -> None:
    either = Clause(
        "…",
        Mood.ORDER,
        (meaning("HassTurnOff", "media_player.tv", direction="off"),
         meaning("HassTurnOn", "media_player.tv", direction="on")),
    )  # fmt: skip
    sentence = Interpretation("…", "en", (either,))
    (item,) = repair_all([Action("HassTurnOn", {"name": "TV"})], NAMES, sentence).items
    assert item.action == Action("HassTurnOn", {"name": "media_player.tv"})


def test_the_speakers_room_tells_things_of_one_name_apart() -> None:
    call = [Action("HassTurnOn", {"name": "Ceiling light"})]
    assert repair_all(call, NAMES).items[0].verdict is Verdict.AMBIGUOUS
    (item,) = repair_all(call, NAMES, area_id="bedroom").items
    assert item.action == Action("HassTurnOn", {"name": "light.ceiling_bedroom"})


def test_a_number_in_a_name_is_never_nearly_another() -> None:
    lamps = {f"light.l{n}": Entity(f"light.l{n}", f"Lamp {n}") for n in (1, 2, 10, 11)}
    house = replace(HOUSE, entities=lamps)
    names = HouseNames(house, Labels(house).of_entity, "en")
    for number in (1, 2, 10, 11):
        (item,) = repair_all([Action("HassTurnOn", {"name": f"lamp {number}"})], names).items
        assert item.action == Action("HassTurnOn", {"name": f"light.l{number}"})
    (item,) = repair_all([Action("HassTurnOn", {"name": "lamp 12"})], names).items
    assert item.verdict is not Verdict.MENDED


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
    | st.sampled_from(["Kitchen", "Kitchen and Bedroom", "light", "TV", "switch.attic_pump"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                 max_size=2),
    max_leaves=5,
)  # fmt: skip
SLOTS = st.sampled_from(
    ["name", "area", "floor", "domain", "item", "brightness", "color", "temperature", "position"]
)


@given(
    st.lists(
        st.builds(
            Action,
            st.sampled_from(["HassTurnOn", "HassTurnOff", "HassLightSet", "HassListAddItem"])
            | st.text(max_size=8),
            st.dictionaries(SLOTS, VALUES, max_size=4),
        ),
        max_size=4,
    )
)
def test_whatever_is_proposed_only_what_is_exposed_is_touched(proposed: list[Action]) -> None:
    for item in repair_all(proposed, NAMES).items:
        if item.verdict in (Verdict.AS_IT_WAS, Verdict.MENDED):
            assert item.action is not None
            assert item.action.slots.get("name", "light.kitchen") in HOUSE.entities
