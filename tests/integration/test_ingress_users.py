"""Users of a real Home Assistant at the panel, through the simulated Supervisor's ingress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dev.stack import Stack
from dev.supervisor import User
from tests.integration.core import core, token_of_new_user
from tests.web.running import PANEL

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

SESSION = "of-paul"


@pytest_asyncio.fixture(loop_scope="session")
async def paul(stack: Stack) -> AsyncIterator[str]:
    """A user who is no administrator, with a session of his own; gives his id."""
    made = await stack.home.command("config/auth/create", name="Paul", group_ids=["system-users"])
    id_ = str(made["user"]["id"])
    stack.supervisor.sessions[SESSION] = User(id_, "paul", "Paul")
    yield id_
    for user in await stack.home.command("config/auth/list"):
        if user["id"] == id_:
            await stack.home.command("config/auth/delete", user_id=id_)


def browser(stack: Stack, session: str, **more: str) -> httpx.AsyncClient:
    headers = PANEL | {"Cookie": f"ingress_session={session}"} | more
    return httpx.AsyncClient(
        base_url=stack.ingress_url, headers=headers, trust_env=False, timeout=60
    )


async def write(client: httpx.AsyncClient) -> int:
    body: dict[str, Any] = {"options": {}}
    return (await client.post("api/options/check", json=body)).status_code


async def test_only_administrators_of_home_assistant_see_the_panel(stack: Stack, paul: str) -> None:
    async def groups(*names: str) -> None:
        await stack.home.command("config/auth/update", user_id=paul, group_ids=list(names))

    async with browser(stack, SESSION) as his, browser(stack, "of-the-owner") as hers:
        assert (await hers.get("api/status")).status_code == 200
        assert await write(hers) == 200
        assert (await his.get("api/status")).status_code == 403
        page = await his.get("", headers={"Accept": "text/html", "Accept-Language": "nl"})
        assert (page.status_code, "beheerders" in page.text) == (403, True)
        assert await write(his) == 403
        await groups("system-admin")
        assert await write(his) == 200
        assert (await his.get("api/status")).status_code == 200
        await groups("system-users")
        assert await write(his) == 403
        assert (await his.get("api/status")).status_code == 403
        await groups("system-admin")
        assert await write(his) == 200
        await stack.home.command("config/auth/delete", user_id=paul)
        assert await write(his) == 403
        assert (await hers.get("api/status")).status_code == 200


async def test_home_assistant_tells_of_changes_by_itself(stack: Stack, paul: str) -> None:
    async with browser(stack, SESSION) as his:
        for groups, status in ((["system-admin"], 200), (["system-users"], 403)):
            await stack.home.command("config/auth/update", user_id=paul, group_ids=groups)
            while (await his.get("api/status")).status_code != status:
                pass


async def test_no_forged_header_names_an_administrator(stack: Stack, paul: str) -> None:
    owner = stack.supervisor.user.id
    forged = [
        {name: owner} for name in ("X-Remote-User-Id", "x-remote-user-id", "X-REMOTE-USER-ID")
    ]
    for header in forged:
        async with browser(stack, SESSION, **header) as his:
            assert (await his.get("api/status")).status_code == 403
    stack.supervisor.sessions["of-nobody"] = None
    for header in ({}, *forged):
        async with browser(stack, "of-nobody", **header) as nobody:
            assert (await nobody.get("api/status")).status_code == 403


async def test_who_is_no_administrator_talks_to_the_agents(stack: Stack) -> None:
    await stack.say_in_assist("turn off the kitchen light")  # which has the agent set up
    async with core(stack.home.url, stack.home.token) as owner:
        token = await token_of_new_user(owner, stack.home, "paula", "system-users")
        (id_,) = [u["id"] for u in await owner.command("config/auth/list") if u["name"] == "Paula"]
        async with core(stack.home.url, token) as hers:
            answer = await hers.say("turn on the kitchen light")
            assert answer["response"]["response_type"] == "action_done"
            assert (await owner.state("light.kitchen_light"))["state"] == "on"
        stack.supervisor.sessions[SESSION] = User(id_, "paula", "Paula")
        async with browser(stack, SESSION) as panel:
            assert (await panel.get("api/status")).status_code == 403
        await owner.command("config/auth/delete", user_id=id_)
