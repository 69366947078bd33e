"""From the agent over Wyoming to the companion's entity: in steps that survive a restart.

Home Assistant removes what was set up from a message when the message is withdrawn. So voice
assistants are moved first; then the message goes, the companion's entity takes the entity id that
became free, and the voice assistants follow it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ollama_addon import files
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.pipelines import Pipelines
from ollama_addon.options import AgentOptions
from ollama_addon.supervisor.client import Supervisor

_LOGGER = logging.getLogger(__name__)

Entry = Mapping[str, Any]


@dataclass
class Offer:
    """What was announced over Wyoming, and how far its end has come."""

    uuid: str
    """Of the message."""
    name: str
    """Of the agent when it was announced."""
    stage: Literal["offered", "moved", "withdrawn"] = "offered"
    entry: str = ""
    """The config entry that was made of the message, where somebody took it up."""
    entity: str = ""
    """The entity of that entry, whose id becomes free."""
    renamed: str = ""
    """What the companion's entity was called before it got that id."""


class Migration:
    """Keeps the offer in the file `path`, and ends it. Methods raise AddonError."""

    def __init__(self, connection: Connection, supervisor: Supervisor, path: Path) -> None:
        self._connection = connection
        self._supervisor = supervisor
        self._pipelines = Pipelines(connection)
        self._path = path

    def offer(self, agent: AgentOptions) -> Offer | None:
        """Return what is offered, by an earlier run too."""
        try:
            text = self._path.read_text("utf-8")
        except OSError:
            return None
        try:
            return Offer(**json.loads(text))
        except (ValueError, TypeError):
            # The first version kept the uuid alone.
            return Offer(text.strip(), agent.name)

    def keep(self, offer: Offer) -> None:
        """Remember the offer."""
        files.keep(self._path, json.dumps(asdict(offer)), "What is offered through Wyoming")

    async def taken(self, offer: Offer, agent: AgentOptions) -> bool:
        """Tell whether somebody has added the agent over Wyoming; `offer` then knows its entity."""
        entries = await self._connection.command("config_entries/get", domain="wyoming")
        discovered = {each["entry_id"] for each in entries if each["source"] == "hassio"}
        for entity in await self._connection.command("config/entity_registry/list"):
            if (
                entity["platform"] == "wyoming"
                and entity["entity_id"].startswith("conversation.")
                and entity["config_entry_id"] in discovered
                and entity["original_name"] in (offer.name, agent.name)
            ):
                offer.entry, offer.entity = entity["config_entry_id"], entity["entity_id"]
                return True
        return False

    async def withdraw(self, offer: Offer) -> None:
        """Take the offer back: the message, its card, and what was set up from it."""
        try:
            await self._supervisor.withdraw(offer.uuid)
        except AddonError as error:
            if error.status != 404:
                raise
            _LOGGER.debug("It was withdrawn before: %s", error.logged)
        # Home Assistant itself removes what was set up, and only while it is told of it.
        for flow in await self._connection.command("config_entries/flow/progress"):
            if flow["handler"] == "wyoming" and flow["context"].get("unique_id") == offer.uuid:
                await self._connection.delete(f"config/config_entries/flow/{flow['flow_id']}")
        if offer.entry:
            entries = await self._connection.command("config_entries/get", domain="wyoming")
            if any(each["entry_id"] == offer.entry for each in entries):
                await self._connection.delete(f"config/config_entries/entry/{offer.entry}")

    async def end(self, offer: Offer) -> None:
        """Withdraw an offer and forget it."""
        await self.withdraw(offer)
        self._path.unlink(missing_ok=True)

    async def finish(self, offer: Offer, agent: AgentOptions) -> None:
        """Put the companion's entity in the place of the one over Wyoming.

        Raises AddonError where a step cannot be done now: called again, it goes on there.
        """
        if offer.stage == "offered":
            if await self.taken(offer, agent):
                await self._available(agent)
                await self._move(offer.entity, agent)
            offer.stage = "moved"
            self.keep(offer)
        if offer.stage == "moved":
            await self.withdraw(offer)
            offer.stage = "withdrawn"
            self.keep(offer)
        if offer.entity:
            await self._take_id(offer, agent)
        self._path.unlink(missing_ok=True)

    async def _available(self, agent: AgentOptions) -> str:
        """Return the companion's entity. Raises AddonError until it can be asked."""
        entity_id = await self._pipelines.entity(agent.id)
        listed = await self._connection.command("conversation/agent/list")
        if not any(each["id"] == entity_id for each in listed["agents"]):
            raise AddonError("not_in_home", f"{entity_id} is not available yet.", 409)
        return entity_id

    async def _move(self, before: str, agent: AgentOptions) -> None:
        """Have every voice assistant that uses the entity `before` use the companion's."""
        listed = await self._connection.command("assist_pipeline/pipeline/list")
        for pipeline in listed["pipelines"]:
            if pipeline["conversation_engine"] == before:
                await self._pipelines.choose(pipeline["id"], agent.id)
                _LOGGER.info("A voice assistant uses %s of the integration", agent.name)

    async def _take_id(self, offer: Offer, agent: AgentOptions) -> None:
        """Give the companion's entity the id that became free, where it has that with a number."""
        entities = await self._connection.command("config/entity_registry/list")
        if any(each["entity_id"] == offer.entity and each["platform"] == "wyoming"
               for each in entities):  # fmt: skip
            raise AddonError("not_removed", f"{offer.entity} is still being removed.", 409)
        ours = await self._pipelines.entity(agent.id)
        if re.fullmatch(rf"{re.escape(offer.entity)}_\d+", ours):
            offer.renamed = ours
            self.keep(offer)
            await self._connection.command(
                "config/entity_registry/update", entity_id=ours, new_entity_id=offer.entity
            )
            _LOGGER.info("The integration's entity has the id that became free")
        if offer.renamed:
            await self._move(offer.renamed, agent)
