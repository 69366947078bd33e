"""Connecting to the app: discovered, or by its address and token.

A discovered app is known by its slug, which it keeps when it is installed anew; one that was
connected by hand by the id that it gives itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import probatio
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
from homeassistant.const import CONF_ID, CONF_TOKEN, CONF_URL
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
_TITLE = "Ollama Assist"


class OllamaAddonConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connect to an app, or mend the connection."""

    VERSION = 1
    MINOR_VERSION = 2

    _discovered: dict[str, str]

    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Take what the app tells of itself; one that moved, or was installed anew, is followed."""
        config = discovery_info.config
        self._discovered = {
            CONF_URL: str(URL.build(scheme="http", host=config["host"], port=int(config["port"]))),
            CONF_TOKEN: config["token"],
            CONF_ID: config["id"],
        }
        self._know_by_slug(discovery_info.slug, config)
        entry = await self.async_set_unique_id(discovery_info.slug)
        if entry is not None and self._follow(entry):
            return self.async_abort(reason="already_configured")
        self._abort_if_unique_id_configured()
        self.context["title_placeholders"] = {"name": discovery_info.name}
        return await self.async_step_hassio_confirm()

    def _know_by_slug(self, slug: str, config: Mapping[str, Any]) -> None:
        """Have an entry of the app that is known by something else known by its slug."""
        entries = self._async_current_entries(include_ignore=True)
        if any(entry.unique_id == slug for entry in entries):
            return
        for entry in entries:
            # Its host name is made of its slug, so that it tells an app that was installed anew.
            host = URL(entry.data.get(CONF_URL, "")).host
            if entry.unique_id == config["id"] or (host is not None and host == config["host"]):
                self.hass.config_entries.async_update_entry(entry, unique_id=slug)
                return

    def _follow(self, entry: ConfigEntry) -> bool:
        """Give the entry of an app that moved, or was installed anew, its address and token.

        Returns whether there was something new.
        """
        if entry.source == SOURCE_IGNORE or not self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, **self._discovered}
        ):
            return False
        for flow in list(entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})):
            self.hass.config_entries.flow.async_abort(flow["flow_id"])
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return True

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
                self._async_abort_entries_match({CONF_ID: unique_id})
                return self.async_create_entry(title=_TITLE, data={**data, CONF_ID: unique_id})
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
                if unique_id != entry.data[CONF_ID]:
                    return self.async_abort(reason="another_addon")
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
        """Return what was typed with a whole address, which app that is, and what is wrong."""
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
        """Return which app answers, and what is wrong."""
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
