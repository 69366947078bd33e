"""Lights."""

from __future__ import annotations

from typing import Any

from homeassistant.components.light import (
    ATTR_BRIGHTNESS,
    ATTR_COLOR_TEMP_KELVIN,
    ATTR_HS_COLOR,
    ColorMode,
    LightEntity,
)

from .entity import DevEntity, setup


class DevLight(DevEntity, LightEntity):
    """A light that obeys at once."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over its color modes."""
        modes = set()
        if data.get("color"):
            modes.add(ColorMode.HS)
        if data.get("color_temp"):
            modes.add(ColorMode.COLOR_TEMP)
        if not modes:
            modes.add(ColorMode.BRIGHTNESS if data.get("dimmable") else ColorMode.ONOFF)
        self._attr_supported_color_modes = modes

    def begin(self, data: dict[str, Any]) -> None:
        """Take over brightness and state."""
        modes = self._attr_supported_color_modes
        self._attr_is_on = data.get("state", "off") == "on"
        self._attr_brightness = None if ColorMode.ONOFF in modes else data.get("brightness", 255)
        self._attr_hs_color = None
        self._attr_color_temp_kelvin = 3000 if ColorMode.COLOR_TEMP in modes else None
        self._attr_color_mode = (
            ColorMode.COLOR_TEMP if ColorMode.COLOR_TEMP in modes else next(iter(modes))
        )
        if self._attr_color_mode is ColorMode.HS:
            self._attr_hs_color = (30.0, 20.0)

    def put(self, state: Any) -> None:
        """Switch it."""
        self._attr_is_on = state == "on"

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on, as bright and as colored as is said."""
        self._attr_is_on = True
        if (brightness := kwargs.get(ATTR_BRIGHTNESS)) is not None:
            self._attr_brightness = brightness
        if (color := kwargs.get(ATTR_HS_COLOR)) is not None:
            self._attr_hs_color = color
            self._attr_color_mode = ColorMode.HS
            self._attr_color_temp_kelvin = None
        if (kelvin := kwargs.get(ATTR_COLOR_TEMP_KELVIN)) is not None:
            self._attr_color_temp_kelvin = kelvin
            self._attr_color_mode = ColorMode.COLOR_TEMP
            self._attr_hs_color = None
        self.done()

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off."""
        self._attr_is_on = False
        self.done()


async_setup_entry = setup("light", DevLight)
