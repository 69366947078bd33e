"""The native strategy: tools, calls in every form, rounds, and what comes after a failure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_args

import pytest

from ollama_addon.agent.actions.grounding import Code
from ollama_addon.agent.actions.repair import HouseNames
from ollama_addon.agent.actions.repair_several import repair_all
from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.agent.strategies.model_output import ModelOutput
from ollama_addon.agent.strategies.native import Heard, Native
from ollama_addon.agent.strategies.tools import tools_for
from ollama_addon.home.model import Entity
from ollama_addon.understanding.vocabulary import Action
from tests.agent.homes import family_home
from tests.agent.scripted_agent import Talk, call, do, say

NATIVE: dict[str, Any] = {"strategy": "native"}


def test_the_tools_are_the_intents_of_what_is_exposed() -> None:
    tools = tools_for(family_home(), has_satellite=True)
    assert {"HassTurnOn", "HassLightSet", "HassClimateSetTemperature", "HassStartTimer"} <= set(
        tools.names
    )
    assert "HassVacuumStart" not in tools.names  # there is no vacuum
    assert "HassStartTimer" not in tools_for(family_home(), has_satellite=False).names
    for schema in tools.schemas:
        properties = schema["function"]["parameters"]["properties"]
        assert all(slot["type"] in ("string", "integer", "number") for slot in properties.values())


def test_the_same_house_has_the_same_tools_byte_for_byte() -> None:
    made = [json.dumps(tools_for(family_home(), has_satellite=True).schemas) for _ in range(2)]
    assert made[0] == made[1]


async def test_one_call_is_one_model_call_and_confirmed_by_a_template() -> None:
    talk = Talk([{"tool_calls": [call("HassTurnOn", name="Kitchen light")]}], **NATIVE)
    said = await talk.say("turn on the kitchen light")
    assert talk.hands.done == [("HassTurnOn", {"name": "light.kitchen"})]
    assert said.reply == "Turned on the kitchen light."
    assert said.end.usage.model_calls == 1
    assert said.end.outcome == "done"


async def test_parallel_calls_are_all_done_and_repeated_ones_once() -> None:
    calls = [
        call("HassTurnOn", name="Kitchen light"),
        call("HassTurnOff", name="Coffee machine"),
        call("HassTurnOn", name="kitchen light"),
    ]
    talk = Talk([{"tool_calls": calls}], **NATIVE)
    await talk.say("kitchen light on, coffee off")
    assert talk.hands.done == [
        ("HassTurnOn", {"name": "light.kitchen"}),
        ("HassTurnOff", {"name": "switch.coffee"}),
    ]


@pytest.mark.parametrize(
    "written",
    [
        '<tool_call>{"name": "HassTurnOn", "arguments": {"name": "Kitchen light"}}</tool_call>',
        '```json\n{"name": "HassTurnOn", "parameters": {"name": "Kitchen light"}}\n```',
        "<think>They want light: HassTurnOn(name='Kitchen light')</think>",
        '{"function": {"name": "HassTurnOn", "arguments": "{\\"name\\": \\"Kitchen light\\"}"}}',
        'functions.HassTurnOn({"name": "Kitchen light",})',
    ],
)
async def test_a_call_written_as_text_is_done_and_never_spoken(written: str) -> None:
    talk = Talk(written, **NATIVE)
    said = await talk.say("turn on the kitchen light")
    assert talk.hands.done == [("HassTurnOn", {"name": "light.kitchen"})]
    assert said.reply == "Turned on the kitchen light."


async def test_a_failed_call_is_told_with_a_reason_and_may_be_made_again() -> None:
    talk = Talk(
        [{"tool_calls": [call("HassTurnOn", name="attic spotlight of doom")]}],
        [{"tool_calls": [call("HassTurnOn", name="Kitchen light")]}],
        **NATIVE,
    )
    said = await talk.say("turn on the kitchen light")
    told = talk.model.asked[1]["messages"][-1]
    assert told["role"] == "tool"
    assert "There is no" in told["content"]
    assert talk.hands.done == [("HassTurnOn", {"name": "light.kitchen"})]
    assert said.end.usage.model_calls == 2


async def test_after_a_second_failure_the_structured_strategy_is_tried() -> None:
    nonsense = [{"tool_calls": [call("HassTurnOn", name="attic spotlight of doom")]}]
    other = [{"tool_calls": [call("HassTurnOn", name="cellar disco ball")]}]
    talk = Talk(nonsense, other, do("turn on Kitchen light"), **NATIVE)
    said = await talk.say("turn on the kitchen light")
    assert talk.model.asked[2]["format"]["anyOf"]
    assert talk.hands.done == [("HassTurnOn", {"name": "light.kitchen"})]
    assert said.reply == "Turned on the kitchen light."


async def test_rounds_are_bounded() -> None:
    look = [
        [{"tool_calls": [call("HassGetState", name=name)]}]
        for name in ("Kitchen light", "Front door", "Garage door", "TV", "Thermostat")
    ]
    talk = Talk(*look, **NATIVE)
    said = await talk.say("is everything all right?")
    assert said.end.usage.model_calls == 4  # three rounds, then once in the structured form
    assert said.reply


async def test_what_was_read_goes_back_to_the_model_which_then_speaks() -> None:
    talk = Talk(
        [{"tool_calls": [call("HassGetState", name="Front door")]}], "It is unlocked.", **NATIVE
    )
    said = await talk.say("did I lock up?")
    assert "unlocked" in talk.model.asked[1]["messages"][-1]["content"]
    assert said.reply == "It is unlocked."
    assert talk.hands.done == []


async def test_a_failure_in_home_assistant_is_said() -> None:
    talk = Talk([{"tool_calls": [call("HassTurnOn", name="Kitchen light")]}], say("x"), **NATIVE)
    talk.hands.fails["HassTurnOn"] = "Home Assistant could not reach Kitchen light."
    said = await talk.say("turn on the kitchen light")
    assert "Kitchen light did not respond." in said.reply
    assert said.end.outcome == "failed"


async def test_what_is_not_exposed_is_not_touched_whatever_is_called() -> None:
    unexposed = [{"tool_calls": [call("HassTurnOff", name="switch.attic_pump")]}]
    again = [{"tool_calls": [call("HassTurnOff", name="attic pump", area="Attic")]}]
    talk = Talk(unexposed, again, say("There is no such thing."), **NATIVE)
    await talk.say("turn off the attic pump")
    assert talk.hands.done == []


@pytest.mark.parametrize(
    ("parameters", "capabilities", "strategy", "native"),
    [
        (8_000_000_000, ("completion", "tools"), "auto", True),
        (4_000_000_000, ("completion", "tools"), "auto", False),
        (8_000_000_000, ("completion",), "auto", False),
        (8_000_000_000, ("completion", "tools"), "structured", False),
        (1_500_000_000, ("completion", "tools"), "native", True),
        (1_500_000_000, ("completion",), "native", False),
    ],
)
async def test_the_strategy_follows_options_capabilities_and_size(
    parameters: int, capabilities: tuple[str, ...], strategy: str, native: bool
) -> None:
    talk = Talk(parameters=parameters, capabilities=capabilities, strategy=strategy)
    assert (await talk.agent.mode() == "native") is native


async def test_history_keeps_calls_and_results_as_they_were_sent() -> None:
    talk = Talk(
        [{"tool_calls": [call("HassTurnOn", name="Kitchen light")]}], "You are welcome.", **NATIVE
    )
    await talk.say("turn on the kitchen light")
    first = talk.model.asked[0]["messages"]
    await talk.say("thanks")
    second = talk.model.asked[1]["messages"]
    assert second[: len(first)] == first
    assert [message["role"] for message in second[len(first) :]] == [
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


# The tools within their budget, and what calls ask for


HOUSE = family_home()
LABELS = Labels(HOUSE)
NAMES = HouseNames(HOUSE, LABELS.of_entity, "en")
NOW = datetime(2026, 11, 25, 20, 15, tzinfo=UTC)


def native(**more: Any) -> Native:
    return Native(LABELS, NAMES, tools_for(HOUSE, has_satellite=True, **more))


def test_the_tools_shrink_in_steps_until_they_fit() -> None:
    sizes = []
    room = 1_000_000
    for _ in range(4):
        tools = native(fits=partial(fits, room=room)).tools
        sizes.append(len(json.dumps(tools.schemas, ensure_ascii=False)))
        assert {"HassTurnOn", "HassTurnOff", "HassLightSet", "GetLiveContext"} <= tools.names
        room = sizes[-1] - 1
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.8 * sizes[0]


def fits(text: str, room: int) -> bool:
    return len(text) <= room


def test_the_tools_do_not_grow_with_what_is_exposed_but_with_its_kinds() -> None:
    small = len(json.dumps(native().tools.schemas))
    lamps = {f"light.l{n}": Entity(f"light.l{n}", f"Lamp {n}", (), "kitchen") for n in range(300)}
    large = replace(HOUSE, entities={**HOUSE.entities, **lamps})
    tools = tools_for(large, has_satellite=True)
    assert len(json.dumps(tools.schemas)) < 1.05 * small


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("GetLiveContext", {"name": "Front door"}, {"states": {"Front door": "unlocked"}}),
        ("homeassistant__GetLiveContext", {"area": "Kitchen", "domain": "switch"},
         {"states": {"Coffee machine": "off"}}),
        ("GetLiveContext", {"area": ["Hallway"], "domain": ["lock"]},
         {"states": {"Front door": "unlocked"}}),
        ("GetState", {"entity_id": "lock.front"}, {"states": {"Front door": "unlocked"}}),
        ("HassGetState", {"name": "frnt door"}, {"states": {"Front door": "unlocked"}}),
        ("GetDateTime", {}, {"date": "2026-11-25", "time": "20:15", "weekday": "Wednesday"}),
        ("HassGetCurrentTime", {},
         {"date": "2026-11-25", "time": "20:15", "weekday": "Wednesday"}),
    ],
)  # fmt: skip
def test_reading_tools_are_answered_from_the_mirror(
    name: str, arguments: dict[str, Any], told: dict[str, Any]
) -> None:
    called = native().read([(name, arguments)], ModelOutput(), NOW)
    assert called.proposed == ()
    assert json.loads(called.read[0][1]) == told


@pytest.mark.parametrize("arguments", [{"name": "Attic pump"}, {"area": "Attic"}])
def test_what_is_not_there_is_told_and_nothing_else_is(arguments: dict[str, Any]) -> None:
    called = native().read([("GetLiveContext", arguments)], ModelOutput(), NOW)
    assert "There is no" in json.loads(called.read[0][1])["error"]


def test_a_whole_house_is_told_in_part() -> None:
    lamps = {f"light.l{n}": Entity(f"light.l{n}", f"Lamp {n}") for n in range(100)}
    large = replace(HOUSE, entities=lamps, states={})
    names = HouseNames(large, Labels(large).of_entity, "en")
    tools = Native(Labels(large), names, tools_for(large, has_satellite=False))
    told = json.loads(tools.read([("GetLiveContext", {})], ModelOutput(), NOW).read[0][1])
    assert len(told["states"]) == 60
    assert told["more"].startswith("40 others")


def test_calls_and_written_calls_are_read_once() -> None:
    turn = native()
    heard = Heard(turn.output())
    said = heard.take({"content": 'I will. HassTurnOn(name="TV")', "tool_calls": [
        call("HassTurnOff", name="Kitchen light")]})  # fmt: skip
    said += heard.output.finish()
    called = turn.read(heard.calls, heard.output, NOW)
    assert said == "I will."
    assert called.proposed == (
        Action("HassTurnOff", {"name": "Kitchen light"}),
        Action("HassTurnOn", {"name": "TV"}),
    )
    assert turn.read(heard.calls, heard.output, NOW).empty


@pytest.mark.parametrize(
    ("intent", "slots", "words"),
    [
        ("HassTurnOn", {"name": "Kichen lamp of doom"}, "There is: "),
        ("HassTurnOn", {"area": "Garden", "domain": "light"}, "Areas: Bedroom, Hallway"),
        ("HassSetPosition", {"name": "Garage door", "position": 50}, "Possible: open Garage door"),
        ("HassClimateSetTemperature", {"name": "Thermostat", "temperature": 45}, "from 7 to 30"),
        ("HassLightSet", {"name": "Kitchen light", "brightness": "lots"}, "missing or wrong"),
        ("HassTurnOn", {"name": "Ceiling light"}, "Several fit: Ceiling light (Bedroom)"),
        ("make_coffee", {}, "Tools: "),
        ("HassTurnOn", {}, "Give the name."),
    ],
)
def test_what_fails_is_told_with_a_reason_that_helps(
    intent: str, slots: dict[str, Any], words: str
) -> None:
    proposed = Action(intent, slots)
    (item,) = repair_all([proposed], NAMES).items
    assert words in native().reason(item, proposed)


def test_every_reason_to_stop_can_be_told() -> None:
    assert all(native().stopped(code).endswith(".") for code in get_args(Code))
