"""Every route as everybody: who is let in is what SECURITY.md says."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dev.access_table import COMMAND, ROLES, SECURITY, Role, Row, rows, written
from tests.web.people import ANNA, PAUL, THROUGH_INGRESS, Home, behind_ingress
from tests.web.running import PANEL, PASSWORD, listening

ALL = rows()
REFUSED = {
    "forged",
    "home_away",
    "no_user",
    "not_administrator",
    "person_only",
    "unauthorized",
    "wrong_host",
}
"""The codes of who is not let in. Whatever else is answered was asked by who may."""


def test_security_md_has_a_row_for_every_route() -> None:
    text = SECURITY.read_text("utf-8")
    assert written(text) == text, f"Routes have changed: run {COMMAND}, and look at it."


def test_it_is_a_table_of_all_that_there_is() -> None:
    assert len(ALL) > 60
    assert len({(row.port, row.path, row.method) for row in ALL}) == len(ALL)
    assert all(row.path.startswith("/") for row in ALL)
    assert "/api/history/{turn_id}" in {row.path for row in ALL}
    open_to_all = {row.path for row in ALL if "nobody" in row.roles}
    assert open_to_all == {"/health", "/static/{path}"}
    assert not [row for row in ALL if row.port == "gateway" and row.roles != ("gateway key",)]
    for row in ALL:
        if row.path.startswith("/api/home-assistant/") and row.method != "GET":
            assert "token" not in row.roles or "/access/" in row.path, row


@dataclass
class Doors:
    """The app behind ingress, and one with a password and no ingress."""

    ingress: int
    plain: int
    folders: tuple[Path, Path]
    gateways: tuple[int, int]

    async def ask(self, row: Row, role: Role) -> httpx.Response:
        folder = self.folders[role == "password"]
        token = (folder / "token").read_text().strip()
        key = (folder / "gateway_key").read_text().strip()
        basic = base64.b64encode(f"anyone:{PASSWORD}".encode()).decode()
        headers: dict[Role, dict[str, str]] = {
            "nobody": PANEL,
            "user": THROUGH_INGRESS | {"X-Remote-User-Id": PAUL},
            "administrator": THROUGH_INGRESS | {"X-Remote-User-Id": ANNA},
            "password": PANEL | {"Authorization": f"Basic {basic}"},
            "token": {"Authorization": f"Bearer {token}"},
            "gateway key": {"Authorization": f"Bearer {key}"},
        }
        if row.port == "gateway":
            port = self.gateways[role == "password"]
        else:
            port = self.plain if role == "password" else self.ingress
        path = re.sub(r"\{[^}]+\}", "x", row.path)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=30) as client,
            client.stream(
                row.method, f"http://127.0.0.1:{port}{path}", headers=headers[role]
            ) as answer,
        ):
            if "event-stream" not in answer.headers.get("content-type", ""):
                await answer.aread()
            return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    folders = tmp_path_factory.mktemp("ingress"), tmp_path_factory.mktemp("password")
    async with AsyncExitStack() as stack:
        ingress, token = await stack.enter_async_context(behind_ingress(folders[0], Home()))
        plain, other = await stack.enter_async_context(listening(folders[1], "", password=PASSWORD))
        gateways = []
        for port, each in ((ingress, token), (plain, other)):
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(
                    f"http://127.0.0.1:{port}/api/home-assistant/access",
                    headers={"Authorization": f"Bearer {each}"},
                )
                gateways.append(answer.json()["gateway_port"])
        yield Doors(ingress, plain, folders, (gateways[0], gateways[1]))


def let_in(row: Row, answer: httpx.Response) -> bool:
    if answer.status_code == 401:
        return False
    if answer.status_code == 403 and row.port == "panel and API":
        error: Any = answer.json()["error"]
        return error["code"] not in REFUSED
    return True


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row.port} {row.method} {row.path}")
async def test_a_route_lets_in_whom_the_table_says(doors: Doors, row: Row, role: Role) -> None:
    answer = await doors.ask(row, role)
    assert let_in(row, answer) is (role in row.roles), answer.status_code
