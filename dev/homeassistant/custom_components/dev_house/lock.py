"""Locks."""

from __future__ import annotations

from typing import Any

from homeassistant.components.lock import LockEntity

from .entity import DevEntity, setup


class DevLock(DevEntity, LockEntity):
    """A lock that obeys at once."""

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the state."""
        self.put(data.get("state", "locked"))

    def put(self, state: Any) -> None:
        """Lock or unlock it."""
        self._attr_is_locked = state == "locked"

    async def async_lock(self, **kwargs: Any) -> None:
        """Lock it."""
        self._attr_is_locked = True
        self.done()

    async def async_unlock(self, **kwargs: Any) -> None:
        """Unlock it."""
        self._attr_is_locked = False
        self.done()


async_setup_entry = setup("lock", DevLock)
