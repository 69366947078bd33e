"""What can be repaired with one click."""

from __future__ import annotations

from homeassistant.components.assist_pipeline import async_get_pipelines, async_update_pipeline
from homeassistant.components.conversation import HOME_ASSISTANT_AGENT
from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er


class AppRemovedRepairFlow(ConfirmRepairFlow):
    """Removes what an app that was uninstalled has left."""

    def __init__(self, entry_id: str) -> None:
        """Make it for an entry."""
        self._entry_id = entry_id

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Set voice assistants back to Home Assistant's own agent, then remove the entry."""
        if user_input is not None:
            await async_set_assistants_back(self.hass, self._entry_id)
            if self.hass.config_entries.async_get_entry(self._entry_id):
                await self.hass.config_entries.async_remove(self._entry_id)
        return await super().async_step_confirm(user_input)


async def async_set_assistants_back(hass: HomeAssistant, entry_id: str) -> None:
    """Have Home Assistant's own agent answer where an agent of the entry did."""
    ours = {
        entity.entity_id
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry_id)
    }
    for pipeline in async_get_pipelines(hass):
        if pipeline.conversation_engine in ours:
            await async_update_pipeline(hass, pipeline, conversation_engine=HOME_ASSISTANT_AGENT)


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return what fixes an issue."""
    return AppRemovedRepairFlow(str((data or {})["entry_id"]))
