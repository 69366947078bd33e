"""Whole turns of the structured strategy, with a model that answers from a script."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.agent.homes import family_home, large
from tests.agent.scripted_agent import Talk, do, say

TINY: dict[str, Any] = {"parameters": 135_000_000}


async def test_an_order_takes_one_call_and_is_confirmed() -> None:
    talk = Talk(do("turn on Kitchen light"))
    said = await talk.say("turn on the kitchen light")
    assert talk.hands.done == [("HassTurnOn", {"name": "light.kitchen"})]
    assert (said.reply, said.end.outcome) == ("Turned on the kitchen light.", "done")
    assert said.end.usage.model_calls == 1


async def test_words_are_streamed_and_nothing_is_done() -> None:
    talk = Talk(say("You are welcome."))
    said = await talk.say("thank you")
    assert (said.reply, said.end.outcome, talk.hands.done) == ("You are welcome.", "talked", [])


async def test_the_prefix_is_the_same_for_every_satellite_user_and_state() -> None:
    talk = Talk(say("a"), say("b"))
    await talk.say("hello", "one", device_id="satellite", user_name="Ada")
    states = talk.house.states
    assert isinstance(states, dict)
    states["light.kitchen"] = states["light.counter"]
    await talk.say("hello", "two")
    assert talk.model.asked[0]["messages"][0] == talk.model.asked[1]["messages"][0]


async def test_a_question_may_look_at_more_of_the_house_once() -> None:
    talk = Talk(
        json.dumps({"look": ["Hallway"]}),
        say("The front door is unlocked."),
        house=large(family_home()),
    )
    said = await talk.say("is the house ready for the night?")
    shown = talk.model.asked[1]["messages"][-1]["content"]
    assert "Front door: unlocked" in shown
    assert "Garage door: closed" in shown
    assert "look" not in json.dumps(talk.model.asked[1]["format"])
    assert said.reply == "The front door is unlocked."
    assert said.end.usage.model_calls == 2


async def test_an_answer_that_cannot_be_read_is_no_action() -> None:
    talk = Talk("I would rather not")
    said = await talk.say("turn on the kitchen light")
    assert (said.end.outcome, talk.hands.done) == ("talked", [])
    assert said.reply == "I would rather not"


async def test_one_of_several_failing_is_said_truthfully() -> None:
    talk = Talk(do("turn on Kitchen light", "lock Front door"))
    talk.hands.fails["HassTurnOn"] = "Home Assistant could not reach Front door."
    said = await talk.say("kitchen light on and lock up")
    assert "Front door did not respond" in said.reply
    assert "Turned on" not in said.reply
    assert said.end.outcome == "failed"


async def test_what_asks_first_is_done_after_a_yes_only() -> None:
    talk = Talk(do("unlock Front door"), do("unlock Front door"), confirm=("unlock",))
    asked = await talk.say("unlock the front door")
    assert asked.end.continue_conversation
    assert asked.end.outcome == "asked"
    assert talk.hands.done == []
    kept = await talk.say("no")
    assert talk.hands.done == []
    assert kept.reply == "All right, I left it as it is."
    await talk.say("unlock the front door")
    await talk.say("yes please")
    assert talk.hands.done == [("HassTurnOff", {"name": "lock.front"})]


async def test_a_yes_in_another_conversation_confirms_nothing() -> None:
    talk = Talk(do("unlock Front door"), say("Yes what?"), confirm=("unlock",))
    await talk.say("unlock the front door", "one")
    await talk.say("yes", "two")
    assert talk.hands.done == []


async def test_it_asks_back_where_the_words_fit_two_and_does_the_rest_with_the_answer() -> None:
    talk = Talk(do("turn on Ceiling light (Bedroom)", "lock Front door"))
    asked = await talk.say("turn on the ceiling and lock the front door")
    assert asked.end.continue_conversation
    assert talk.hands.done == []
    done = await talk.say("the one in the living room")
    assert talk.hands.done == [
        ("HassTurnOn", {"name": "light.ceiling_living"}),
        ("HassTurnOn", {"name": "lock.front"}),
    ]
    assert done.end.outcome == "done"


async def test_it_goes_on_with_it_and_the_other_one() -> None:
    talk = Talk(
        do("turn on Kitchen light"), do("turn off Kitchen light"), do("turn on Counter light")
    )
    await talk.say("turn on the kitchen light")
    await talk.say("and turn it off again")
    await talk.say("now the other one")
    assert [slots["name"] for _, slots in talk.hands.done] == [
        *("light.kitchen", "light.kitchen", "light.counter")
    ]


async def test_a_tiny_model_is_not_asked_for_what_must_not_be_done_now() -> None:
    talk = Talk(**TINY)
    said = await talk.say("turn off the kitchen light in ten minutes")
    assert said.end.usage.model_calls == 0
    assert said.end.outcome == "failed"
    assert talk.hands.done == []


async def test_a_list_is_read_without_a_model() -> None:
    talk = Talk(**TINY)
    said = await talk.say("what is on the shopping list?")
    assert said.reply == "Shopping list: milk and eggs."
    assert said.end.usage.model_calls == 0


async def test_an_agent_without_control_neither_sees_nor_touches_the_house() -> None:
    talk = Talk("<think>the kitchen light</think>Just talking.", control_home=False)
    said = await talk.say("turn on the kitchen light")
    assert said.reply == "Just talking."
    assert talk.hands.done == []
    prompt = json.dumps(talk.model.asked[0]["messages"][:-1])
    assert "kitchen" not in prompt.lower()
    assert talk.model.asked[0]["format"] is None
    assert talk.model.asked[0]["tools"] is None


async def test_what_a_pipeline_adds_to_the_prompt_is_read() -> None:
    talk = Talk(say("ok"))
    await talk.say("yes", extra_system_prompt="The doorbell rang; ask whether to open.")
    assert "doorbell rang" in talk.model.asked[0]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("phrase", "done"),
    [
        (
            "warmer Thermostat by 2",
            ("HassClimateSetTemperature", {"name": "climate.living", "temperature": 22}),
        ),
        (
            "quieter TV by 10",
            ("HassSetVolumeRelative", {"name": "media_player.tv", "volume_step": -10}),
        ),
        (
            "dim Kitchen light by 20",
            ("light.turn_on", {"brightness_step_pct": -20, "entity_id": ["light.kitchen"]}),
        ),
    ],
)
async def test_changes_by_a_number(phrase: str, done: tuple[str, dict[str, object]]) -> None:
    texts = {
        "w": "make the thermostat warmer by 2 degrees",
        "q": "make the TV quieter by 10",
        "d": "dim the kitchen light by 20",
    }
    talk = Talk(do(phrase))
    await talk.say(texts[phrase[0]])
    assert talk.hands.done == [done]
