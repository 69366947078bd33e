"""Automations made by voice: proposed, set up after a yes, listed, left alone once changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ollama_addon.agent.actions.opposites import members_of, plain_opposites
from ollama_addon.agent.orders import Planned, Speaker
from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.home.automations import Automations, Entry
from ollama_addon.home.connection import Connection, Event
from ollama_addon.home.model import House
from ollama_addon.home.notifications import Notifications
from ollama_addon.scheduling.automation import build
from ollama_addon.scheduling.readback import ReadBack
from ollama_addon.scheduling.sentences import now_in, words_of_house
from ollama_addon.scheduling.services import AutomationError, service_calls
from ollama_addon.scheduling.store import OrderStore
from ollama_addon.understanding.interpretation import When
from ollama_addon.understanding.vocabulary import Action

INCLUDE = "automation: !include automations.yaml"
"""What `configuration.yaml` needs for automations from the editor."""
LOOK_EVERY = 60.0
"""Seconds between two looks at those that end by themselves."""
_SETTLE = 2.0
"""Seconds that an automation is given to end after it was triggered."""
_RELOADED, _TRIGGERED = "automation_reloaded", "automation_triggered"
_TELLING = frozenset({"HassBroadcast"})
"""What is meant once: "when the washing machine is done, tell me"."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """An automation that was read back and does not exist yet."""

    config: Mapping[str, Any]
    phrase: str
    text: str
    speaker: Speaker
    entities: tuple[str, ...]
    once: bool
    expires: float | None


@dataclass(frozen=True, slots=True)
class Made:
    """What is kept of an automation that was made here."""

    phrase: str
    text: str
    language: str
    speaker: str
    area_id: str
    entities: tuple[str, ...]
    once: bool
    expires: float | None
    made: float


@dataclass(frozen=True, slots=True)
class Listed:
    """An automation with our label, as it is in Home Assistant now."""

    entry: Entry
    made: Made | None
    alias: str
    changed: bool
    """Whether it is not as we wrote it: then it belongs to the person."""


class Automator:
    """Makes automations and follows them, until a person changes or deletes them."""

    def __init__(
        self,
        store: OrderStore,
        connection: Connection,
        house: Callable[[], House],
        states: Callable[[str], Awaitable[Mapping[str, str]]],
        administrators: Callable[[], Awaitable[Collection[str]]],
    ) -> None:
        self._store = store
        self._automations = Automations(connection)
        self._connection = connection
        self._house = house
        self._states = states
        self._administrators = administrators
        self._listed: dict[str, Listed] = {}
        self._wake = asyncio.Event()
        self._connected = False
        self._background = Background()

    def start(self) -> None:
        """Follow what becomes of the automations, until `stop`."""
        self._connection.on_connect(self._on_connect)
        self._background.keep("automations", self._follow)

    async def stop(self) -> None:
        """Follow no more."""
        await self._background.stop()

    # Making

    async def propose(
        self,
        actions: Sequence[Action],
        when: When,
        text: str,
        speaker: Speaker,
        once: bool | None,
    ) -> tuple[Draft, str]:
        """Return an automation and how it is read back. Raises AutomationError, AddonError."""
        await self._check_administrator(speaker)
        house = self._house()
        words = words_of_house(speaker.language, house)
        undoing: tuple[Action, ...] = ()
        if when.length is not None or when.until is not None:
            found = plain_opposites(actions, house)
            if found is None:
                raise AutomationError("no_opposite")
            undoing = found
        if once is None:
            once = when.every is None and all(each.intent in _TELLING for each in actions)
        reading = ReadBack(words, house, now_in(house), await self._states(words.language))
        # "Tell me" alone tells what has happened.
        meant = [
            Action(each.intent, {"message": reading.happened(when)})
            if each.intent in _TELLING and not each.slots.get("message")
            else each
            for each in actions
        ]
        title = words.text("automations.notice")
        satellite_id = speaker.satellite.satellite_id
        calls = service_calls(meant, house, satellite_id=satellite_id, title=title)
        back = service_calls(undoing, house, satellite_id=satellite_id, title=title)
        built = build(when, calls, back, once=once, house=house, now=now_in(house))
        said = {
            "when": reading.when(when, once=built.once),
            "what": reading.what(actions, undoing, when),
        }
        phrase = words.text("automations.entry", **said)
        config = {
            "alias": phrase[:250],
            "description": words.text("automations.description", text=text),
            **built.config,
        }
        entities = [member.id for action in actions for member in members_of(action, house)]
        entities += [entity.id for trigger in when.triggers for entity in trigger.entities]
        draft = Draft(
            config,
            phrase,
            text,
            speaker,
            tuple(dict.fromkeys(entities)),
            built.once,
            built.expires,
        )
        return draft, words.text("automations.ask", **said)

    async def set_up(self, draft: Draft) -> None:
        """Write an automation into Home Assistant. Raises AutomationError, AddonError."""
        speaker, house = draft.speaker, self._house()
        await self._check_administrator(speaker)
        if any(entity_id not in house.entities for entity_id in draft.entities):
            raise AutomationError("not_exposed")
        automation_id = f"ollama_assist_{secrets.token_hex(8)}"
        entry = await self._automations.write(automation_id, draft.config)
        if entry is None:
            raise AutomationError("not_set_up", line=INCLUDE)
        written = await self._automations.read(automation_id) or {}
        made = Made(
            draft.phrase,
            draft.text,
            speaker.language,
            speaker.user_name,
            speaker.satellite.area_id or "",
            draft.entities,
            draft.once,
            draft.expires,
            time.time(),
        )
        try:
            await self._store.add_automation(
                automation_id, digest(written), json.dumps(asdict(made))
            )
        except AddonError:
            await self._automations.remove(automation_id)
            raise
        self._listed[automation_id] = Listed(entry, made, draft.phrase, changed=False)
        if speaker.user_id is None:
            await self._report(draft, automation_id)

    async def _check_administrator(self, speaker: Speaker) -> None:
        """Refuse a person who is none; a satellite does not know who speaks."""
        if speaker.user_id is not None and speaker.user_id not in await self._administrators():
            raise AutomationError("admin")

    async def _report(self, draft: Draft, automation_id: str) -> None:
        """Tell administrators of what nobody with a name has set up."""
        house = self._house()
        words = words_of_house(house.language, house)
        try:
            await Notifications(self._connection).create(
                f"ollama_addon_{automation_id}",
                words.text("automations.title"),
                words.text("automations.reported", list=draft.phrase),
            )
        except AddonError as error:
            _LOGGER.warning("A new automation could not be reported: %s", error.logged)

    # Listing and removing

    def planned(self) -> list[Planned]:
        """Return the automations with our label."""
        house = self._house()
        return [_planned(key, listed, house) for key, listed in self._listed.items()]

    async def remove(self, automation_id: str) -> str | None:
        """Remove an automation and return what it did; None when it is not there any more.

        Raises AutomationError (`changed`) for one that a person changed, and AddonError.
        """
        if automation_id not in self._listed:
            return None
        await self.refresh()
        if (listed := self._listed.get(automation_id)) is None:
            return None
        if listed.changed:
            raise AutomationError("changed", list=listed.alias)
        await self._forget(automation_id)
        return listed.alias

    async def run(self, automation_id: str) -> bool:
        """Run an automation once, now; False when it is not there any more."""
        listed = self._listed.get(automation_id)
        if listed is not None:
            await self._automations.run(listed.entry.entity_id)
        return listed is not None

    async def refresh(self) -> None:
        """Look at what is in Home Assistant now, and remove what has come to its end."""
        rows = {key: (hash_, body) for key, hash_, body in await self._store.automations()}
        label = await self._automations.label_id()
        entries = {each.automation_id: each for each in await self._automations.entries()}
        listed: dict[str, Listed] = {}
        for key, entry in entries.items():
            if key not in rows and (label is None or label not in entry.labels):
                continue
            config = await self._automations.read(key)
            if config is None:
                continue
            hash_, body = rows.get(key, ("", ""))
            made = _read(body)
            changed = made is None or digest(config) != hash_
            if label is not None and label in entry.labels:
                alias = str(config.get("alias") or entry.entity_id)
                listed[key] = Listed(entry, made, alias, changed)
        for key in rows.keys() - listed.keys():
            if key not in entries and await self._automations.read(key) is None:
                await self._store.forget_automation(key)
        self._listed = listed
        for key, each in list(listed.items()):
            if each.made is not None and not each.changed and await self._ended(each):
                await self._forget(key)

    async def _ended(self, listed: Listed) -> bool:
        made = listed.made
        if made is None or not made.once:
            return False
        if made.expires is not None and time.time() > made.expires:
            return True
        state = await self._connection.get(f"states/{listed.entry.entity_id}")
        return state is not None and state.get("state") == "off"

    async def _forget(self, automation_id: str) -> None:
        await self._automations.remove(automation_id)
        await self._store.forget_automation(automation_id)
        self._listed.pop(automation_id, None)

    # Following

    def _on_connect(self) -> None:
        self._connected = False
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            if self._connection.connected:
                try:
                    if not self._connected:
                        await self._subscribe()
                        self._connected = True
                    await self.refresh()
                except AddonError as error:
                    _LOGGER.debug("The automations are not known now: %s", error.logged)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
                    await asyncio.sleep(_SETTLE)
            except TimeoutError:
                if not any(each.made and each.made.once for each in self._listed.values()):
                    await self._wake.wait()
            self._wake.clear()

    async def _subscribe(self) -> None:
        for event_type in (_RELOADED, _TRIGGERED):
            await self._connection.subscribe(
                self._happened, "subscribe_events", event_type=event_type
            )

    def _happened(self, event: Event) -> None:
        if event.get("event_type") == _RELOADED:
            self._wake.set()
            return
        entity_id = (event.get("data") or {}).get("entity_id")
        for listed in self._listed.values():
            if listed.entry.entity_id == entity_id and listed.made and listed.made.once:
                self._wake.set()


def digest(config: Mapping[str, Any]) -> str:
    """Return what tells an automation from a changed one."""
    text = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(body: str) -> Made | None:
    try:
        values = json.loads(body)
        return Made(**{**values, "entities": tuple(values["entities"])})
    except (ValueError, TypeError, LookupError):
        return None


def _planned(automation_id: str, listed: Listed, house: House) -> Planned:
    made = listed.made
    entities = made.entities if made else ()
    missing = tuple(each for each in entities if each not in house.entities)
    return Planned(
        automation_id,
        "automation",
        None,
        entities,
        made.text if made else "",
        listed.alias,
        made.language if made else house.language,
        made.speaker if made else "",
        made.area_id if made else "",
        made.made if made else 0.0,
        listed.changed,
        () if listed.changed else missing,
    )
