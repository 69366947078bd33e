"""The house as it is now, kept in memory and always one consistent picture.

The mirror loads Home Assistant's registries, subscribes to the states of the exposed
entities only, and listens to what makes another house: a registry, the exposure, the
configuration or what an entity can do. A change of a state never does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection, Event
from ollama_addon.home.model import House, State
from ollama_addon.home.registries import CAPABILITIES, Abilities, Registries

SETTLE = 0.2
"""Seconds that changes are gathered for, before the house is read again."""
RETRY = 10.0
POLL = 60.0
"""Seconds between looks at the exposure of entities in no registry, of which no event tells."""
START_PATIENCE = 300.0
"""Seconds that a house from before Home Assistant's restart is kept while it starts."""

_LISTS = {
    "config": "get_config",
    "floors": "config/floor_registry/list",
    "areas": "config/area_registry/list",
    "devices": "config/device_registry/list",
    "entities": "config/entity_registry/list",
}
_EVENTS = {
    "core_config_updated": "config",
    "floor_registry_updated": "floors",
    "area_registry_updated": "areas",
    "device_registry_updated": "devices",
    "entity_registry_updated": "entities",
    "service_registered": "script_services",
    "service_removed": "script_services",
}
_EVERYTHING = frozenset({*_LISTS, "exposed_list", "script_services"})
_IGNORED = {
    "devices": frozenset(
        "configuration_url connections hw_version identifiers labels manufacturer model model_id "
        "serial_number sw_version via_device_id".split()
    ),
    "entities": frozenset(
        "capabilities categories icon labels original_device_class original_icon "
        "supported_features translation_key unit_of_measurement".split()
    ),
}
"""What may change in a registry's entry without making another house."""
_DESCRIBING = frozenset({"supported_features", "device_class", "friendly_name"})
_NONE: frozenset[str] = frozenset()
_FIRST = 5.0
"""Seconds that the first turns wait for the house to be read at all."""

_LOGGER = logging.getLogger(__name__)


class Mirror:
    """The exposed house of a connection, live for as long as that is connected."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.registries = Registries()
        self._abilities: dict[str, Abilities] = {}
        self._states: dict[str, State] = {}
        self._house = House(states=self._states)
        self._ready = asyncio.Event()
        self._changed: list[Callable[[House], None]] = []
        self.trouble = ""
        """Why the house could not be read when that was tried last, as a sentence."""
        self._stale: set[str] = set()
        self._wake = asyncio.Event()
        self._fresh = asyncio.Event()
        self._hurry = asyncio.Event()
        """Set by a turn that waits for the house as it is now."""
        self._started = asyncio.Event()
        self._watched: list[str] = []
        self._unwatch: Callable[[], None] | None = None
        self._background = Background()
        self._task: asyncio.Task[None] | None = None
        connection.on_connect(self._follow)
        connection.on_disconnect(self._pause)

    @property
    def house(self) -> House:
        """The house; empty until it was read, the last one known while Home Assistant is away."""
        return self._house

    @property
    def ready(self) -> bool:
        """Whether the house was read at least once."""
        return self._ready.is_set()

    def on_change(self, callback: Callable[[House], None]) -> None:
        """Have `callback` called with each new house; changes of states are not such."""
        self._changed.append(callback)

    async def wait_ready(self, timeout: float) -> House:
        """Return the house as soon as it was read, waiting at most `timeout` seconds.

        Raises `AddonError` (`home_away`, `home_refused`) when there is none by then.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            raise self._unread() from None
        return self._house

    async def wait_fresh(self, timeout: float) -> House:
        """Return the house; one that is known to be old is waited for, `timeout` seconds at most.

        Raises `AddonError` (`home_away`, `home_refused`) when the house was never read.
        """
        if not self.ready:
            return await self.wait_ready(_FIRST)
        if self._wake.is_set() and self._connection.connected:
            self._hurry.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._fresh.wait()
        return self._house

    def _wake_up(self) -> None:
        """Have the house read again."""
        self._fresh.clear()
        self._wake.set()

    def _unread(self) -> AddonError:
        refused = self._connection.state == "refused"
        message = self._connection.message
        if self._connection.connected:
            message = self.trouble or "The home is still being read. Try again in a moment."
        return AddonError("home_refused" if refused else "home_away", message, 503)

    async def stop(self) -> None:
        """Follow no longer; the house stays as it was."""
        self._pause()
        await self._background.stop()

    async def check_exposed(self, entity_ids: Iterable[str]) -> None:
        """Raise `AddonError` when any of the entities is not exposed (`not_exposed`).

        Entities in no registry are asked for, because no event tells of their exposure.
        """
        if not self.ready:
            raise self._unread()
        house, registered = self._house, {e["entity_id"] for e in self.registries.entities}
        ids = list(entity_ids)
        if any(entity_id in house.entities and entity_id not in registered for entity_id in ids):
            await self._load_exposed_list()
        exposed = set(self.registries.exposed())
        for entity_id in ids:
            if entity_id not in house.entities or entity_id not in exposed:
                raise AddonError(
                    "not_exposed",
                    f"{entity_id} is not exposed to Assist. Expose it in Home Assistant under "
                    "Settings, Voice assistants, if it may be controlled.",
                    403,
                    private=True,
                )

    def _follow(self) -> None:
        self._pause()
        self._task = self._background.keep("home mirror", self._keep)

    def _pause(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._watched, self._unwatch = [], None

    async def _keep(self) -> None:
        """Read the house, and again whenever it may have become another one."""
        self._stale = set(_EVERYTHING)
        self._started.clear()
        listening = False
        while True:
            try:
                if not listening:
                    await self._listen()
                    listening = True
                    await self._wait_started()
                before = time.monotonic()
                await self._load()
                self.trouble = ""
                took = time.monotonic() - before
                await self._until_changed()
                # A large house that changes all the time, as at a start, is not read all the time.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(SETTLE, 2 * took)):
                        await self._hurry.wait()
                self._hurry.clear()
            except AddonError as err:
                await self._try_later(f"The home could not be read: {err.message}")
            except Exception as err:
                _LOGGER.debug("The home was not understood", exc_info=True)
                await self._try_later(
                    f"What Home Assistant tells of the home was not understood "
                    f"({type(err).__name__}). Update the app and Home Assistant."
                )

    async def _try_later(self, message: str) -> None:
        if message != self.trouble:
            _LOGGER.warning("%s", message)
        self.trouble = message
        await asyncio.sleep(RETRY)

    async def _until_changed(self) -> None:
        """Wait until something was told of, or an exposure changed that no event tells of."""
        while not self._wake.is_set():
            try:
                async with asyncio.timeout(POLL):
                    await self._wake.wait()
            except TimeoutError:
                await self._load_exposed_list()

    async def _listen(self) -> None:
        """Subscribe before anything is read, so that no change is missed."""
        for event_type, part in _EVENTS.items():
            await self._connection.subscribe(
                partial(self._registry_changed, part), "subscribe_events", event_type=event_type
            )
        await self._connection.subscribe(
            self._home_started, "subscribe_events", event_type="homeassistant_started"
        )

    async def _wait_started(self) -> None:
        """While Home Assistant starts, keep the house that was there before it stopped."""
        if not self._ready.is_set():
            return
        config = await self._connection.command("get_config")
        if config.get("state") == "RUNNING":
            return
        _LOGGER.info("Home Assistant is starting; the house is kept as it was until then")
        try:
            async with asyncio.timeout(START_PATIENCE):
                await self._started.wait()
        except TimeoutError:
            _LOGGER.warning("Home Assistant is still starting; the house is read as far as it is")

    def _home_started(self, event: Event) -> None:
        self._started.set()
        self._mark(*_EVERYTHING)

    def _registry_changed(self, part: str, event: Event) -> None:
        data = event.get("data") or {}
        if part == "script_services" and data.get("domain") != "script":
            return
        changes = data.get("changes") if data.get("action") == "update" else None
        if changes and part in _IGNORED and _IGNORED[part].issuperset(changes):
            return
        self._mark(part)

    def _mark(self, *parts: str) -> None:
        self._stale.update(parts)
        self._wake_up()

    async def _load(self) -> None:
        """Read what is stale, watch what is exposed, and publish the house if it is another."""
        stale, self._stale = self._stale, set()
        try:
            await self._read(stale)
            fresh = not self._stale
            if fresh:
                self._wake.clear()
            self._publish()
            if fresh:
                self._fresh.set()
        except BaseException:
            self._stale |= stale
            raise

    async def _read(self, stale: set[str]) -> None:
        lists = [part for part in _LISTS if part in stale]
        answers = await asyncio.gather(*(self._connection.command(_LISTS[part]) for part in lists))
        for part, answer in zip(lists, answers, strict=True):
            setattr(self.registries, part, answer)
        if "exposed_list" in stale:
            await self._load_exposed_list()
        exposed = self.registries.exposed()
        if "entities" in stale:
            self.registries.extended = (
                await self._connection.command(
                    "config/entity_registry/get_entries", entity_ids=exposed
                )
                if exposed
                else {}
            )
        if "script_services" in stale:
            self.registries.script_services = {}
        scripts = any(entity_id.startswith("script.") for entity_id in exposed)
        if scripts and not self.registries.script_services:
            services = await self._connection.command("get_services")
            self.registries.script_services = services.get("script") or {}
        if exposed != self._watched:
            await self._watch(exposed)

    async def _load_exposed_list(self) -> None:
        answer = await self._connection.command("homeassistant/expose_entity/list")
        if answer["exposed_entities"] != self.registries.exposed_list:
            self.registries.exposed_list = answer["exposed_entities"]
            self._wake_up()

    async def _watch(self, entity_ids: list[str]) -> None:
        """Subscribe to the states of these entities in place of those watched before."""
        self._watched = []
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        # An empty list of entities would subscribe to all there are.
        if entity_ids:
            first = asyncio.Event()
            self._unwatch = await self._connection.subscribe(
                partial(self._states_changed, first), "subscribe_entities", entity_ids=entity_ids
            )
            try:
                async with asyncio.timeout(RETRY):
                    await first.wait()
            except TimeoutError:
                raise AddonError(
                    "home_slow", "Home Assistant did not send the states in time.", 504
                ) from None
        else:
            self._states.clear()
        self._watched = entity_ids
        for entity_id in self._abilities.keys() - set(entity_ids):
            del self._abilities[entity_id]

    def _states_changed(self, first: asyncio.Event, event: Event) -> None:
        """Apply one event of `subscribe_entities`: added, changed and removed states."""
        added: Mapping[str, Mapping[str, Any]] = event.get("a") or {}
        if not first.is_set():
            first.set()
            self._states.clear()
        for entity_id, state in added.items():
            attributes = state.get("a") or {}
            self._states[entity_id] = State(str(state.get("s", "")), attributes)
            self._gather(entity_id, attributes)
            if entity_id not in self._house.entities:
                self._wake_up()
        for entity_id, change in (event.get("c") or {}).items():
            self._apply(entity_id, change)
        for entity_id in event.get("r") or ():
            if self._states.pop(entity_id, None) is not None:
                self._wake_up()

    def _apply(self, entity_id: str, change: Mapping[str, Any]) -> None:
        old = self._states.get(entity_id)
        if old is None:
            return
        plus: Mapping[str, Any] = change.get("+") or {}
        attributes = old.attributes
        if new := plus.get("a"):
            attributes = {**attributes, **new}
            domain = entity_id.partition(".")[0]
            if not new.keys().isdisjoint(_DESCRIBING | CAPABILITIES.get(domain, _NONE)):
                self._gather(entity_id, new)
        if gone := (change.get("-") or {}).get("a"):
            attributes = {key: value for key, value in attributes.items() if key not in gone}
        self._states[entity_id] = State(plus.get("s", old.state), attributes)

    def _gather(self, entity_id: str, attributes: Mapping[str, Any]) -> None:
        old = self._abilities.get(entity_id, Abilities())
        new = old.gathered(entity_id, attributes)
        if new is not old:
            self._abilities[entity_id] = new
            self._wake_up()

    def _publish(self) -> None:
        house = self.registries.house(self._abilities, self._states)
        first = not self._ready.is_set()
        if house.revision == self._house.revision:
            return
        self._house = house
        self._ready.set()
        _LOGGER.info(
            "%s: %d exposed entities in %d areas",
            "Read" if first else "Read again",
            len(house.entities),
            len(house.areas),
        )
        for callback in self._changed:
            try:
                callback(house)
            except Exception:
                _LOGGER.exception("A callback of the mirror failed")
