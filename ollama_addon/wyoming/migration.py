"""What Home Assistant has of the agent over Wyoming, before that ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from ollama_addon.home.connection import Connection
from ollama_addon.home.pipelines import Pipelines
from ollama_addon.options import AgentOptions

_LOGGER = logging.getLogger(__name__)

Entry = Mapping[str, Any]


async def hand_over(connection: Connection, agent: AgentOptions) -> None:
    """Have every Assist pipeline that uses `agent` over Wyoming use the companion's entity of it.

    Raises AddonError as `Pipelines.choose` does: `not_in_home` while there is no such entity.
    """
    entities = await connection.command("config/entity_registry/list")
    entries = await connection.command("config_entries/get", domain="wyoming")
    before = set(_over_wyoming(entities, entries, agent))
    listed = await connection.command("assist_pipeline/pipeline/list")
    for pipeline in listed["pipelines"]:
        if pipeline["conversation_engine"] in before:
            await Pipelines(connection).choose(pipeline["id"], agent.id)
            _LOGGER.info("A pipeline uses %s of the integration", agent.name)


async def remove_card(connection: Connection, uuid: str) -> None:
    """Remove the discovered card of an announcement that nobody has taken up. Raises AddonError.

    Home Assistant itself removes only what was set up from it.
    """
    for flow in await connection.command("config_entries/flow/progress"):
        if flow["handler"] == "wyoming" and flow["context"].get("unique_id") == uuid:
            await connection.delete(f"config/config_entries/flow/{flow['flow_id']}")


def _over_wyoming(
    entities: list[Entry], entries: list[Entry], agent: AgentOptions
) -> Iterator[str]:
    discovered = {each["entry_id"] for each in entries if each["source"] == "hassio"}
    for entity in entities:
        if (
            entity["platform"] == "wyoming"
            and entity["entity_id"].startswith("conversation.")
            and entity["config_entry_id"] in discovered
            and entity["original_name"] == agent.name
        ):
            yield entity["entity_id"]
