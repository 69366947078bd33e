"""The companion integration in Home Assistant: placed there, and watched whether it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ollama_addon.background import Background
from ollama_addon.companion import files
from ollama_addon.companion.files import DOMAIN, Placing
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.notifications import Notifications

_LOGGER = logging.getLogger(__name__)

RETRY = 10.0
"""Seconds until Home Assistant is asked again after it could not tell."""
_NOTIFICATION = f"{DOMAIN}_restart"
_RESTART = (
    "Restart Home Assistant to use it: open [Settings, System](/config/system) and choose "
    "**Restart Home Assistant** behind the button at the top right."
)
_BROKEN = ("setup_error", "migration_error", "failed_unload")
"""States of a config entry that does not come up by itself."""


class CompanionMonitor:
    """The companion integration, placed from `source` into the folder `config` at start.

    With `install` false it is only watched. Nothing is raised: `state`, `message`,
    `restart_needed` and `runs` tell of it.
    """

    def __init__(
        self, connection: Connection, source: Path, config: Path, *, install: bool
    ) -> None:
        self.state: files.State | Literal["off"] = "off"
        self.message = "The integration is not installed by this app: that is switched off."
        self.version: str | None = None
        """Of the integration that stands in Home Assistant's folder; None where unknown."""
        self.running_version: str | None = None
        """Of the integration that Home Assistant has read at its start."""
        self.restart_needed = False
        """Whether Home Assistant has to be restarted to use what was placed."""
        self.looked = False
        """Whether `running_version` is that of the Home Assistant that is connected now."""
        self.runs: bool | None = None
        """Whether it is set up in Home Assistant; None while that is not known or under way."""
        self._connection = connection
        self._notifications = Notifications(connection)
        self._source = source
        self._config = config
        self._install = install
        self._changed = False
        self._entries: dict[str, bool | None] = {}
        self._unsubscribe: Callable[[], None] = lambda: None
        self._on_change: list[Callable[[], None]] = []
        self._look_again = asyncio.Event()
        self._background = Background()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when `runs`, `looked` or `running_version` may have changed."""
        self._on_change.append(callback)

    async def start(self) -> None:
        """Place the integration, and begin to watch it. Call it before the connection's start."""
        if self._install:
            placed = await asyncio.to_thread(files.place, self._source, self._config)
            self._take(placed)
        self._connection.on_connect(self._connected)
        self._background.keep("companion monitor", self._watch)

    async def remove(self) -> bool:
        """Remove the integration's files where they are ours; tell whether there were any.

        They are placed again when the app starts with `install_integration`. Raises AddonError.
        """
        removed = await asyncio.to_thread(files.remove, self._source, self._config)
        if removed:
            self.state, self.message = "off", "The integration was removed from Home Assistant."
        return removed

    async def stop(self) -> None:
        """Stop watching. What was placed stays."""
        await self._background.stop()

    def _take(self, placed: Placing) -> None:
        self.state, self.message, self.version = placed.state, placed.message, placed.version
        self._changed = placed.changed
        level = logging.INFO if placed.state in ("placed", "hacs") else logging.WARNING
        _LOGGER.log(level, "%s", placed.message)

    async def _watch(self) -> None:
        while True:
            await self._look_again.wait()
            self._look_again.clear()
            try:
                await self._look()
            except AddonError as error:
                _LOGGER.debug("The integration could not be looked at: %s", error.logged)
                await asyncio.sleep(RETRY)
                if self._connection.connected:
                    self._look_again.set()
            except Exception:
                self._look_again.set()
                raise

    async def _look(self) -> None:
        """See what a newly connected Home Assistant runs. Raises AddonError."""
        self._unsubscribe()
        self._entries.clear()
        self._unsubscribe = await self._connection.subscribe(
            self._entries_changed, "config_entries/subscribe"
        )
        self.running_version = await self._read_version()
        self.looked = True
        self._tell()
        if self.state == "placed":
            await self._ask_for_restart()

    async def _read_version(self) -> str | None:
        """Return the version that Home Assistant found at its start, if it found one."""
        try:
            manifest = await self._connection.command("manifest/get", integration=DOMAIN)
        except AddonError as error:
            if error.code == "home_failed":  # "Integration not found"
                return None
            raise
        return str(manifest.get("version"))

    async def _ask_for_restart(self) -> None:
        """Say in Home Assistant that a restart is needed, or take that back."""
        needed = self.running_version != self.version
        if not needed and self._changed:
            # Repaired: the version says nothing.
            needed = await asyncio.to_thread(files.started_after, self._config) is False
        if needed != self.restart_needed:
            self.restart_needed = needed
            _LOGGER.info(
                "Restart Home Assistant to use the integration %s." if needed
                else "Home Assistant runs the integration %s.",
                self.version,
            )  # fmt: skip
        if needed:
            await self._notifications.create(
                _NOTIFICATION, "Ollama Assist", f"{self.message} {_RESTART}"
            )
        else:
            await self._notifications.dismiss(_NOTIFICATION)

    def _entries_changed(self, event: Any) -> None:
        """Take in what Home Assistant says of its config entries: all at first, then changes."""
        for change in event:
            entry = change["entry"]
            if entry["domain"] != DOMAIN:
                continue
            if change["type"] == "removed":
                self._entries.pop(entry["entry_id"], None)
            else:
                self._entries[entry["entry_id"]] = _runs(entry)
        states = set(self._entries.values())
        runs = True if True in states else None if None in states else False
        if runs != self.runs:
            self.runs = runs
            self._tell()

    def _connected(self) -> None:
        self.looked = False
        self._look_again.set()

    def _tell(self) -> None:
        for callback in self._on_change:
            callback()


def _runs(entry: dict[str, Any]) -> bool | None:
    """Return whether an entry works; None when that is about to be seen."""
    if entry["disabled_by"] is not None or entry["state"] in _BROKEN:
        return False
    return True if entry["state"] == "loaded" else None
