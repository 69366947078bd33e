"""The voice satellites, and when they begin to listen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection, Event
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import House

_LOGGER = logging.getLogger(__name__)

_LISTENING = "listening"
_RETRY = 10.0


class Satellites:
    """Follows the satellites of a home, exposed or not; nothing but their state is seen."""

    def __init__(self, connection: Connection, mirror: Mirror) -> None:
        self.on_listening: Callable[[str], None] = lambda entity_id: None
        """Called with the entity id of a satellite that begins to listen."""
        self._connection = connection
        self._states: dict[str, str] = {}
        self._watched: list[str] = []
        self._unwatch: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()
        self._background = Background()
        connection.on_connect(self._connected)
        mirror.on_change(self._note)

    def start(self) -> None:
        """Begin to follow."""
        self._background.keep("satellites", self._follow)

    async def stop(self) -> None:
        """Stop following."""
        await self._background.stop()

    def _connected(self) -> None:
        self._watched = []  # no subscription outlives its connection
        self._changed.set()

    def _note(self, house: House) -> None:
        self._changed.set()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._watch()
            except AddonError as error:
                _LOGGER.debug("The satellites cannot be followed: %s", error.logged)
                await asyncio.sleep(_RETRY)
                if self._connection.connected:
                    self._changed.set()
            except Exception:
                self._changed.set()
                raise

    async def _watch(self) -> None:
        entries = await self._connection.command("config/entity_registry/list")
        found = sorted(
            entry["entity_id"]
            for entry in entries
            if entry["entity_id"].startswith("assist_satellite.") and not entry["disabled_by"]
        )
        if found == self._watched:
            return
        self._unwatch()
        self._unwatch = lambda: None
        self._states.clear()
        # An empty list of entities would subscribe to all there are.
        if found:
            self._unwatch = await self._connection.subscribe(
                self._seen, "subscribe_entities", entity_ids=found
            )
        self._watched = found

    def _seen(self, event: Event) -> None:
        for entity_id, state in (event.get("a") or {}).items():
            self._states[entity_id] = str(state.get("s", ""))
        for entity_id, change in (event.get("c") or {}).items():
            plus: dict[str, Any] = change.get("+") or {}
            if "s" not in plus:
                continue
            before, self._states[entity_id] = self._states.get(entity_id), str(plus["s"])
            if plus["s"] == _LISTENING != before:
                self.on_listening(entity_id)
