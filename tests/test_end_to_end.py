"""Sentences to a real language model that change a real Home Assistant."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dev.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

HOME_ASSISTANTS_OWN = (
    *("sensor.backup", "event.backup", "sun.", "zone.", "person."),
    # What the companion tells of the talking itself.
    *("conversation.", "ai_task.", "sensor.ollama_"),
)


async def changed(stack: Stack, text: str, **more: Any) -> tuple[dict[str, dict[str, Any]], str]:
    """Say a sentence; return what it changed in the house, and the reply."""
    before = await stack.home.states()
    turn = await stack.say(text, **more)
    assert turn.error is None, turn.error
    await asyncio.sleep(0.1)
    after = await stack.home.states()
    differences = {
        entity_id: state
        for entity_id, state in after.items()
        if state != before.get(entity_id) and not entity_id.startswith(HOME_ASSISTANTS_OWN)
    }
    return differences, turn.reply


@pytest.mark.parametrize(
    ("text", "entity_id", "state"),
    [
        ("turn on the kitchen light", "light.kitchen_light", "on"),
        ("switch off the coffee machine", None, None),
        ("close the bedroom blinds", "cover.bedroom_blinds", "closed"),
        ("lock the front door", "lock.front_door", "locked"),
        ("start the robot vacuum", "vacuum.robot", "cleaning"),
        ("pause the tv", "media_player.tv", "paused"),
        ("turn off the hallway light", "light.hallway_light", "off"),
    ],
)
async def test_an_order_does_what_it_says_and_nothing_else(
    stack: Stack, text: str, entity_id: str | None, state: str | None
) -> None:
    differences, reply = await changed(stack, text)
    assert {key: value["state"] for key, value in differences.items()} == (
        {entity_id: state} if entity_id else {}
    )
    assert reply


async def test_the_garage_door_opens_after_a_yes(stack: Stack) -> None:
    turn = await stack.say("open the garage door")
    assert turn.continue_conversation
    assert (await stack.home.states())["cover.garage_door"]["state"] == "closed"
    answer = await stack.say("yes", conversation_id=turn.conversation_id)
    assert answer.outcome == "done"
    assert (await stack.home.states())["cover.garage_door"]["state"] == "open"


@pytest.mark.parametrize(
    ("text", "entity_id", "attribute", "value"),
    [
        ("set the kitchen light to 40 percent", "light.kitchen_light", "brightness", 102),
        ("set the thermostat to 22 degrees", "climate.thermostat", "temperature", 22),
        ("set the tv volume to 20 percent", "media_player.tv", "volume_level", 0.2),
        (
            "set the bedroom blinds to 30 percent",
            "cover.bedroom_blinds",
            "current_position",
            30,
        ),
    ],
)
async def test_a_value_is_set(
    stack: Stack, text: str, entity_id: str, attribute: str, value: float
) -> None:
    differences, _ = await changed(stack, text)
    assert set(differences) == {entity_id}
    assert differences[entity_id]["attributes"][attribute] == value


async def test_several_things_in_one_sentence(stack: Stack) -> None:
    differences, _ = await changed(stack, "turn on the desk lamp and close the kitchen blinds")
    assert {key: value["state"] for key, value in differences.items()} == {
        "light.desk_lamp": "on",
        "cover.kitchen_blinds": "closed",
    }


async def test_all_lights_of_an_area(stack: Stack) -> None:
    differences, _ = await changed(stack, "turn on all the lights in the kitchen")
    assert differences["light.kitchen_light"]["state"] == "on"
    assert set(differences) <= {"light.kitchen_light", "light.counter_lights"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("is the garage door open?", ["no", "closed"]),
        ("is the front door locked?", ["no", "unlocked"]),
        ("what is the outdoor temperature?", ["12.5"]),
    ],
)
async def test_a_question_is_answered_and_changes_nothing(
    stack: Stack, text: str, words: list[str]
) -> None:
    differences, reply = await changed(stack, text)
    assert differences == {}
    assert all(word in reply.lower() for word in words), reply


@pytest.mark.parametrize("text", ["thank you very much", "tell me a joke"])
async def test_talk_changes_nothing(stack: Stack, text: str) -> None:
    differences, reply = await changed(stack, text)
    assert differences == {}
    assert reply


@pytest.mark.parametrize("text", ["turn off the freezer", "turn on the attic light"])
async def test_what_is_not_exposed_stays_as_it_is(stack: Stack, text: str) -> None:
    differences, _ = await changed(stack, text)
    assert not {"switch.freezer", "light.attic_light"} & set(differences)


async def test_it_refers_to_the_turn_before(stack: Stack) -> None:
    first = await stack.say("turn on the desk lamp")
    again = {"conversation_id": first.conversation_id}
    differences, _ = await changed(stack, "turn it off again", **again)
    assert {key: value["state"] for key, value in differences.items()} == {"light.desk_lamp": "off"}


async def test_it_answers_in_the_language_of_the_person(stack: Stack) -> None:
    differences, reply = await changed(stack, "schalte die Desk lamp ein", language="de")
    assert differences["light.desk_lamp"]["state"] == "on"
    assert "eingeschaltet" in reply.lower()


@pytest.mark.parametrize(
    ("agent", "text", "status", "code"),
    [
        ("nobody", "hello", 404, "unknown_agent"),
        ("home", "   ", 422, "empty_text"),
        ("home", "x" * 100_000, 413, "text_too_long"),
    ],
)
async def test_bad_input_has_a_code_and_a_sentence(
    stack: Stack, agent: str, text: str, status: int, code: str
) -> None:
    answer = await stack.client.post(f"/api/agents/{agent}/converse", json={"text": text})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"].endswith(".")


async def test_nobody_comes_in_without_the_token(stack: Stack) -> None:
    headers = {"Authorization": "Bearer wrong"}
    assert (await stack.client.get("/api/agents", headers=headers)).status_code == 401
    assert (await stack.client.get("/health", headers=headers)).status_code == 200


async def test_the_panel_is_served_through_ingress(stack: Stack) -> None:
    page = await stack.client.get(stack.ingress_url)
    assert page.status_code == 200
    assert 'src="static/overview.js"' in page.text
    assert (await stack.client.get(f"{stack.ingress_url}static/overview.js")).status_code == 200
    assert (await stack.client.get(f"{stack.ingress_url}api/status")).json()["home"][
        "state"
    ] == "ok"
