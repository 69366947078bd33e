"""Weather."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from homeassistant.components.weather import Forecast, WeatherEntity, WeatherEntityFeature
from homeassistant.const import UnitOfTemperature
from homeassistant.util import dt as dt_util

from .entity import DevEntity, setup


class DevWeather(DevEntity, WeatherEntity):
    """Weather that stays as it is."""

    _attr_supported_features = WeatherEntityFeature.FORECAST_DAILY

    def describe(self, data: dict[str, Any]) -> None:
        """Take over the unit: numbers above 45 are not Celsius."""
        fahrenheit = data.get("temperature", 0) > 45
        self._attr_native_temperature_unit = (
            UnitOfTemperature.FAHRENHEIT if fahrenheit else UnitOfTemperature.CELSIUS
        )

    def begin(self, data: dict[str, Any]) -> None:
        """Take over condition and temperature."""
        self._attr_condition = data.get("state", "sunny")
        self._attr_native_temperature = data.get("temperature")
        self._attr_humidity = data.get("humidity")

    async def async_forecast_daily(self) -> list[Forecast]:
        """Return five days like today."""
        return [
            Forecast(
                datetime=(dt_util.utcnow() + timedelta(days=day)).isoformat(),
                condition=self._attr_condition,
                native_temperature=self._attr_native_temperature,
            )
            for day in range(5)
        ]


async_setup_entry = setup("weather", DevWeather)
