"""A scripted house whose registries change when they are told to, behind ingress."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.home.scripted_home import Message
from tests.home.scripted_house import ScriptedHouse
from tests.web.people import THROUGH_INGRESS, Home, behind_ingress


class LivingHouse(ScriptedHouse):
    """Takes the changes to its registry that Home Assistant takes, and tells of them."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        home.answers |= {
            "frontend/get_translations": {"resources": {}},
            "config/entity_registry/update": self._update,
            "homeassistant/expose_entity": self._expose,
        }

    async def _update(self, request: Message) -> Any:
        entity = self.entity(request["entity_id"])
        changes = {k: v for k, v in request.items() if k in ("aliases", "area_id")}
        entity.update(changes)
        await self._changed(entity["entity_id"], list(changes))
        return {"entity_entry": entity}

    async def _expose(self, request: Message) -> Any:
        changed = []
        for entity_id in request["entity_ids"]:
            options = self.entity(entity_id)["options"].setdefault("conversation", {})
            if options.get("should_expose") is not request["should_expose"]:
                changed.append(entity_id)
            options["should_expose"] = request["should_expose"]
            await self._changed(entity_id, ["options"])
        return {"changed_entity_ids": changed}

    async def _changed(self, entity_id: str, changes: list[str]) -> None:
        await self.home.fire(
            "entity_registry_updated", action="update", entity_id=entity_id, changes=changes
        )


@dataclass
class Living:
    """The app with such a house behind it, an administrator and a program with the token."""

    house: LivingHouse
    person: httpx.AsyncClient
    program: httpx.AsyncClient

    async def status(self) -> dict[str, Any]:
        return dict((await self.person.get("/api/status")).raise_for_status().json())

    async def until(self, part: str, code: str) -> dict[str, Any]:
        """Wait until a part of the status has a code; return the part."""
        while (found := (await self.status())[part])["code"] != code:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return dict(found)

    async def entities(self, query: str = "") -> dict[str, dict[str, Any]]:
        answer = (await self.person.get(f"/api/entities{query}")).json()
        return {each["id"]: each for each in answer["entities"]}


@asynccontextmanager
async def living(
    data: Path, *entities: tuple[str, Message], options: Message | None = None
) -> AsyncIterator[Living]:
    """Run the app with these entities, each an id and what differs in its registry entry."""
    if options is not None:
        (data / "options.json").write_text(json.dumps(options))
    home = Home()
    house = LivingHouse(home)
    for entity_id, fields in entities:
        house.add(entity_id, **fields)
    async with behind_ingress(data, home) as (port, token):
        base = f"http://127.0.0.1:{port}"
        bearer = {"Authorization": f"Bearer {token}"}
        async with (
            httpx.AsyncClient(base_url=base, headers=THROUGH_INGRESS, trust_env=False) as person,
            httpx.AsyncClient(base_url=base, headers=bearer, trust_env=False) as program,
        ):
            found = Living(house, person, program)
            await found.until("home", "exposed" if entities else "nothing_exposed")
            yield found
