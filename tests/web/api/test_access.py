"""The token and the gateway's key made anew while the app runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ollama_addon import __version__
from ollama_addon.app.wiring import make_app
from ollama_addon.options import EngineOptions
from ollama_addon.web.api import access
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener
from tests.home.scripted_home import TOKEN, ScriptedHome
from tests.scripted_supervisor import Told, answer_for_itself
from tests.web.running import settings, sidecar


@asynccontextmanager
async def supervisor(told: Told) -> AsyncIterator[str]:
    app = web.Application()
    answer_for_itself(app, told)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_another_token_reaches_home_assistant_and_ends_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_MOVE", 0.01)
    told = Told()
    async with ScriptedHome() as home, supervisor(told) as url:
        home.answers |= {"manifest/get": {"version": __version__}, "get_config": {}}
        connected = {"hass_url": home.url, "hass_token": TOKEN}
        app = make_app(settings(tmp_path, supervisor_url=url, supervisor_token="s", **connected))
        listener = Listener(app, "127.0.0.1", 0)
        await listener.start()
        old = (tmp_path / "token").read_text()
        await told.wait(old)
        base = f"http://127.0.0.1:{listener.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=10) as client:
            async with client.stream("GET", "/api/events", headers=bearer(old)) as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == "event: status"
                path = "/api/home-assistant/access/token"
                made = (await client.post(path, headers=bearer(old))).json()
                new = made["token"]
                assert new != old
                # What was opened with the old one ends, too.
                assert [line async for line in lines]
            assert (await client.get("/api/status", headers=bearer(old))).status_code == 401
            assert (await client.get("/api/status", headers=bearer(new))).is_success
        await told.wait(new)
        first, last = told.discovered[0], told.discovered[-1]
        assert last == {**first, "token": new, "announced": last["announced"]}
        assert last["announced"] > first["announced"]
        assert (tmp_path / "token").read_text() == new
        assert (tmp_path / "token").stat().st_mode & 0o077 == 0
        await listener.stop()


async def test_another_key_opens_the_gateway_and_the_old_one_does_not(tmp_path: Path) -> None:
    async with sidecar(tmp_path) as running, httpx.AsyncClient(trust_env=False) as client:
        shown = (await running.browser.get("/api/home-assistant/access")).json()
        gateway = f"http://127.0.0.1:{shown['gateway_port']}/nothing"
        old = shown["gateway_key"]
        assert (await client.get(gateway, headers=bearer(old))).status_code == 404
        made = await running.browser.post("/api/home-assistant/access/gateway-key")
        new = made.json()["gateway_key"]
        assert (await client.get(gateway, headers=bearer(old))).status_code == 401
        assert (await client.get(gateway, headers=bearer(new))).status_code == 404
        assert (tmp_path / "gateway_key").read_text() == new
        assert await running.parts.own_integration._url()
        assert running.parts.own_integration._key() == new


@pytest.mark.parametrize("with_supervisor", [True, False])
async def test_a_key_of_the_options_is_replaced_there(
    tmp_path: Path, with_supervisor: bool
) -> None:
    options = {"gateway": {"key": "chosen", "allow_pulls": True}, "journal_days": 7}
    (tmp_path / "options.json").write_text(json.dumps(options))
    told = Told(options=options)
    async with supervisor(told) as url:
        more = {"supervisor_url": url, "supervisor_token": "s"} if with_supervisor else {}
        app = make_app(settings(tmp_path, **more))
        listener = Listener(app, "127.0.0.1", 0)
        await listener.start()
        token = (tmp_path / "token").read_text()
        async with httpx.AsyncClient(trust_env=False) as client:
            made = await client.post(
                f"http://127.0.0.1:{listener.port}/api/home-assistant/access/gateway-key",
                headers=bearer(token),
            )
        new = made.json()["gateway_key"]
        await listener.stop()
    kept = told.options if with_supervisor else json.loads((tmp_path / "options.json").read_text())
    # The Supervisor wants every group.
    whole = {"agents": [], "servers": [], "engine": EngineOptions().model_dump()}
    gateway = {"gateway": {"key": new, "allow_pulls": True}, "journal_days": 7}
    assert kept == (gateway | whole if with_supervisor else gateway)
    assert new != "chosen"


async def test_a_page_elsewhere_makes_nothing_anew(tmp_path: Path) -> None:
    async with sidecar(tmp_path) as running:
        for path in ("token", "gateway-key"):
            running.browser.headers.pop("X-Requested-With", None)
            answer = await running.browser.post(f"/api/home-assistant/access/{path}")
            assert answer.status_code == 403
        assert running.parts.access.token == running.token


@pytest.mark.parametrize("key", ["", " ", "\n"])
def test_a_gateway_without_a_key_is_none(key: str) -> None:
    with pytest.raises(ValueError, match="without a key"):
        Key(key)
