"""Assist pipelines: which there are, and one of them given an agent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection

LOOK_EVERY = 60.0
RETRY = 5.0
"""Seconds between two looks at the pipelines, and while they are not known."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """An Assist pipeline."""

    id: str
    name: str
    language: str
    preferred: bool
    agent_id: str | None
    """Our agent that answers in it; None for another conversation engine."""


class Pipelines:
    """Reads and changes pipelines. All methods raise AddonError as the connection does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.seen: tuple[Pipeline, ...] | None = None
        """The pipelines as they were listed last; None while they are not known."""
        connection.on_disconnect(self._forget)

    async def follow(self) -> None:
        """List the pipelines now and then, as nothing tells of their changes. Never returns."""
        while True:
            if self._connection.connected:
                with contextlib.suppress(AddonError):
                    await self.list()
            await asyncio.sleep(LOOK_EVERY if self.seen is not None else RETRY)

    def _forget(self) -> None:
        self.seen = None

    async def list(self) -> list[Pipeline]:
        """Return the pipelines."""
        listed = await self._connection.command("assist_pipeline/pipeline/list")
        if not isinstance(listed, Mapping):
            raise AddonError("home_failed", "Home Assistant gave no list of its assistants.", 502)
        entities = {entity: agent for agent, entity in (await self._entities()).items()}
        found = [
            Pipeline(
                each["id"],
                each["name"],
                each["language"],
                each["id"] == listed["preferred_pipeline"],
                entities.get(each["conversation_engine"]),
            )
            for each in listed["pipelines"]
        ]
        self.seen = tuple(found)
        return found

    async def choose(self, pipeline_id: str, agent_id: str) -> None:
        """Make an agent the conversation engine of a pipeline; everything else stays as it is.

        Raises AddonError: `no_pipeline`, or `not_in_home` while Home Assistant does not have
        the agent.
        """
        entity_id = await self.entity(agent_id)
        listed = await self._connection.command("assist_pipeline/pipeline/list")
        pipeline: Mapping[str, Any] | None = next(
            (each for each in listed["pipelines"] if each["id"] == pipeline_id), None
        )
        if pipeline is None:
            raise AddonError("no_pipeline", "There is no such pipeline in Home Assistant.", 404)
        whole = {key: value for key, value in pipeline.items() if key != "id"}
        # A language that the agent does not speak is no reason to keep the other engine.
        changed = {"conversation_engine": entity_id, "conversation_language": pipeline["language"]}
        await self._connection.command(
            "assist_pipeline/pipeline/update", pipeline_id=pipeline_id, **{**whole, **changed}
        )
        with contextlib.suppress(AddonError):
            await self.list()

    async def leave(self) -> tuple[str, ...]:
        """Give every pipeline that uses one of our agents Home Assistant's own; return their names.

        Raises AddonError.
        """
        ours = set((await self._entities()).values())
        listed = await self._connection.command("assist_pipeline/pipeline/list")
        left = [each for each in listed["pipelines"] if each["conversation_engine"] in ours]
        for pipeline in left:
            whole = {key: value for key, value in pipeline.items() if key != "id"}
            await self._connection.command(
                "assist_pipeline/pipeline/update",
                pipeline_id=pipeline["id"],
                **{**whole, "conversation_engine": "conversation.home_assistant"},
            )
        return tuple(str(each["name"]) for each in left)

    async def entity(self, agent_id: str) -> str:
        """Return the conversation entity of an agent. Raises AddonError (`not_in_home`)."""
        entity_id = (await self._entities()).get(agent_id)
        if entity_id is None:
            raise AddonError(
                "not_in_home",
                "Home Assistant does not have this agent yet. Add Ollama Assist under "
                "Settings, Devices & services, and try again.",
                409,
            )
        return entity_id

    async def _entities(self) -> dict[str, str]:
        """Return the conversation entities of our agents, by agent."""
        return conversation_entities(await self._connection.command("config/entity_registry/list"))


def conversation_entities(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the conversation entities of our agents, by agent, of a list of the registry."""
    found = {}
    for entity in entries:
        ours = entity.get("platform") == "ollama_addon"
        if ours and entity["entity_id"].startswith("conversation."):
            # As the companion makes them: <entry>_<agent>_conversation.
            agent = entity["unique_id"].removeprefix(f"{entity['config_entry_id']}_")
            found[agent.removesuffix("_conversation")] = entity["entity_id"]
    return found
