"""Covers."""

from __future__ import annotations

from typing import Any

from homeassistant.components.cover import ATTR_POSITION, CoverEntity, CoverEntityFeature

from .entity import DevEntity, setup


class DevCover(DevEntity, CoverEntity):
    """A cover that obeys at once. One without `position` only opens and closes."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over what it can do."""
        self._attr_supported_features = (
            CoverEntityFeature.OPEN | CoverEntityFeature.CLOSE | CoverEntityFeature.STOP
        )
        self._positioned = "position" in data
        if self._positioned:
            self._attr_supported_features |= CoverEntityFeature.SET_POSITION

    def begin(self, data: dict[str, Any]) -> None:
        """Take over position and state."""
        is_open = data.get("state", "closed") == "open"
        self._move(data.get("position", 100 if is_open else 0))

    def put(self, state: Any) -> None:
        """Open or close it."""
        self._move(100 if state == "open" else 0)

    def _move(self, position: int) -> None:
        self._attr_is_closed = position == 0
        self._attr_current_cover_position = position if self._positioned else None

    async def async_open_cover(self, **kwargs: Any) -> None:
        """Open it."""
        self._move(100)
        self.done()

    async def async_close_cover(self, **kwargs: Any) -> None:
        """Close it."""
        self._move(0)
        self.done()

    async def async_stop_cover(self, **kwargs: Any) -> None:
        """Do nothing: it never moves for long."""

    async def async_set_cover_position(self, **kwargs: Any) -> None:
        """Move it."""
        self._move(kwargs[ATTR_POSITION])
        self.done()


async_setup_entry = setup("cover", DevCover)
