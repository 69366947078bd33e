"""What one click does in Home Assistant: its own integration, and a pipeline's agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dev.stack import Stack
from tests.integration.core import Core, core, speech
from tests.web.running import PANEL

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
OWN = "/api/home-assistant/own-integration"
PIPELINES = "/api/home-assistant/pipelines"


@pytest_asyncio.fixture(loop_scope="session")
async def owner(running_stack: Stack) -> AsyncIterator[Core]:
    home = running_stack.home
    async with core(home.url, home.token) as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session")
async def panel(running_stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The panel, as the owner of Home Assistant has it."""
    async with httpx.AsyncClient(
        base_url=running_stack.ingress_url, headers=PANEL, timeout=300, trust_env=False
    ) as client:
        yield client


async def entries(owner: Core, domain: str) -> list[dict[str, Any]]:
    return list(await owner.get(f"config/config_entries/entry?domain={domain}"))


# A tiny model given all of Home Assistant's tools calls them until it is not let any more.
@pytest.mark.timeout(900)
async def test_home_assistants_own_integration_is_set_up_used_and_undone(
    panel: httpx.AsyncClient, owner: Core
) -> None:
    (await panel.delete(OWN)).raise_for_status()
    kept = {entry["entry_id"] for entry in await entries(owner, "ollama")}
    assert (await panel.get(OWN)).json()["state"] == "off"
    done = await panel.post(OWN)
    assert done.json()["state"] == "on", done.text
    again = await panel.post(OWN)
    assert again.json()["state"] == "on"
    made = [entry for entry in await entries(owner, "ollama") if entry["entry_id"] not in kept]
    assert [entry["state"] for entry in made] == ["loaded"]
    registered = await owner.command("config/entity_registry/list")
    (agent,) = [
        entity["entity_id"]
        for entity in registered
        if entity["config_entry_id"] == made[0]["entry_id"]
        and entity["entity_id"].startswith("conversation.")
    ]
    # Their prompt, their tools, our engine: that it answers at all went through the gateway.
    answer = await owner.say("hello", agent)
    assert answer["response"]["response_type"] == "action_done"
    assert speech(answer)
    undone = await panel.delete(OWN)
    assert undone.json()["state"] == "off"
    assert {entry["entry_id"] for entry in await entries(owner, "ollama")} == kept


async def test_what_a_person_removed_is_made_again_and_nothing_else_is_touched(
    panel: httpx.AsyncClient, owner: Core
) -> None:
    await panel.post(OWN)
    for entry in await entries(owner, "ollama"):
        await owner.delete(f"config/config_entries/entry/{entry['entry_id']}")
    assert (await panel.get(OWN)).json()["state"] == "off"
    assert (await panel.post(OWN)).json()["state"] == "on"
    await panel.delete(OWN)


async def test_an_agent_becomes_the_engine_of_a_pipeline_and_the_rest_stays(
    stack: Stack, panel: httpx.AsyncClient, owner: Core
) -> None:
    listed = await owner.command("assist_pipeline/pipeline/list")
    before = listed["pipelines"][0]
    if not await entries(owner, "ollama_addon"):
        refused = await panel.post(
            PIPELINES, json={"pipeline_id": before["id"], "agent_id": "home"}
        )
        assert refused.json()["error"]["code"] == "not_in_home"
        flow = await owner.post("config/config_entries/flow", {"handler": "ollama_addon"})
        await owner.post(
            f"config/config_entries/flow/{flow['flow_id']}",
            {"url": stack.sidecar_url, "token": stack.token},
        )
    chosen = await panel.post(PIPELINES, json={"pipeline_id": before["id"], "agent_id": "home"})
    assert chosen.status_code == 204, chosen.text
    try:
        after = (await owner.command("assist_pipeline/pipeline/list"))["pipelines"][0]
        assert after["conversation_engine"].startswith("conversation.home")
        changed = {key for key in before if before[key] != after[key]}
        assert changed <= {"conversation_engine", "conversation_language"}
        shown = (await panel.get(PIPELINES)).json()
        assert shown[0]["agent_id"] == "home"
    finally:
        whole = {key: value for key, value in before.items() if key != "id"}
        await owner.command("assist_pipeline/pipeline/update", pipeline_id=before["id"], **whole)


async def test_what_is_not_there_is_said(panel: httpx.AsyncClient) -> None:
    unknown = await panel.post(PIPELINES, json={"pipeline_id": "x", "agent_id": "nobody"})
    assert unknown.json()["error"]["code"] == "unknown_agent"
