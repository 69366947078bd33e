"""Connecting to an add-on: discovered, or by its address and token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import probatio
from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from yarl import URL

from .client import Client, InvalidAuthError, SidecarError
from .const import DOMAIN

_TOKEN = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
_USER = probatio.Schema(
    {
        probatio.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
        probatio.Required(CONF_TOKEN): _TOKEN,
    }
)
_REAUTH = probatio.Schema({probatio.Required(CONF_TOKEN): _TOKEN})
_TITLE = "Ollama"


class OllamaAddonConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connect to an add-on, or mend the connection."""

    VERSION = 1

    _discovered: dict[str, str]

    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Take what the add-on tells of itself; an add-on that moved is followed."""
        config = discovery_info.config
        self._discovered = {
            CONF_URL: str(URL.build(scheme="http", host=config["host"], port=int(config["port"]))),
            CONF_TOKEN: config["token"],
        }
        # Its own, and not the message's: an add-on that was set up by hand is known again.
        await self.async_set_unique_id(config["id"])
        self._abort_if_unique_id_configured(updates=self._discovered)
        self.context["title_placeholders"] = {"name": discovery_info.name}
        return await self.async_step_hassio_confirm()

    async def async_step_hassio_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Connect once the person has pressed "Add"."""
        errors: dict[str, str] = {}
        if user_input is not None:
            _, errors = await self._met(self._discovered)
            if not errors:
                return self.async_create_entry(title=_TITLE, data=self._discovered)
        return self.async_show_form(step_id="hassio_confirm", errors=errors)

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for address and token."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data, unique_id, errors = await self._checked(user_input)
            if not errors:
                await self.async_set_unique_id(unique_id)
                self._abort_if_unique_id_configured()
                return self.async_create_entry(title=_TITLE, data=data)
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(_USER, user_input),
            errors=errors,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for another address or token."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            data, unique_id, errors = await self._checked(user_input)
            if not errors:
                await self.async_set_unique_id(unique_id)
                self._abort_if_unique_id_mismatch(reason="another_addon")
                return self.async_update_reload_and_abort(entry, data_updates=data)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                _USER, user_input or {CONF_URL: entry.data[CONF_URL]}
            ),
            errors=errors,
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin to ask for a token that is accepted."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the token."""
        entry = self._get_reauth_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            _, errors = await self._met({**entry.data, **user_input})
            if not errors:
                return self.async_update_reload_and_abort(entry, data_updates=user_input)
        return self.async_show_form(step_id="reauth_confirm", data_schema=_REAUTH, errors=errors)

    async def _checked(
        self, user_input: dict[str, Any]
    ) -> tuple[dict[str, Any], str, dict[str, str]]:
        """Return what was typed with a whole address, which add-on that is, and what is wrong."""
        url = user_input[CONF_URL].strip().rstrip("/")
        if "://" not in url:
            url = f"http://{url}"
        try:
            parsed = URL(url)
        except ValueError:
            return user_input, "", {CONF_URL: "invalid_url"}
        if parsed.scheme not in ("http", "https") or not parsed.host:
            return user_input, "", {CONF_URL: "invalid_url"}
        data = {CONF_URL: url, CONF_TOKEN: user_input[CONF_TOKEN].strip()}
        return data, *await self._met(data)

    async def _met(self, data: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        """Return which add-on answers, and what is wrong."""
        client = Client(async_get_clientsession(self.hass), data[CONF_URL], data[CONF_TOKEN])
        try:
            status = await client.status()
        except InvalidAuthError:
            return "", {"base": "invalid_auth"}
        except SidecarError:
            return "", {"base": "cannot_connect"}
        if not isinstance(status, dict) or "id" not in status:
            return "", {"base": "not_addon"}
        return status["id"], {}
