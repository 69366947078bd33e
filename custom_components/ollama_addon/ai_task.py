"""The agents as AI task entities: text, or data of a given form."""

from __future__ import annotations

import base64

import probatio
from homeassistant.components import ai_task, conversation
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import SidecarError
from .const import DOMAIN
from .coordinator import Agent, Coordinator, OllamaAddonConfigEntry
from .entity import AgentEntity, follow_agents

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OllamaAddonConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an AI task entity for each agent."""
    follow_agents(entry, lambda *of: [AgentTask(*of)], async_add_entities)


class AgentTask(AgentEntity, ai_task.AITaskEntity):
    """One agent that carries out tasks; it sees and touches nothing of the home."""

    _attr_supported_features = (
        ai_task.AITaskEntityFeature.GENERATE_DATA | ai_task.AITaskEntityFeature.SUPPORT_ATTACHMENTS
    )

    def __init__(self, coordinator: Coordinator, agent: Agent) -> None:
        """Make it of an agent."""
        super().__init__(coordinator, agent, "ai_task")
        self._last = agent

    async def _async_generate_data(
        self, task: ai_task.GenDataTask, chat_log: conversation.ChatLog
    ) -> ai_task.GenDataTaskResult:
        """Have the app carry out the task."""
        structure = None
        if task.structure is not None:
            structure = probatio.to_openapi(
                task.structure,
                custom_serializer=llm.selector_serializer,
                openapi_version="3.1.0",
            )
        images = []
        for attachment in task.attachments or ():
            if not attachment.mime_type.startswith("image/"):
                raise HomeAssistantError(
                    translation_domain=DOMAIN,
                    translation_key="only_images",
                    translation_placeholders={"mime_type": attachment.mime_type},
                )
            content = await self.hass.async_add_executor_job(attachment.path.read_bytes)
            images.append(base64.b64encode(content).decode())
        try:
            made = await self.coordinator.client.generate(
                self._agent_id,
                {"instructions": task.instructions, "structure": structure, "images": images},
            )
        except SidecarError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="addon_error",
                translation_placeholders={"message": err.message},
            ) from err
        data = made["text"] if structure is None else made["data"]
        chat_log.async_add_assistant_content_without_tools(
            conversation.AssistantContent(agent_id=self.entity_id, content=str(data))
        )
        return ai_task.GenDataTaskResult(chat_log.conversation_id, data)
