"""Buttons."""

from __future__ import annotations

from homeassistant.components.button import ButtonEntity

from .entity import DevEntity, setup


class DevButton(DevEntity, ButtonEntity):
    """A button that does nothing but being pressed."""

    async def async_press(self) -> None:
        """Be pressed."""


async_setup_entry = setup("button", DevButton)
