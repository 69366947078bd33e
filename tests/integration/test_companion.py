"""The companion integration in a real Home Assistant, from the discovered card to a turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dev.stack import Stack
from tests.integration.core import Core, core, speech, token_of_new_user

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
DOMAIN = "ollama_addon"


async def until(check: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait until something is so, and return it."""
    for _ in range(240):
        if found := await check():
            return found
        await asyncio.sleep(0.25)
    raise AssertionError(f"It did not come to be so: {what}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(running_stack: Stack) -> AsyncIterator[Core]:
    home = running_stack.home
    async with core(home.url, home.token) as session:
        yield session


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def entry(running_stack: Stack, owner: Core) -> str:
    """The config entry, made by pressing "Add" on the discovered card."""
    for known in await owner.get("config/config_entries/entry?domain=ollama_addon"):
        await owner.delete(f"config/config_entries/entry/{known['entry_id']}")
    await running_stack.supervisor.push_discovery()

    async def card() -> Any:
        flows = await owner.command("config_entries/flow/progress")
        return [each for each in flows if each["handler"] == DOMAIN]

    (found,) = await until(card, "a discovered card")
    assert found["context"]["source"] == "hassio"
    assert found["context"]["title_placeholders"]["name"]
    done = await owner.post(f"config/config_entries/flow/{found['flow_id']}", {})
    assert done["type"] == "create_entry"
    return str(done["result"]["entry_id"])


async def test_every_agent_stands_in_the_picker(entry: str, owner: Core) -> None:
    agents = (await owner.command("conversation/agent/list"))["agents"]
    picked = {agent["id"]: agent["name"] for agent in agents}
    assert picked["conversation.home"] == "Home"
    state = await owner.state("conversation.home")
    assert state["attributes"]["supported_features"] == 1  # CONTROL


async def test_a_sentence_typed_in_assist_changes_the_house(
    entry: str, owner: Core, stack: Stack
) -> None:
    await stack.home.reset()
    answer = await owner.say("turn on the kitchen light")
    assert speech(answer) == "Turned on the kitchen light."
    assert (await owner.state("light.kitchen_light"))["state"] == "on"
    again = await owner.say("and turn it off", conversation_id=answer["conversation_id"])
    assert (await owner.state("light.kitchen_light"))["state"] == "off"
    assert again["conversation_id"] == answer["conversation_id"]


async def test_a_pipeline_streams_and_shows_what_was_called(
    entry: str, owner: Core, stack: Stack
) -> None:
    await stack.home.reset()
    pipeline = await owner.command(
        "assist_pipeline/pipeline/create",
        name="Test",
        language="en",
        conversation_engine="conversation.home",
        conversation_language="en",
        prefer_local_intents=False,
        stt_engine=None,
        stt_language=None,
        tts_engine=None,
        tts_language=None,
        tts_voice=None,
        wake_word_entity=None,
        wake_word_id=None,
    )
    try:
        events = await owner.events(
            "assist_pipeline/run",
            until="run-end",
            start_stage="intent",
            end_stage="intent",
            input={"text": "close the bedroom blinds"},
            pipeline=pipeline["id"],
        )
    finally:
        await owner.command("assist_pipeline/pipeline/delete", pipeline_id=pipeline["id"])
    deltas = [
        event["data"]["chat_log_delta"]
        for event in events
        if event["type"] == "intent-progress" and "chat_log_delta" in event["data"]
    ]
    called = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    assert [call["tool_name"] for call in called] == ["HassTurnOff"]
    assert any(delta.get("role") == "tool_result" for delta in deltas)
    words = "".join(delta.get("content") or "" for delta in deltas if "tool_call_id" not in delta)
    (end,) = [event for event in events if event["type"] == "intent-end"]
    assert speech(end["data"]["intent_output"]) == words
    assert (await owner.state("cover.bedroom_blinds"))["state"] == "closed"


async def test_the_lights_are_those_of_the_area_that_was_spoken_in(
    entry: str, owner: Core, stack: Stack
) -> None:
    await stack.home.reset()
    before = await stack.home.states()
    satellites = [
        device
        for device in await owner.command("config/device_registry/list")
        if device["area_id"] == "kitchen" and "satellite" in (device["name"] or "").lower()
    ]
    assert satellites
    pipeline = next(iter((await owner.command("assist_pipeline/pipeline/list"))["pipelines"]))
    whole = {key: value for key, value in pipeline.items() if key != "id"}
    await owner.command(
        "assist_pipeline/pipeline/update",
        pipeline_id=pipeline["id"],
        **{**whole, "conversation_engine": "conversation.home"},
    )
    try:
        await owner.events(
            "assist_pipeline/run",
            until="run-end",
            start_stage="intent",
            end_stage="intent",
            input={"text": "turn on the lights"},
            device_id=satellites[0]["id"],
            pipeline=pipeline["id"],
        )
    finally:
        await owner.command("assist_pipeline/pipeline/update", pipeline_id=pipeline["id"], **whole)
    after = await stack.home.states()
    changed = {
        entity_id
        for entity_id, state in after.items()
        if entity_id.startswith("light.") and state["state"] != before[entity_id]["state"]
    }
    assert changed
    entities = await owner.command("config/entity_registry/list")
    areas = {entity["entity_id"]: entity["area_id"] for entity in entities}
    assert {areas[entity_id] for entity_id in changed} == {"kitchen"}


async def test_what_is_done_is_done_by_who_asked(entry: str, owner: Core, stack: Stack) -> None:
    await stack.home.reset()
    token = await token_of_new_user(owner, stack.home, "guest", "system-users")
    async with core(stack.home.url, token) as guest:
        user = await guest.command("auth/current_user")
        await guest.say("turn on the kitchen light")
    state = await owner.state("light.kitchen_light")
    assert state["state"] == "on"
    assert state["context"]["user_id"] == user["id"]


async def test_who_may_only_look_changes_nothing(entry: str, owner: Core, stack: Stack) -> None:
    await stack.home.reset()
    token = await token_of_new_user(owner, stack.home, "visitor", "system-read-only")
    async with core(stack.home.url, token) as visitor:
        answer = await visitor.say("turn on the kitchen light")
    assert (await owner.state("light.kitchen_light"))["state"] == "off"
    assert "Turned on" not in speech(answer)


async def test_the_command_to_act_is_worth_nothing_without_a_running_turn(
    entry: str, owner: Core
) -> None:
    answer = await owner.command(
        "ollama_addon/act", turn="guessed", intent="HassTurnOn", data={"name": "Kitchen light"}
    )
    assert answer == {"unknown_turn": True}


async def test_an_ai_task_gives_data_of_the_form_that_was_asked_for(
    entry: str, owner: Core
) -> None:
    answer = await owner.post(
        "services/ai_task/generate_data?return_response",
        {
            "entity_id": "ai_task.home",
            "task_name": "color",
            "instructions": "Name one color.",
            "structure": {"color": {"selector": {"select": {"options": ["red", "blue"]}}}},
        },
    )
    assert answer["service_response"]["data"]["color"] in ("red", "blue")


async def test_agents_come_and_go_without_a_restart(entry: str, owner: Core, stack: Stack) -> None:
    addon = stack.supervisor.addon
    kept = addon.user_options["agents"]
    second = {
        "name": "Butler",
        "model": stack.model,
        "control_home": False,
        "instructions": "You are a butler.",
    }

    async def butler() -> Any:
        found = [s for s in await owner.get("states") if s["entity_id"] == "conversation.butler"]
        return found if found and found[0]["state"] != "unavailable" else None

    async def no_butler() -> bool:
        return all(s["entity_id"] != "conversation.butler" for s in await owner.get("states"))

    addon.user_options["agents"] = [*kept, second]
    try:
        await addon.restart()
        await stack.until_ready()
        (state,) = await until(butler, "a second agent")
        assert state["attributes"]["supported_features"] == 0
        assert speech(await owner.say("hello", "conversation.butler"))
        await owner.say("turn on the kitchen light", "conversation.butler")
    finally:
        addon.user_options["agents"] = kept
        await addon.restart()
        await stack.until_ready()
    await until(no_butler, "the second agent gone")
    devices = await owner.command("config/device_registry/list")
    assert not [device for device in devices if device["name"] == "Butler"]


async def test_a_stopped_add_on_is_unavailable_and_comes_back(
    entry: str, owner: Core, stack: Stack
) -> None:
    addon = stack.supervisor.addon

    async def unavailable() -> bool:
        return bool((await owner.state("conversation.home"))["state"] == "unavailable")

    async def available() -> bool:
        return not await unavailable()

    before = await owner.say("turn on the kitchen light")
    await addon.stop()
    await until(unavailable, "unavailable")
    await addon.start()
    await stack.until_ready()
    await until(available, "available")
    after = await owner.say("is the garage door open?", conversation_id=before["conversation_id"])
    assert speech(after)


async def test_a_new_token_is_followed(entry: str, owner: Core, stack: Stack) -> None:
    addon = stack.supervisor.addon
    before = stack.token
    await addon.stop()
    (addon.data / "token").unlink()
    await addon.start()

    async def heard() -> bool:
        return stack.token != before

    await until(heard, "a new token announced")
    await stack.until_ready()

    async def answers() -> bool:
        state = await owner.state("conversation.home")
        return bool(state["state"] != "unavailable")

    await until(answers, "connected again")
    assert speech(await owner.say("is the garage door open?"))


async def test_a_token_that_is_refused_is_asked_for(entry: str, owner: Core, stack: Stack) -> None:
    addon = stack.supervisor.addon
    await addon.stop()
    (addon.data / "token").unlink()
    # As where Home Assistant and the app run on different machines: nothing is announced.
    stack.supervisor.fail("/discovery")

    async def asked() -> Any:
        flows = await owner.command("config_entries/flow/progress")
        return [flow for flow in flows if flow["context"].get("source") == "reauth"]

    try:
        await addon.start()
        (flow,) = await until(asked, "a token asked for")
        path = f"config/config_entries/flow/{flow['flow_id']}"
        wrong = await owner.post(path, {"token": "wrong"})
        assert wrong["errors"] == {"base": "invalid_auth"}
        token = (addon.data / "token").read_text()
        done = await owner.post(path, {"token": token})
        assert (done["type"], done["reason"]) == ("abort", "reauth_successful")
    finally:
        stack.supervisor.heal()
        await addon.restart()
        await stack.until_ready()

    async def answers() -> bool:
        state = await owner.state("conversation.home")
        return bool(state["state"] != "unavailable")

    await until(answers, "connected again")


async def test_what_is_down_stands_among_the_repairs(entry: str, owner: Core, stack: Stack) -> None:
    addon = stack.supervisor.addon
    kept = addon.user_options["agents"]

    async def issues() -> set[str]:
        found = (await owner.command("repairs/list_issues"))["issues"]
        return {issue["translation_key"] for issue in found if issue["domain"] == DOMAIN}

    async def told() -> bool:
        return "agents_down" in await issues()

    async def mended() -> bool:
        return "agents_down" not in await issues()

    addon.user_options["agents"] = []
    try:
        await addon.restart()
        await until(told, "a repair")
    finally:
        addon.user_options["agents"] = kept
        await addon.restart()
        await stack.until_ready()
    await until(mended, "no repair")


async def test_diagnostics_hold_no_secret(entry: str, owner: Core, stack: Stack) -> None:
    await owner.say("turn on the kitchen light")
    found: dict[str, Any] = {}

    async def told() -> bool:
        found.update((await owner.get(f"diagnostics/config_entry/{entry}"))["data"])
        return bool(found["last_turn"].get("outcome") == "done")

    await until(told, "the last turn in the diagnostics")
    text = str(found).casefold()
    assert found["states"]["home"] == "ok"
    assert stack.model in text
    for word in (stack.token, stack.sidecar_url, "127.0.0.1", "kitchen", "turn on", "willow"):
        assert word.casefold() not in text, word


async def test_an_address_and_a_token_can_be_typed(entry: str, owner: Core, stack: Stack) -> None:
    async def typed(url: str, token: str) -> Any:
        flow = await owner.post("config/config_entries/flow", {"handler": DOMAIN})
        assert flow["step_id"] == "user"
        data = {"url": url, "token": token}
        return await owner.post(f"config/config_entries/flow/{flow['flow_id']}", data)

    assert (await typed("ftp://somewhere", "x"))["errors"] == {"url": "invalid_url"}
    assert (await typed("http://127.0.0.1:1", "x"))["errors"] == {"base": "cannot_connect"}
    assert (await typed(stack.home.url, "x"))["errors"] == {"base": "cannot_connect"}
    assert (await typed(stack.sidecar_url, "wrong"))["errors"] == {"base": "invalid_auth"}
    again = await typed(stack.sidecar_url, stack.token)
    assert (again["type"], again["reason"]) == ("abort", "already_configured")


async def test_the_connection_can_be_changed(entry: str, owner: Core, stack: Stack) -> None:
    flow = await owner.post("config/config_entries/flow", {"handler": DOMAIN, "entry_id": entry})
    assert flow["step_id"] == "reconfigure"
    done = await owner.post(
        f"config/config_entries/flow/{flow['flow_id']}",
        {"url": stack.sidecar_url, "token": stack.token},
    )
    assert (done["type"], done["reason"]) == ("abort", "reconfigure_successful")


async def test_models_are_managed_by_actions(entry: str, owner: Core, stack: Stack) -> None:
    answer = await owner.post(
        f"services/{DOMAIN}/pull_model?return_response", {"model": stack.model}
    )
    assert answer["service_response"]["model"] == stack.model


async def test_models_are_managed_by_administrators_only(
    entry: str, owner: Core, stack: Stack
) -> None:
    token = await token_of_new_user(owner, stack.home, "guest", "system-users")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=60) as guest:
        for action in ("pull_model", "delete_model"):
            url = f"{stack.home.url}/api/services/{DOMAIN}/{action}"
            assert (await guest.post(url, json={"model": stack.model})).status_code == 401
    models = (await stack.client.get("/api/models")).json()
    assert stack.model in [model["name"] for model in models if model["present"]]


@pytest.mark.parametrize(
    "name", ["../journal", "..", ".", "%2e%2e/journal", "a/../../journal", "x?y=1", "x#y", "a b"]
)
async def test_no_name_of_a_model_leads_to_another_route(
    entry: str, owner: Core, stack: Stack, name: str
) -> None:
    await owner.say("is the garage door open?")
    before = (await stack.client.get("/api/history")).json()["turns"]
    assert before
    headers = {"Authorization": f"Bearer {stack.home.token}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=60) as client:
        url = f"{stack.home.url}/api/services/{DOMAIN}/delete_model"
        answer = await client.post(url, json={"model": name})
    assert answer.status_code == 500  # how Home Assistant answers an action that failed
    log = (await stack.client.get("/api/log?level=debug")).text
    assert "Traceback" not in log
    assert (await stack.client.get("/api/history")).json()["turns"] == before


async def test_a_button_frees_the_memory_of_models(entry: str, owner: Core, stack: Stack) -> None:
    await owner.say("is the garage door open?")

    async def loaded() -> bool:
        return bool((await stack.client.get("/api/status")).json()["loaded"])

    async def unloaded() -> bool:
        return not await loaded()

    await until(loaded, "a model in memory")
    registered = await owner.command("config/entity_registry/list")
    (button,) = [
        entity["entity_id"]
        for entity in registered
        if entity["platform"] == DOMAIN and entity["entity_id"].startswith("button.")
    ]
    (sensor,) = [
        entity["entity_id"]
        for entity in registered
        if entity["platform"] == DOMAIN and entity["entity_id"].endswith("loaded_model")
    ]

    async def known() -> bool:
        state = await owner.state(sensor)
        return bool(state["state"] == stack.model)

    await until(known, "the model known to Home Assistant")
    await owner.post("services/button/press", {"entity_id": button})
    await until(unloaded, "no model in memory")
