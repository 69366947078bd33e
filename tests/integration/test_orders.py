"""Orders for later through a real Home Assistant: said, shown, cancelled, done as who said them."""

from __future__ import annotations

from typing import Any

import pytest

from dev.stack import Stack
from tests.integration.core import Core, core, speech, token_of_new_user
from tests.integration.test_companion import DOMAIN, entry, owner, until

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["entry", "owner"]

LAMP = "light.desk_lamp"


async def next_order(owner: Core) -> Any:
    """Return the sensor of the next order."""
    entities = await owner.command("config/entity_registry/list")
    (sensor,) = [each for each in entities if each["unique_id"].endswith("_next_order")]
    return await owner.state(sensor["entity_id"])


async def cancel_all(owner: Core, **data: Any) -> int:
    answer = await owner.post(f"services/{DOMAIN}/cancel_orders?return_response", data)
    return int(answer["service_response"]["canceled"])


async def test_said_shown_and_cancelled(entry: str, owner: Core, stack: Stack) -> None:
    await cancel_all(owner)
    answer = speech(await owner.say("turn on the desk lamp in ten minutes"))
    assert "desk lamp" in answer.lower()

    async def shown() -> Any:
        state = await next_order(owner)
        return state if state["attributes"].get("count") == 1 else None

    state = await until(shown, "the next order")
    assert state["attributes"]["entity_ids"] == [LAMP]
    assert "ten minutes" not in str(state)  # what was said is not for everybody
    assert speech(await owner.say("what is planned?")).lower().count("desk lamp") == 1
    assert await cancel_all(owner, entity_id=["light.bedroom_light"]) == 0
    assert await cancel_all(owner, entity_id=[LAMP]) == 1

    async def unknown() -> bool:
        return bool((await next_order(owner))["state"] == "unknown")

    await until(unknown, "no order")


async def test_done_at_its_time_by_who_said_it(entry: str, owner: Core, stack: Stack) -> None:
    await stack.home.reset()
    token = await token_of_new_user(owner, stack.home, "guest", "system-users")
    async with core(stack.home.url, token) as guest:
        user = await guest.command("auth/current_user")
        await guest.say("turn on the desk lamp in 3 seconds")
    assert (await owner.state(LAMP))["state"] == "off"

    async def done() -> Any:
        state = await owner.state(LAMP)
        return state if state["state"] == "on" else None

    state = await until(done, "the desk lamp on")
    assert state["context"]["user_id"] == user["id"]
    kept = (await stack.client.get("/api/history", params={"source": "order"})).json()["turns"]
    assert kept[0]["text"] == "turn on the desk lamp in 3 seconds"
    assert kept[0]["outcome"] == "done"


async def test_not_done_for_who_was_removed(entry: str, owner: Core, stack: Stack) -> None:
    await stack.home.reset()
    token = await token_of_new_user(owner, stack.home, "leaver", "system-users")
    async with core(stack.home.url, token) as leaver:
        user = await leaver.command("auth/current_user")
        await leaver.say("turn on the desk lamp in 4 seconds")
    await owner.command("config/auth/delete", user_id=user["id"])

    async def told() -> Any:
        shown = await owner.command("persistent_notification/get")
        return [each for each in shown if "desk lamp" in each["message"].lower()]

    await until(told, "a notification")
    assert (await owner.state(LAMP))["state"] == "off"


async def test_an_opened_turn_is_over_when_it_is_closed(entry: str, owner: Core) -> None:
    user = await owner.command("auth/current_user")
    opened = await owner.command(
        "ollama_addon/open_turn", agent_id="home", language="en", user_id=user["id"]
    )
    act = {"turn": opened["turn"], "intent": "HassTurnOn", "data": {"name": "Desk lamp"}}
    done = await owner.command("ollama_addon/act", **act)
    assert done["response_type"] == "action_done"
    assert (await owner.state(LAMP))["context"]["user_id"] == user["id"]
    await owner.command("ollama_addon/close_turn", turn=opened["turn"])
    assert await owner.command("ollama_addon/act", **act) == {"unknown_turn": True}
    unknown = await owner.command(
        "ollama_addon/open_turn", agent_id="home", language="en", user_id="nobody"
    )
    assert unknown == {"unknown_user": True}
