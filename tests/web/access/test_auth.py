"""Who may come in, with and without ingress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ollama_addon.app.wiring import make_app
from tests.web.running import INGRESS, Sidecar, settings, sidecar

PASSWORD = "correct: horse ß"
OURS = {"X-Requested-With": "panel"}


@pytest.fixture
async def behind_password(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with sidecar(tmp_path, PASSWORD) as running:
        yield running


def visitor(running: Sidecar, peer: str = "192.168.1.5") -> httpx.AsyncClient:
    """Make a browser that comes from somewhere in the home."""
    app = running.browser._transport.app  # type: ignore[attr-defined]
    transport = httpx.ASGITransport(app, client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://panel")


async def test_the_panel_asks_for_the_password(behind_password: Sidecar) -> None:
    async with visitor(behind_password) as browser:
        answer = await browser.get("/")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.json()["error"]["message"] == "The password is wrong or missing."
        assert (await browser.get("/health")).status_code == 200


@pytest.mark.parametrize("user", ["", "anyone"])
async def test_the_password_opens_the_panel(behind_password: Sidecar, user: str) -> None:
    async with visitor(behind_password) as browser:
        browser.auth = httpx.BasicAuth(user, PASSWORD)
        assert (await browser.get("/")).status_code == 200
        assert (await browser.get("/api/status")).status_code == 200
        body: dict[str, dict[str, list[str]]] = {"options": {"models": []}}
        answer = await browser.post("/api/options/check", json=body, headers=OURS)
        assert answer.status_code == 200


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + "x", PASSWORD[:-1]])
async def test_another_password_does_not(behind_password: Sidecar, password: str) -> None:
    async with visitor(behind_password) as browser:
        browser.auth = httpx.BasicAuth("anyone", password)
        assert (await browser.get("/")).status_code == 401


@pytest.mark.parametrize("credentials", ["", "%%%", "Og", "Og==", "OuKCrA=="])
async def test_credentials_that_make_no_sense(behind_password: Sidecar, credentials: str) -> None:
    async with visitor(behind_password) as browser:
        answer = await browser.get("/", headers={"Authorization": f"Basic {credentials}"})
        assert answer.status_code == 401


async def test_a_page_elsewhere_cannot_use_the_browsers_password(
    behind_password: Sidecar,
) -> None:
    async with visitor(behind_password) as browser:
        browser.auth = httpx.BasicAuth("anyone", PASSWORD)
        answer = await browser.put("/api/options", json={"options": {}})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "forged"


async def test_the_token_is_still_good(behind_password: Sidecar) -> None:
    async with visitor(behind_password) as browser:
        bearer = {"Authorization": f"Bearer {behind_password.token}"}
        assert (await browser.get("/api/status", headers=bearer)).status_code == 200


async def test_where_there_is_ingress_no_password_opens(tmp_path: Path) -> None:
    app = make_app(settings(tmp_path, password=PASSWORD))
    transport = httpx.ASGITransport(app, client=("192.168.1.5", 1))
    auth = httpx.BasicAuth("anyone", PASSWORD)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://panel", auth=auth
    ) as browser:
        answer = await browser.get("/")
        assert answer.status_code == 401
        assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("peer", ["192.168.1.5", INGRESS])
async def test_without_a_password_none_opens(tmp_path: Path, peer: str) -> None:
    async with sidecar(tmp_path, "") as running, visitor(running, peer) as browser:
        for given in ("", "anything"):
            browser.auth = httpx.BasicAuth("anyone", given)
            answer = await browser.get("/")
            assert answer.status_code == 401
            assert "WWW-Authenticate" not in answer.headers
