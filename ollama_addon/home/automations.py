"""Automations in Home Assistant: written, read and removed as its own editor does it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection

LABEL = "Ollama Assist"
"""The label by which a person finds them."""
PATIENCE = 5.0
"""Seconds within which an automation that was written has to be there."""
_LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Entry:
    """An automation in the entity registry."""

    entity_id: str
    automation_id: str
    labels: tuple[str, ...] = ()


class Automations:
    """The automations of the Home Assistant behind a connection.

    All methods raise AddonError as the connection does.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, automation_id: str) -> dict[str, Any] | None:
        """Return an automation as it is now; None where there is none of this id."""
        return await self._connection.get(f"config/automation/config/{automation_id}")

    async def write(self, automation_id: str, config: Mapping[str, Any]) -> Entry | None:
        """Make an automation and give it our label.

        None when Home Assistant does not load what was written within `PATIENCE`, as where
        `configuration.yaml` does not include it: then it is taken back.
        """
        await self._connection.post(f"config/automation/config/{automation_id}", config)
        entry = None
        try:
            async with asyncio.timeout(PATIENCE):
                while (entry := await self._loaded(automation_id)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            entry = None
        if entry is None:
            await self.remove(automation_id)
            return None
        label = await self._label()
        await self._connection.command(
            "config/entity_registry/update",
            entity_id=entry.entity_id,
            labels=[*entry.labels, label],
        )
        return Entry(entry.entity_id, automation_id, (*entry.labels, label))

    async def remove(self, automation_id: str) -> None:
        """Remove an automation, if it is there."""
        if await self.read(automation_id) is not None:
            await self._connection.delete(f"config/automation/config/{automation_id}")

    async def run(self, entity_id: str) -> None:
        """Run an automation once, whatever its conditions."""
        await self._connection.command(
            "call_service",
            domain="automation",
            service="trigger",
            service_data={},
            target={"entity_id": entity_id},
        )

    async def _loaded(self, automation_id: str) -> Entry | None:
        """Return an automation once it is there and works."""
        for entry in await self.entries():
            if entry.automation_id == automation_id:
                state = await self._connection.get(f"states/{entry.entity_id}")
                works = state is not None and state.get("state") in ("on", "off")
                return entry if works else None
        return None

    async def entries(self) -> list[Entry]:
        """Return all automations that have an id."""
        found = await self._listed("config/entity_registry/list")
        return [
            Entry(each["entity_id"], str(each["unique_id"]), tuple(each.get("labels") or ()))
            for each in found
            if each.get("platform") == "automation"
        ]

    async def label_id(self) -> str | None:
        """Return the id of our label; None where nobody has made it."""
        labels = await self._listed("config/label_registry/list")
        return next((str(each["label_id"]) for each in labels if each.get("name") == LABEL), None)

    async def _listed(self, kind: str) -> list[dict[str, Any]]:
        """Return what a command lists. Raises AddonError, also where the answer is no list."""
        answer = await self._connection.command(kind)
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise AddonError("home_failed", f"Home Assistant's answer to {kind} is no list.", 502)
        return answer

    async def _label(self) -> str:
        if (found := await self.label_id()) is not None:
            return found
        try:
            made = await self._connection.command(
                "config/label_registry/create", name=LABEL, icon="mdi:microphone-message"
            )
        except AddonError:
            # Made by somebody else in between.
            if (found := await self.label_id()) is not None:
                return found
            raise
        return str(made["label_id"])
