"""Users of a real Home Assistant at the panel, through its ingress and the simulated Supervisor's.

The frontend shows the panel to administrators only; a session of ingress is had by every user who
asks for one as the frontend does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dev.stack import Stack
from tests.integration.core import Core, core, token_of_new_user
from tests.web.running import PANEL

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


class Person:
    """A user of Home Assistant with a session of ingress."""

    def __init__(self, stack: Stack, core: Core, id_: str) -> None:
        self.core = core
        self.id = id_
        self._stack = stack
        self._session = ""

    async def log_in(self) -> None:
        made = await self.core.command("supervisor/api", endpoint="/ingress/session", method="post")
        self._session = made["session"]

    @asynccontextmanager
    async def browser(self, **more: str) -> AsyncIterator[httpx.AsyncClient]:
        """The panel's address in Home Assistant, with this person's session."""
        path = self._stack.supervisor.addon.ingress_path
        headers = PANEL | {"Cookie": f"ingress_session={self._session}"} | more
        async with httpx.AsyncClient(
            base_url=f"{self._stack.home.url}{path}/", headers=headers, trust_env=False, timeout=60
        ) as client:
            yield client


@pytest_asyncio.fixture(loop_scope="session")
async def owner(stack: Stack) -> AsyncIterator[Person]:
    async with core(stack.home.url, stack.home.token) as session:
        found = await session.command("auth/current_user")
        person = Person(stack, session, found["id"])
        await person.log_in()
        yield person


@pytest_asyncio.fixture(loop_scope="session")
async def paul(stack: Stack, owner: Person) -> AsyncIterator[Person]:
    """A user who is no administrator."""
    token = await token_of_new_user(owner.core, stack.home, "paul", "system-users")
    async with core(stack.home.url, token) as session:
        person = Person(stack, session, (await session.command("auth/current_user"))["id"])
        await person.log_in()
        yield person
    if any(user["id"] == person.id for user in await owner.core.command("config/auth/list")):
        await owner.core.command("config/auth/delete", user_id=person.id)


async def read(client: httpx.AsyncClient) -> int:
    return (await client.get("api/status")).status_code


async def write(client: httpx.AsyncClient) -> int:
    body: dict[str, Any] = {"options": {}}
    return (await client.post("api/options/check", json=body)).status_code


async def test_only_administrators_of_home_assistant_see_the_panel(
    owner: Person, paul: Person
) -> None:
    async def groups(*names: str) -> None:
        await owner.core.command("config/auth/update", user_id=paul.id, group_ids=list(names))

    async with paul.browser() as his, owner.browser() as hers:
        assert (await read(hers), await write(hers)) == (200, 200)
        assert (await read(his), await write(his)) == (403, 403)
        page = await his.get("", headers={"Accept": "text/html", "Accept-Language": "nl"})
        assert (page.status_code, "beheerders" in page.text) == (403, True)
        for _ in range(2):
            await groups("system-admin")
            assert (await write(his), await read(his)) == (200, 200)
            await groups("system-users")
            assert (await write(his), await read(his)) == (403, 403)
        await groups("system-admin")
        assert await write(his) == 200
        await owner.core.command("config/auth/delete", user_id=paul.id)
        assert (await write(his), await read(his)) == (403, 403)
        assert (await read(hers), await write(hers)) == (200, 200)


async def test_home_assistant_tells_of_changes_by_itself(owner: Person, paul: Person) -> None:
    async with paul.browser() as his:
        for group, status in (("system-admin", 200), ("system-users", 403)):
            await owner.core.command("config/auth/update", user_id=paul.id, group_ids=[group])
            while await read(his) != status:
                pass


async def test_no_forged_header_names_an_administrator(
    stack: Stack, owner: Person, paul: Person
) -> None:
    names = ("X-Remote-User-Id", "x-remote-user-id", "X-REMOTE-USER-ID")
    nobody = Person(stack, paul.core, "")
    nobody._session = stack.supervisor.sessions.create(None)
    for person in (paul, nobody):
        for header in ({}, *({name: owner.id} for name in names)):
            async with person.browser(**header) as client:
                assert (await read(client), await write(client)) == (403, 403)


async def test_who_is_no_administrator_talks_to_the_agents(
    stack: Stack, owner: Person, paul: Person
) -> None:
    await stack.say_in_assist("turn off the kitchen light")  # which has the agent set up
    answer = await paul.core.say("turn on the kitchen light", await stack._agent_in_home("home"))
    assert answer["response"]["response_type"] == "action_done"
    assert (await owner.core.state("light.kitchen_light"))["state"] == "on"
    async with paul.browser() as his:
        assert await read(his) == 403
