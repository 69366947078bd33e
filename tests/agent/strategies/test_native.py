"""The native strategy: tools, calls in every form, rounds, and what comes after a failure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollama_addon.agent.strategies.native import tools_for
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
    assert said.reply == "Turned on the light."
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
    assert said.reply == "Turned on the light."


async def test_a_failed_call_is_told_with_a_reason_and_may_be_made_again() -> None:
    talk = Talk(
        [{"tool_calls": [call("HassTurnOn", name="attic spotlight of doom")]}],
        [{"tool_calls": [call("HassTurnOn", name="Kitchen light")]}],
        **NATIVE,
    )
    said = await talk.say("turn on the kitchen light")
    told = talk.model.asked[1]["messages"][-1]
    assert told["role"] == "tool"
    assert "could not find" in told["content"]
    assert talk.hands.done == [("HassTurnOn", {"name": "light.kitchen"})]
    assert said.end.usage.model_calls == 2


async def test_after_a_second_failure_the_structured_strategy_is_tried() -> None:
    nonsense = [{"tool_calls": [call("HassTurnOn", name="attic spotlight of doom")]}]
    other = [{"tool_calls": [call("HassTurnOn", name="cellar disco ball")]}]
    talk = Talk(nonsense, other, do("turn on Kitchen light"), **NATIVE)
    said = await talk.say("turn on the kitchen light")
    assert talk.model.asked[2]["format"]["anyOf"]
    assert talk.hands.done == [("HassTurnOn", {"name": "light.kitchen"})]
    assert said.reply == "Turned on the light."


async def test_rounds_are_bounded() -> None:
    look = [
        [{"tool_calls": [call("HassGetState", name=name)]}]
        for name in ("Kitchen light", "Front door", "Garage door", "TV", "Thermostat")
    ]
    talk = Talk(*look, **NATIVE)
    said = await talk.say("is everything all right?")
    assert said.end.usage.model_calls == 3
    assert said.reply


async def test_what_was_read_goes_back_to_the_model_which_then_speaks() -> None:
    talk = Talk(
        [{"tool_calls": [call("HassGetState", name="Front door")]}], "It is unlocked.", **NATIVE
    )
    said = await talk.say("did I lock up?")
    assert "unlocked" in talk.model.asked[1]["messages"][-1]["content"]
    assert said.reply == "It is unlocked."
    assert talk.hands.done == []


async def test_a_failure_in_home_assistant_is_said_as_it_is() -> None:
    talk = Talk([{"tool_calls": [call("HassTurnOn", name="Kitchen light")]}], say("x"), **NATIVE)
    talk.hands.fails["HassTurnOn"] = "Home Assistant could not reach Kitchen light."
    said = await talk.say("turn on the kitchen light")
    assert "could not reach Kitchen light" in said.reply
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
