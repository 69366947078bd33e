"""What undoes an action when its time is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ollama_addon.agent.actions.opposites import opposites
from ollama_addon.home.model import State
from ollama_addon.understanding.vocabulary import Action
from tests.agent.homes import family_home

HOUSE = replace(
    family_home(),
    states={
        **family_home().states,
        "light.counter": State("on", {"brightness": 128}),
        "light.ceiling_living": State("on", {"brightness": 255, "rgb_color": (255, 0, 0)}),
        "media_player.tv": State("playing", {"volume_level": 0.4}),
        "cover.blinds": State("open", {"current_position": 70}),
    },
)


def back(intent: str, **slots: Any) -> list[tuple[str, dict[str, Any]]] | None:
    found = opposites([Action(intent, slots)], HOUSE)
    return None if found is None else [(each.intent, dict(each.slots)) for each in found]


@pytest.mark.parametrize(
    ("intent", "slots", "expected"),
    [
        ("HassTurnOn", {"name": "light.kitchen"}, ("HassTurnOff", {"name": "light.kitchen"})),
        # It was on already: the opposite of what was ordered is still off.
        ("HassTurnOn", {"name": "light.counter"}, ("HassTurnOff", {"name": "light.counter"})),
        ("HassTurnOff", {"name": "light.counter"}, ("HassTurnOn", {"name": "light.counter"})),
        ("HassTurnOn", {"name": "cover.garage"}, ("HassTurnOff", {"name": "cover.garage"})),
        ("HassTurnOff", {"name": "lock.front"}, ("HassTurnOn", {"name": "lock.front"})),
        (
            "HassTurnOn",
            {"domain": "light", "area": "kitchen"},
            ("HassTurnOff", {"domain": "light", "area": "kitchen"}),
        ),
        # Values return to what they were …
        (
            "HassLightSet",
            {"name": "light.counter", "brightness": 10},
            ("HassLightSet", {"name": "light.counter", "brightness": 50}),
        ),
        (
            "HassLightSet",
            {"name": "light.ceiling_living", "color": "blue"},
            ("light.turn_on", {"name": "light.ceiling_living", "rgb_color": [255, 0, 0]}),
        ),
        (
            "HassClimateSetTemperature",
            {"name": "climate.living", "temperature": 23},
            ("HassClimateSetTemperature", {"name": "climate.living", "temperature": 20}),
        ),
        (
            "climate.set_hvac_mode",
            {"name": "climate.living", "hvac_mode": "cool"},
            ("climate.set_hvac_mode", {"name": "climate.living", "hvac_mode": "heat"}),
        ),
        (
            "HassSetVolume",
            {"name": "media_player.tv", "volume_level": 10},
            ("HassSetVolume", {"name": "media_player.tv", "volume_level": 40}),
        ),
        (
            "HassSetPosition",
            {"name": "cover.blinds", "position": 10},
            ("HassSetPosition", {"name": "cover.blinds", "position": 70}),
        ),
        # … and what was off is off again.
        (
            "HassLightSet",
            {"name": "light.kitchen", "brightness": 10},
            ("HassTurnOff", {"name": "light.kitchen"}),
        ),
        (
            "HassFanSetSpeed",
            {"name": "fan.bedroom", "percentage": 40},
            ("HassTurnOff", {"name": "fan.bedroom"}),
        ),
    ],
)
def test_the_opposite(
    intent: str, slots: dict[str, Any], expected: tuple[str, dict[str, Any]]
) -> None:
    assert back(intent, **slots) == [expected]


def test_only_what_was_on_comes_back() -> None:
    assert back("HassTurnOff", domain="light", area="kitchen") == [
        ("HassTurnOn", {"name": "light.counter"})
    ]
    assert back("HassTurnOff", name="light.kitchen") == []
    assert back("HassTurnOff", name="cover.garage") == []


@pytest.mark.parametrize(
    ("intent", "slots"),
    [
        ("HassTurnOn", {"name": "lock.front"}),  # it would unlock by itself
        ("HassTurnOn", {"name": "scene.movie"}),
        ("HassListAddItem", {"name": "todo.shopping", "item": "milk"}),
        ("HassTurnOn", {"name": "switch.attic_pump"}),  # not exposed
        ("HassBroadcast", {"message": "dinner"}),
    ],
)
def test_what_cannot_be_undone(intent: str, slots: dict[str, Any]) -> None:
    assert back(intent, **slots) is None


def test_several_are_undone_in_the_opposite_order() -> None:
    found = opposites(
        [
            Action("HassTurnOn", {"name": "light.kitchen"}),
            Action("HassTurnOn", {"name": "fan.bedroom"}),
        ],
        HOUSE,
    )
    assert found is not None
    assert [each.slots["name"] for each in found] == ["fan.bedroom", "light.kitchen"]
