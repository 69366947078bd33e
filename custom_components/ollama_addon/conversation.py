"""The agents as conversation entities: what the Assist agent picker shows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from homeassistant.components import conversation
from homeassistant.const import MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import intent, llm
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import SidecarError
from .coordinator import Agent, Coordinator, OllamaAddonConfigEntry
from .entity import AgentEntity, follow_agents
from .turns import TURNS, Turn

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OllamaAddonConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a conversation entity for each agent."""
    follow_agents(entry, lambda *of: [AgentConversation(*of)], async_add_entities)


class AgentConversation(
    AgentEntity, conversation.ConversationEntity, conversation.AbstractConversationAgent
):
    """One agent in conversation. All thinking is done in the app."""

    _attr_supports_streaming = True

    def __init__(self, coordinator: Coordinator, agent: Agent) -> None:
        """Make it of an agent."""
        super().__init__(coordinator, agent, "conversation")
        self._last = agent

    @property
    def supported_languages(self) -> list[str] | Literal["*"]:
        """Every language: what the model knows of it is another matter."""
        return MATCH_ALL

    @property
    def supported_features(self) -> conversation.ConversationEntityFeature:
        """Whether the agent may control the home."""
        if self.agent.control_home:
            return conversation.ConversationEntityFeature.CONTROL
        return conversation.ConversationEntityFeature(0)

    async def _async_handle_message(
        self, user_input: conversation.ConversationInput, chat_log: conversation.ChatLog
    ) -> conversation.ConversationResult:
        """Have the app take the turn; what it yields goes into the chat log as it comes."""
        response = intent.IntentResponse(language=user_input.language)
        end: dict[str, Any] = {}
        turn = Turn(
            user_input.context,
            user_input.language,
            user_input.device_id,
            user_input.satellite_id,
            self.entity_id,
        )
        try:
            with self.hass.data[TURNS].open(turn) as token:
                stream = self._stream(user_input, chat_log.conversation_id, token, end)
                async with aclosing(stream):
                    async for _ in chat_log.async_add_delta_content_stream(self.entity_id, stream):
                        pass
        except SidecarError as err:
            response.async_set_error(intent.IntentResponseErrorCode.UNKNOWN, err.message)
            return conversation.ConversationResult(response, chat_log.conversation_id)
        last = chat_log.content[-1]
        words = last.content if isinstance(last, conversation.AssistantContent) else None
        response.async_set_speech(words or "")
        chat_log.async_trace(end.get("usage", {}))
        return conversation.ConversationResult(
            response, chat_log.conversation_id, bool(end.get("continue_conversation"))
        )

    async def _stream(
        self,
        user_input: conversation.ConversationInput,
        conversation_id: str,
        token: str,
        end: dict[str, Any],
    ) -> AsyncGenerator[
        conversation.AssistantContentDeltaDict | conversation.ToolResultContentDeltaDict
    ]:
        """Yield a turn's events as deltas of the chat log; `end` takes the last one."""
        tools: dict[str, str] = {}
        # A message is begun only when there is something in it: a call belongs to none before.
        begun = False
        events = self.coordinator.client.converse(
            self._agent_id,
            {
                "text": user_input.text,
                "language": user_input.language,
                "conversation_id": conversation_id,
                "device_id": user_input.device_id,
                "satellite_id": user_input.satellite_id,
                "user_id": user_input.context.user_id,
                "user_name": await self._user_name(user_input),
                "extra_system_prompt": user_input.extra_system_prompt,
                "turn_token": token,
            },
        )
        async with aclosing(events):
            async for name, data in events:
                if name in ("delta", "tool_call") and not begun:
                    begun = True
                    yield {"role": "assistant"}
                match name:
                    case "delta":
                        yield {"content": data["content"]}
                    case "tool_call":
                        tools[data["id"]] = data["name"]
                        yield {
                            "tool_calls": [
                                llm.ToolInput(
                                    data["name"], data["arguments"], data["id"], external=True
                                )
                            ]
                        }
                    case "tool_result":
                        begun = False
                        yield {
                            "role": "tool_result",
                            "tool_call_id": data["id"],
                            "tool_name": tools[data["id"]],
                            "result": llm.ToolResult(data["result"], error=not data["ok"]),
                        }
                    case "end":
                        end.update(data)
                    case "error":
                        raise SidecarError(data["code"], data["message"])

    async def _user_name(self, user_input: conversation.ConversationInput) -> str | None:
        user_id = user_input.context.user_id
        user = await self.hass.auth.async_get_user(user_id) if user_id else None
        return user.name if user else None
