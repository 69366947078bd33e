"""A Home Assistant of which only the users matter, and how they come in through ingress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.home.scripted_home import TOKEN, ScriptedHome
from tests.web.running import PANEL, listening

ANNA, PAUL = "a" * 32, "b" * 32
"""An administrator, and a user who is none."""
THROUGH_INGRESS = PANEL | {"X-Ingress-Path": "/api/hassio_ingress/x", "X-Remote-User-Id": ANNA}
"""The headers of an administrator."""


def user(id_: str, *groups: str, **more: Any) -> dict[str, Any]:
    """Return a user as `config/auth/list` tells of one."""
    plain = {"id": id_, "is_owner": False, "is_active": True, "group_ids": list(groups)}
    return plain | more


class Home(ScriptedHome):
    """Has two users at first."""

    def __init__(self) -> None:
        super().__init__()
        self.have(user(ANNA, "system-admin"), user(PAUL, "system-users"))

    def have(self, *users: dict[str, Any]) -> None:
        self.answers["config/auth/list"] = list(users)


@asynccontextmanager
async def behind_ingress(data: Path, home: Home) -> AsyncIterator[tuple[int, str]]:
    """Run the app with loopback as ingress; gives its port and its token."""
    async with home, listening(data, "127.0.0.1", hass_url=home.url, hass_token=TOKEN) as there:
        yield there
