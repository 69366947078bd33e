"""What all entities of the integration share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from homeassistant.const import CONF_URL
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN, MANUFACTURER
from .coordinator import Agent, Coordinator, OllamaAddonConfigEntry


class AddonEntity(CoordinatorEntity[Coordinator]):
    """An entity of the app itself."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: Coordinator, key: str) -> None:
        """Make it a part of the app's device."""
        super().__init__(coordinator)
        entry = coordinator.config_entry
        self._attr_unique_id = f"{entry.entry_id}_{key}"
        self._attr_translation_key = key
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, entry.entry_id)},
            name=entry.title,
            manufacturer=MANUFACTURER,
            entry_type=DeviceEntryType.SERVICE,
            configuration_url=entry.data[CONF_URL],
            sw_version=str(coordinator.data.status.get("version", "")),
        )


class AgentEntity(CoordinatorEntity[Coordinator]):
    """An entity of one agent, named as the agent."""

    _attr_has_entity_name = True
    _attr_name = None

    def __init__(self, coordinator: Coordinator, agent: Agent, key: str) -> None:
        """Make it a part of the agent's device."""
        super().__init__(coordinator)
        entry = coordinator.config_entry
        self._agent_id = agent.id
        self._attr_unique_id = f"{entry.entry_id}_{agent.id}_{key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, f"{entry.entry_id}_{agent.id}")},
            name=agent.name,
            manufacturer=MANUFACTURER,
            model=agent.model,
            entry_type=DeviceEntryType.SERVICE,
            via_device_id=coordinator.device_id,
        )

    @property
    def agent(self) -> Agent:
        """The agent as it is now; as it was, for the moment until it is removed."""
        return self.coordinator.data.agents.get(self._agent_id, self._last)

    @property
    def available(self) -> bool:
        """Whether the app answers and has this agent."""
        return super().available and self._agent_id in self.coordinator.data.agents

    async def async_added_to_hass(self) -> None:
        """Remember the agent."""
        self._last = self.coordinator.data.agents[self._agent_id]
        await super().async_added_to_hass()

    @callback
    def _handle_coordinator_update(self) -> None:
        """Take over a new name or model of the agent."""
        self._last = agent = self.agent
        registry = dr.async_get(self.hass)
        identifier = (DOMAIN, f"{self.coordinator.config_entry.entry_id}_{agent.id}")
        device = registry.async_get_device_by_identifier(
            identifier, self.coordinator.config_entry.entry_id
        )
        if device is not None and (device.name, device.model) != (agent.name, agent.model):
            registry.async_update_device(device.id, name=agent.name, model=agent.model)
        super()._handle_coordinator_update()


@callback
def follow_agents(
    entry: OllamaAddonConfigEntry,
    make: Callable[[Coordinator, Agent], Iterable[Entity]],
    add: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the entities of each agent, now and when one is configured later."""
    coordinator = entry.runtime_data
    known: set[str] = set()

    @callback
    def look() -> None:
        agents = coordinator.data.agents
        new = [agent for agent_id, agent in agents.items() if agent_id not in known]
        known.clear()
        known.update(agents)
        if new:
            add([entity for agent in new for entity in make(coordinator, agent)])

    look()
    entry.async_on_unload(coordinator.async_add_listener(look))
