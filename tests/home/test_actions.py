"""Intents and services: what is asked, and what becomes of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from ollama_addon.errors import AddonError
from ollama_addon.home.actions import Actions, Outcome, Target
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import Satellite

from .scripted_home import ScriptedHome
from .scripted_house import ScriptedHouse

LAMP = {"type": "entity", "id": "light.lamp", "name": "Lamp"}
HALL = {"type": "area", "id": "hall", "name": "Hall"}


@pytest.fixture
async def actions(house: ScriptedHouse, connection: Connection) -> Actions:
    house.add("light.lamp", original_name="Lamp")
    house.add("todo.list", original_name="List")
    house.add("lock.safe", original_name="Safe", exposed=False)
    house.states["light.yaml"] = {"s": "on", "a": {"friendly_name": "Yaml"}}
    house.unregistered = {"light.yaml": True}
    mirror = Mirror(connection)
    await connection.start()
    await mirror.wait_ready(10)
    return Actions(connection, mirror)


def answer(home: ScriptedHome, body: Any, status: int = 200) -> None:
    home.posts["intent/handle"] = lambda request: web.Response(
        status=status, text=json.dumps(body), content_type="application/json"
    )


async def test_an_intent_is_asked_for_as_assist_would(home: ScriptedHome, actions: Actions) -> None:
    answer(home, {"response_type": "action_done", "speech": {}, "data": {"success": [LAMP]}})
    outcome = await actions.handle_intent(
        "HassLightSet",
        {"name": "light.lamp", "brightness": 40},
        language="de",
        satellite=Satellite("device", "assist_satellite.ear", "hall"),
        preferred_area="hall",
    )
    assert outcome == Outcome(True, success_targets=(Target("entity", "light.lamp", "Lamp"),))
    assert home.requests[-1] == {
        "post": "intent/handle",
        "name": "HassLightSet",
        "data": {"name": "light.lamp", "brightness": 40, "preferred_area_id": "hall"},
        "assistant": "conversation",
        "language": "de",
        "device_id": "device",
        "satellite_id": "assist_satellite.ear",
    }


async def test_what_is_not_known_is_not_sent(home: ScriptedHome, actions: Actions) -> None:
    answer(home, {"response_type": "action_done", "data": {}})
    assert (await actions.handle_intent("HassNevermind", {}, satellite=Satellite())).ok
    assert home.requests[-1] == {
        "post": "intent/handle",
        "name": "HassNevermind",
        "data": {},
        "assistant": "conversation",
    }


@pytest.mark.parametrize(
    ("response", "ok", "code", "reason"),
    [
        (
            {
                "response_type": "error",
                "data": {"code": "failed_to_handle"},
                "speech": {"plain": {"speech": "No entities matched the name"}},
            },
            False,
            "failed_to_handle",
            "No entities matched the name",
        ),
        ({"response_type": "error"}, False, "unknown", "Home Assistant could not do that."),
        # The area was found, but nothing in it could be reached.
        (
            {"response_type": "action_done", "data": {"success": [HALL], "failed": [LAMP]}},
            False,
            "failed_to_handle",
            "Home Assistant could not reach Lamp.",
        ),
        (
            {"response_type": "action_done", "data": {"success": [HALL, LAMP], "failed": [LAMP]}},
            True,
            "",
            "",
        ),
        ({"response_type": "query_answer", "data": {"success": []}}, True, "", ""),
    ],
)
async def test_outcomes(
    home: ScriptedHome, actions: Actions, response: Any, ok: bool, code: str, reason: str
) -> None:
    answer(home, response)
    outcome = await actions.handle_intent("HassTurnOn", {"name": "light.lamp"})
    assert (outcome.ok, outcome.code, outcome.reason) == (ok, code, reason)


async def test_what_an_intent_tells(home: ScriptedHome, actions: Actions) -> None:
    speech = {"plain": {"speech": "Four minutes left", "extra_data": None}}
    slots = {"timers": [{"id": "1"}]}
    answer(home, {"response_type": "action_done", "speech": speech, "speech_slots": slots})
    outcome = await actions.handle_intent("HassTimerStatus", {})
    assert (outcome.speech, outcome.data) == ("Four minutes left", slots)


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_an_intent_that_cannot_be_read(
    home: ScriptedHome, actions: Actions, status: int
) -> None:
    answer(home, {"message": "no"}, status)
    outcome = await actions.handle_intent("HassFly", {})
    assert (outcome.ok, outcome.code) == (False, "invalid_intent")
    assert outcome.reason == "Home Assistant does not take HassFly with these values."


async def test_away(connection: Connection, actions: Actions) -> None:
    await connection.stop()
    with pytest.raises(AddonError) as caught:
        await actions.handle_intent("HassTurnOn", {"name": "light.lamp"})
    assert caught.value.code == "home_away"
    with pytest.raises(AddonError) as caught:
        await actions.call_service("light", "turn_on", {}, ["light.lamp"])
    assert caught.value.code == "home_away"


async def test_a_service_is_called(home: ScriptedHome, actions: Actions) -> None:
    home.answers["call_service"] = {"context": {}}
    outcome = await actions.call_service("light", "turn_on", {"flash": "short"}, ["light.lamp"])
    assert outcome == Outcome(True, success_targets=(Target("entity", "light.lamp", "Lamp"),))
    (request,) = home.asked("call_service")
    assert request["domain"] == "light"
    assert request["service"] == "turn_on"
    assert request["service_data"] == {"flash": "short"}
    assert request["target"] == {"entity_id": ["light.lamp"]}


async def test_a_service_that_fails(home: ScriptedHome, actions: Actions) -> None:
    home.answers["call_service"] = ValueError("Validation error: too bright")
    outcome = await actions.call_service("light", "turn_on", {}, ["light.lamp"])
    assert outcome == Outcome(
        False, code="failed_to_handle", reason="Validation error: too bright."
    )


@pytest.mark.parametrize(
    ("data", "entity_ids"),
    [
        ({}, []),
        ({}, ["lock.safe"]),
        ({}, ["light.lamp", "lock.safe"]),
        ({}, ["light.no_such"]),
        ({}, ["all"]),
        ({"area_id": "hall"}, ["light.lamp"]),
        ({"entity_id": "lock.safe"}, ["light.lamp"]),
        ({"entity_id": "light.lamp, lock.safe"}, ["light.lamp"]),
        ({"entities": {"lock.safe": "unlocked"}}, ["light.lamp"]),
        ({"variables": {"group_members": ["lock.safe"]}}, ["light.lamp"]),
        ({"steps": [{"target": {"entity_id": ["lock.safe"]}}]}, ["light.lamp"]),
    ],
)
async def test_what_is_not_exposed_is_not_touched(
    home: ScriptedHome, actions: Actions, data: dict[str, Any], entity_ids: list[str]
) -> None:
    outcome = await actions.call_service("homeassistant", "turn_on", data, entity_ids)
    assert (outcome.ok, outcome.code) == (False, "not_exposed")
    assert outcome.reason.endswith(".")
    assert not home.asked("call_service")


async def test_exposure_of_what_is_in_no_registry_is_asked_for(
    house: ScriptedHouse, actions: Actions
) -> None:
    assert (await actions.call_service("light", "turn_on", {}, ["light.yaml"])).ok
    house.unregistered = {}
    outcome = await actions.call_service("light", "turn_on", {}, ["light.yaml"])
    assert outcome.code == "not_exposed"


async def test_before_the_house_was_read(connection: Connection) -> None:
    actions = Actions(connection, Mirror(connection))
    with pytest.raises(AddonError) as caught:
        await actions.call_service("light", "turn_on", {}, ["light.lamp"])
    assert caught.value.code == "home_away"


async def test_items_of_a_list(home: ScriptedHome, actions: Actions) -> None:
    items = [{"summary": "milk", "uid": "1", "status": "needs_action"}]
    home.answers["call_service"] = {"context": {}, "response": {"todo.list": {"items": items}}}
    assert await actions.todo_items("todo.list") == items
    (request,) = home.asked("call_service")
    assert request["return_response"] is True
    assert request["service_data"] == {"status": ["needs_action"]}
    with pytest.raises(AddonError) as caught:
        await actions.todo_items("todo.diary")
    assert (caught.value.code, caught.value.status) == ("not_exposed", 403)
