"""What used the agent over Wyoming is moved to the same agent of the companion integration."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.options import AgentOptions
from ollama_addon.placing import DOMAIN

_LOGGER = logging.getLogger(__name__)

Entry = Mapping[str, Any]


async def hand_over(connection: Connection, agent: AgentOptions) -> None:
    """Have every Assist pipeline that uses `agent` over Wyoming use the companion's entity of it.

    Everything else of a pipeline stays as it was. Raises AddonError, `companion_not_ready` when
    the companion has no entity of the agent that could be used.
    """
    entities = await connection.command("config/entity_registry/list")
    entries = await connection.command("config_entries/get", domain="wyoming")
    before = set(_over_wyoming(entities, entries, agent))
    pipelines = await connection.command("assist_pipeline/pipeline/list")
    using = [each for each in pipelines["pipelines"] if each["conversation_engine"] in before]
    if not using:
        return
    successor = _of_companion(entities, agent)
    if successor is None:
        raise AddonError(
            "companion_not_ready",
            f"The integration has no entity of {agent.name} yet, which is in use.",
            503,
        )
    for pipeline in using:
        fields = {key: value for key, value in pipeline.items() if key != "id"}
        fields["conversation_engine"] = successor
        await connection.command(
            "assist_pipeline/pipeline/update", pipeline_id=pipeline["id"], **fields
        )
        _LOGGER.info("The pipeline %s uses %s of the integration", pipeline["name"], agent.name)


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


def _of_companion(entities: list[Entry], agent: AgentOptions) -> str | None:
    for entity in entities:
        unique_id = f"{entity['config_entry_id']}_{agent.id}_conversation"
        if (
            entity["platform"] == DOMAIN
            and entity["unique_id"] == unique_id
            and entity["disabled_by"] is None
        ):
            return str(entity["entity_id"])
    return None
