"""What the app says of itself, pushed as it changes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import Any

from awesomeversion import AwesomeVersion
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.loader import async_get_integration

from .client import Client, InvalidAuthError, SidecarError
from .const import DOMAIN
from .presence import async_app_is_there, async_watch_app

_LOGGER = logging.getLogger(__name__)
_RETRY_FIRST = 1.0
_RETRY_LAST = 30.0
_PARTS = ("engine", "models", "home", "agents")


@dataclass(frozen=True, slots=True)
class Agent:
    """A configured agent."""

    id: str
    name: str
    model: str
    control_home: bool


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The app as it was last heard of."""

    status: dict[str, Any]
    agents: dict[str, Agent]
    pulls: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Downloads by model: `percent`, `message` and `state`."""
    turn: dict[str, Any] = field(default_factory=dict)
    """Usage and timings of the last turn."""
    orders: dict[str, Any] = field(default_factory=dict)
    """The next order: `next`, `entity_ids`, `count`; and what is wrong with planning."""


type OllamaAddonConfigEntry = ConfigEntry[Coordinator]


class Coordinator(DataUpdateCoordinator[Sidecar]):
    """Follows the app's events, and asks once at start."""

    config_entry: OllamaAddonConfigEntry

    def __init__(self, hass: HomeAssistant, entry: OllamaAddonConfigEntry, client: Client) -> None:
        """Make a coordinator that has heard nothing yet."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=entry.title)
        self.client = client
        self.device_id: str | None = None
        """The device of the app itself, which those of its agents belong to."""

    async def _async_update_data(self) -> Sidecar:
        try:
            status = await self.client.status()
            agents = await self.client.agents()
        except InvalidAuthError as err:
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="invalid_auth"
            ) from err
        except SidecarError as err:
            await async_watch_app(self.hass, self.config_entry)
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="cannot_connect",
                translation_placeholders={"reason": err.message},
            ) from err
        async_app_is_there(self.hass, self.config_entry)
        return Sidecar(status, _agents(agents))

    def follow(self) -> None:
        """Begin to follow the app's events, until the entry is unloaded."""
        self.config_entry.async_create_background_task(
            self.hass, self._follow(), f"{DOMAIN} events"
        )

    async def _follow(self) -> None:
        pause = _RETRY_FIRST
        while True:
            try:
                async for name, data in self.client.events():
                    if pause != _RETRY_FIRST:
                        async_app_is_there(self.hass, self.config_entry)
                    pause = _RETRY_FIRST
                    await self._heard(name, data)
                reason = "The app was stopped."
            except InvalidAuthError:
                self.config_entry.async_start_reauth(self.hass)
                return
            except SidecarError as err:
                reason = err.message
            await async_watch_app(self.hass, self.config_entry)
            # Logged once, here and when it is back, by the coordinator.
            self.async_set_update_error(UpdateFailed(reason))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RETRY_LAST)

    async def _heard(self, name: str, data: Any) -> None:
        now = self.data
        match name:
            case "status":
                now = replace(now, status=data)
                await self._raise_issues(data)
            case "agents":
                now = replace(now, agents=_agents(data))
            case "pull":
                now = replace(now, pulls={**now.pulls, data["name"]: data})
            case "turn":
                now = replace(now, turn=data)
            case "orders":
                now = replace(now, orders=data)
                self._raise_order_issues(data)
            case _:
                return
        if now != self.data or not self.last_update_success:
            self.async_set_updated_data(now)

    async def _raise_issues(self, status: dict[str, Any]) -> None:
        """Keep the repairs page true: what is down, and an integration that is too old."""
        for part in _PARTS:
            self._issue(
                f"{part}_down",
                status.get(part, {}).get("state") == "down",
                translation_key=f"{part}_down",
                placeholders={"message": str(status.get(part, {}).get("message", ""))},
            )
        self._issue(
            "disk_full",
            status.get("disk", {}).get("state", "ok") != "ok",
            translation_key="disk_full",
            placeholders={"message": str(status.get("disk", {}).get("message", ""))},
        )
        integration = await async_get_integration(self.hass, DOMAIN)
        newer = AwesomeVersion(status.get("version")) > AwesomeVersion(integration.version)
        self._issue(
            "integration_outdated",
            newer,
            translation_key="integration_outdated",
            placeholders={"version": str(status.get("version", ""))},
        )

    @callback
    def _raise_order_issues(self, orders: dict[str, Any]) -> None:
        """Tell when nothing can be planned, and of automations whose targets are hidden now."""
        message, missing = str(orders.get("message") or ""), orders.get("missing") or []
        self._issue(
            "orders_down",
            bool(message),
            translation_key="orders_down",
            placeholders={"message": message},
        )
        self._issue(
            "automation_target",
            bool(missing),
            translation_key="automation_target",
            placeholders={"automations": "; ".join(missing)},
        )

    @callback
    def _issue(
        self, key: str, active: bool, *, translation_key: str, placeholders: dict[str, str]
    ) -> None:
        issue_id = f"{self.config_entry.entry_id}_{key}"
        if not active:
            ir.async_delete_issue(self.hass, DOMAIN, issue_id)
            return
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=translation_key,
            translation_placeholders=placeholders,
        )


def _agents(found: list[dict[str, Any]]) -> dict[str, Agent]:
    return {
        each["id"]: Agent(each["id"], each["name"], each["model"], each["control_home"])
        for each in found
    }
