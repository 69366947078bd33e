"""Thermostats and air conditioners."""

from __future__ import annotations

from typing import Any

from homeassistant.components.climate import ClimateEntity, ClimateEntityFeature, HVACMode
from homeassistant.const import ATTR_TEMPERATURE

from .entity import DevEntity, setup


class DevClimate(DevEntity, ClimateEntity):
    """A thermostat that obeys at once, except for the temperature of the room."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over modes and limits."""
        self._attr_temperature_unit = self.hass_unit(data)
        self._attr_hvac_modes = [HVACMode(mode) for mode in data.get("hvac_modes", ["off", "heat"])]
        self._attr_supported_features = (
            ClimateEntityFeature.TARGET_TEMPERATURE
            | ClimateEntityFeature.TURN_ON
            | ClimateEntityFeature.TURN_OFF
        )
        for key in ("min_temp", "max_temp", "target_temperature_step"):
            if key in data:
                setattr(self, f"_attr_{key}", data[key])
        if "fan_modes" in data:
            self._attr_fan_modes = list(data["fan_modes"])
            self._attr_supported_features |= ClimateEntityFeature.FAN_MODE
        if "preset_modes" in data:
            self._attr_preset_modes = list(data["preset_modes"])
            self._attr_supported_features |= ClimateEntityFeature.PRESET_MODE

    @staticmethod
    def hass_unit(data: dict[str, Any]) -> str:
        """Return the unit of the inventory's numbers: those above 45 are not Celsius."""
        return "°F" if data.get("max_temp", 30) > 45 else "°C"

    def begin(self, data: dict[str, Any]) -> None:
        """Take over mode and temperatures."""
        self._attr_hvac_mode = HVACMode(data.get("state", "off"))
        self._attr_target_temperature = data.get("temperature")
        self._attr_current_temperature = data.get("current_temperature")
        self._attr_fan_mode = data.get("fan_mode", (data.get("fan_modes") or [None])[0])
        self._attr_preset_mode = data.get("preset_mode", (data.get("preset_modes") or [None])[0])

    def put(self, state: Any) -> None:
        """Set its mode."""
        self._attr_hvac_mode = HVACMode(state)

    async def async_set_temperature(self, **kwargs: Any) -> None:
        """Set what it shall reach."""
        if (temperature := kwargs.get(ATTR_TEMPERATURE)) is not None:
            self._attr_target_temperature = temperature
        if mode := kwargs.get("hvac_mode"):
            self._attr_hvac_mode = mode
        self.done()

    async def async_set_hvac_mode(self, hvac_mode: HVACMode) -> None:
        """Set its mode."""
        self._attr_hvac_mode = hvac_mode
        self.done()

    async def async_set_fan_mode(self, fan_mode: str) -> None:
        """Set its fan."""
        self._attr_fan_mode = fan_mode
        self.done()

    async def async_set_preset_mode(self, preset_mode: str) -> None:
        """Set its preset."""
        self._attr_preset_mode = preset_mode
        self.done()

    async def async_turn_on(self) -> None:
        """Turn it on."""
        modes = [mode for mode in self._attr_hvac_modes if mode is not HVACMode.OFF]
        self._attr_hvac_mode = modes[0]
        self.done()

    async def async_turn_off(self) -> None:
        """Turn it off."""
        self._attr_hvac_mode = HVACMode.OFF
        self.done()


async_setup_entry = setup("climate", DevClimate)
