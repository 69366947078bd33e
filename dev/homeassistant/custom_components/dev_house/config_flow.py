"""One entry, made without a question."""

from __future__ import annotations

from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

DOMAIN = "dev_house"


class DevHouseFlow(ConfigFlow, domain=DOMAIN):
    """Sets the house up."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Make the entry."""
        return self.async_create_entry(title="Dev house", data={})
