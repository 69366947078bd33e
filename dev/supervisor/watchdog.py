"""The health check of the container, and the Supervisor's watchdog that acts on it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dev.supervisor.addon import Addon

_RETRIES = 3
"""Failed checks after which Docker calls a container unhealthy."""


class Watchdog:
    """Restarts an app that ended by itself or is unhealthy, where its watchdog is on.

    `check` is the command of the image's HEALTHCHECK, run every `interval` seconds. Without the
    watchdog an unhealthy app stays as it is.
    """

    def __init__(self, addon: Addon, check: Sequence[str], interval: float = 30.0) -> None:
        self.restarts = 0
        self.healthy: bool | None = None
        self._addon = addon
        self._check = check
        self._interval = interval

    async def run(self) -> None:
        """Watch until cancelled."""
        failed = 0
        while True:
            await asyncio.sleep(self._interval)
            ended = self._addon.exit_status is not None
            if not ended and self._addon.state == "started":
                failed = failed + 1 if await self._addon.run(self._check) else 0
                self.healthy = None if 0 < failed < _RETRIES else failed == 0
            if self._addon.watchdog and (ended or self.healthy is False):
                self.restarts += 1
                failed, self.healthy = 0, None
                await self._addon.restart()
