"""Who comes in through ingress: administrators of Home Assistant, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ollama_addon.home import connection as connection_module, users as users_module
from ollama_addon.web.api import events as events_module
from ollama_addon.web.panel.pages import PAGES
from ollama_addon.web.panel.texts import LANGUAGES, texts
from tests.home.scripted_home import TOKEN, eventually
from tests.web.people import ANNA, PAUL, Home, behind_ingress, user
from tests.web.running import listening

LOCALHOST = "127.0.0.1"
HTML = {"Accept": "text/html,application/xhtml+xml"}
NOTHING: dict[str, Any] = {"options": {"models": []}}


@dataclass
class Behind:
    """The app behind ingress, and the Home Assistant before it."""

    home: Home
    port: int
    token: str

    @asynccontextmanager
    async def browser(self, *ids: str, **more: str) -> AsyncIterator[httpx.AsyncClient]:
        """A browser whose requests come with these users in the header."""
        headers = [("X-Ingress-Path", "/api/hassio_ingress/x"), ("X-Requested-With", "panel")]
        headers += [("X-Remote-User-Id", id_) for id_ in ids]
        headers += [(name.replace("_", "-"), value) for name, value in more.items()]
        async with httpx.AsyncClient(
            base_url=f"http://{LOCALHOST}:{self.port}", headers=headers, trust_env=False, timeout=20
        ) as browser:
            yield browser


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "RETRY_FIRST", 0.02)
    monkeypatch.setattr(connection_module, "RETRY_LAST", 0.05)


@asynccontextmanager
async def started(data: Path, home: Home) -> AsyncIterator[Behind]:
    async with behind_ingress(data, home) as (port, token):
        yield Behind(home, port, token)


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    async with started(tmp_path, Home()) as behind:
        yield behind


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


async def check(browser: httpx.AsyncClient) -> httpx.Response:
    """Ask for what is no reading."""
    return await browser.post("/api/options/check", json=NOTHING)


async def test_an_administrator_has_the_panel_and_its_api(behind: Behind) -> None:
    async with behind.browser(ANNA) as browser:
        for page in PAGES:
            answer = await browser.get("/" if page == PAGES[0] else f"/{page}", headers=HTML)
            assert answer.status_code == 200
            assert "<nav" in answer.text
        assert (await browser.get("/api/home-assistant/access")).json()["token"] == behind.token
        assert (await check(browser)).json() == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_who_is_none_is_told_so_in_their_language(behind: Behind, language: str) -> None:
    async with behind.browser(PAUL, Accept_Language=language) as browser:
        for page in ("/", "/chat", "/nowhere/at/all"):
            answer = await browser.get(page, headers=HTML)
            assert answer.status_code == 403
            assert f'<html lang="{language}">' in answer.text
            assert texts(language)["refused.not_administrator"] in answer.text
            assert "<nav" not in answer.text
            style = answer.text.split('rel="stylesheet" href="')[1].split('"')[0]
            assert (await browser.get(str(answer.url.join(style)))).status_code == 200
            assert "script" not in answer.headers["content-security-policy"]


async def test_who_is_none_gets_nothing_of_the_api(behind: Behind) -> None:
    async with behind.browser(PAUL) as browser:
        for path in ("/api/status", "/api/home-assistant/access", "/api/options", "/api/events"):
            answer = await browser.get(path)
            assert (answer.status_code, code(answer)) == (403, "not_administrator"), path
            assert behind.token not in answer.text
            page = await browser.get(path, headers=HTML)
            assert code(page) == "not_administrator"
        assert (await check(browser)).status_code == 403
        assert (await browser.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "who",
    [
        user(ANNA, "system-users"),
        user(ANNA, "system-read-only"),
        user(ANNA, "system-admin", is_active=False),
        user(ANNA),
        user(ANNA, group_ids="system-admin"),
        user(ANNA, group_ids=None),
        user("someone else", "system-admin"),
    ],
)
async def test_users_that_are_no_administrators(behind: Behind, who: dict[str, Any]) -> None:
    behind.home.have(who)
    async with behind.browser(ANNA) as browser:
        answer = await check(browser)
        assert (answer.status_code, code(answer)) == (403, "not_administrator")


async def test_the_owner_is_one(behind: Behind) -> None:
    behind.home.have(user(ANNA, is_owner=True))
    async with behind.browser(ANNA) as browser:
        assert (await check(browser)).status_code == 200


@pytest.mark.parametrize("ids", [(), ("",), (ANNA, ANNA), (ANNA, PAUL), (PAUL, ANNA)])
async def test_without_one_user_nobody_comes_in(behind: Behind, ids: tuple[str, ...]) -> None:
    async with behind.browser(*ids) as browser:
        for answer in (await browser.get("/api/status"), await check(browser)):
            assert (answer.status_code, code(answer)) == (403, "no_user")
        page = await browser.get("/", headers=HTML)
        assert texts("en")["refused.no_user"] in page.text


@pytest.mark.parametrize("name", ["x-remote-user-id", "X-REMOTE-USER-ID", "X-Remote-User-ID"])
@pytest.mark.parametrize("others", [(), (PAUL,), (ANNA,)])
async def test_a_header_in_another_case_names_nobody(
    behind: Behind, name: str, others: tuple[str, ...]
) -> None:
    # aiohttp, and so the Supervisor, has a forged one in another case replace the real one.
    async with behind.browser(*others, **{name: ANNA}) as browser:
        for answer in (await browser.get("/api/status"), await check(browser)):
            assert (answer.status_code, code(answer)) == (403, "no_user")


async def test_names_like_the_header_name_nobody(behind: Behind) -> None:
    async with behind.browser(X_Remote_User_Name=ANNA, X_Remote_User=ANNA) as browser:
        browser.headers["X_Remote_User_Id"] = ANNA
        assert code(await browser.get("/api/status")) == "no_user"


async def test_another_app_of_the_network_names_nobody(tmp_path: Path) -> None:
    async with (
        Home() as home,
        listening(tmp_path, "172.30.32.2", hass_url=home.url, hass_token=TOKEN) as (port, token),
        Behind(home, port, token).browser(ANNA) as browser,
    ):
        answer = await browser.get("/api/status")
        assert (answer.status_code, code(answer)) == (401, "unauthorized")


async def test_two_sessions_at_once_are_two_people(behind: Behind) -> None:
    async with behind.browser(ANNA) as hers, behind.browser(PAUL) as his:
        for _ in range(5):
            seen = await asyncio.gather(hers.get("/api/status"), his.get("/api/status"))
            assert [answer.status_code for answer in seen] == [200, 403]
            seen = await asyncio.gather(check(hers), check(his))
            assert [answer.status_code for answer in seen] == [200, 403]


async def test_a_demoted_administrator_writes_nothing_more(behind: Behind) -> None:
    async with behind.browser(ANNA) as browser:
        assert (await check(browser)).status_code == 200
        behind.home.have(user(ANNA, "system-users"))  # and no event of it comes
        assert (await check(browser)).status_code == 403
        assert (await browser.get("/api/status")).status_code == 403


async def test_a_demoted_administrator_reads_nothing_more(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "_QUIET", 1)  # signs of life come sooner
    async with behind.browser(ANNA) as browser:
        await eventually(
            lambda: behind.home.subscribed("subscribe_events", event_type="user_removed")
        )
        async with browser.stream("GET", "/api/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: status"
            behind.home.have(user(ANNA, "system-users"))
            await behind.home.fire("user_updated", user_id=ANNA)
            await until(browser, 403)
            # What she listens to ends with the next thing that would be sent.
            assert [line async for line in lines]
        assert code(await browser.get("/api/status")) == "not_administrator"


async def until(browser: httpx.AsyncClient, status: int) -> None:
    while (await browser.get("/api/status")).status_code != status:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_who_is_an_administrator_is_asked_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert users_module.LOOK_EVERY <= 30
    monkeypatch.setattr(users_module, "LOOK_EVERY", 0.02)
    async with started(tmp_path, Home()) as behind, behind.browser(ANNA) as browser:
        await until(browser, 200)
        behind.home.have(user(PAUL, "system-admin"))
        await until(browser, 403)
        behind.home.have(user(ANNA, "system-admin"))
        await until(browser, 200)


async def test_while_home_assistant_is_away_administrators_read_and_nobody_writes(
    behind: Behind,
) -> None:
    async with behind.browser(ANNA) as hers, behind.browser(PAUL) as his:
        await until(hers, 200)
        await behind.home.close()
        for _ in range(3):
            assert (await hers.get("/api/status")).status_code == 200
            assert (await his.get("/api/status")).status_code == 403
            answer = await check(hers)
            assert (answer.status_code, code(answer)) == (503, "home_away")
            assert (await check(his)).status_code == 503
        await behind.home.open()
        while (await check(hers)).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await check(hers)).status_code == 200
        assert (await check(his)).status_code == 403


async def test_before_home_assistant_could_be_asked_nobody_comes_in(tmp_path: Path) -> None:
    home = Home()
    home.answers["config/auth/list"] = RuntimeError("not yet")
    async with started(tmp_path, home) as behind, behind.browser(ANNA) as browser:
        answer = await browser.get("/api/status")
        assert (answer.status_code, code(answer)) == (503, "home_away")
        page = await browser.get("/", headers=HTML)
        assert page.status_code == 503
        assert texts("en")["refused.home_away"] in page.text
        assert 'http-equiv="refresh"' in page.text
        # Core's `config` may come a moment after its WebSocket: the next look is not waited for.
        home.have(user(ANNA, "system-admin"))
        while (await browser.get("/")).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize("answer", [None, "x", {}, [None], ["x"], [{}], [{"id": ANNA}]])
async def test_a_list_of_users_that_is_none_lets_nobody_in(behind: Behind, answer: Any) -> None:
    behind.home.answers["config/auth/list"] = answer
    async with behind.browser(ANNA) as browser:
        assert (await check(browser)).status_code in (403, 503)


async def test_the_token_does_not_write_into_home_assistant(behind: Behind) -> None:
    bearer = {"Authorization": f"Bearer {behind.token}"}
    body = {"pipeline_id": "p", "agent_id": "nobody"}
    writes = [
        ("POST", "/api/home-assistant/own-integration"),
        ("DELETE", "/api/home-assistant/own-integration"),
        ("POST", "/api/home-assistant/pipelines"),
    ]
    async with httpx.AsyncClient(
        base_url=f"http://{LOCALHOST}:{behind.port}", headers=bearer, trust_env=False
    ) as program:
        for method, path in writes:
            answer = await program.request(method, path, json=body)
            assert (answer.status_code, code(answer)) == (403, "person_only"), path
    async with behind.browser(ANNA) as browser:
        answer = await browser.post("/api/home-assistant/pipelines", json=body)
        assert code(answer) == "unknown_agent"
