"""Changes to Home Assistant's registries that a person asked for, each of which can be taken back.

What was there is kept: an alias is added to the others, and undoing removes only what was done
here. What somebody else has changed since then stays as they made it.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.registries import ASSISTANT

_KEPT = 100
"""Changes that can be undone, the newest; they are forgotten when the app ends."""

_Undo = Callable[[], Awaitable[None]]


class RegistryChanges:
    """Writes into the registries behind `connection`.

    Each change returns an id for `undo`. Raises AddonError as the connection does, and:
    `not_registered` (409) for an entity that is in no registry, `unknown_area` (404),
    `no_undo` (404), and `changed_since` (409) where somebody has changed it again.
    """

    def __init__(self, connection: Connection, mirror: Mirror) -> None:
        self._connection = connection
        self._mirror = mirror
        self._undos: OrderedDict[str, _Undo] = OrderedDict()

    async def undo(self, change_id: str) -> None:
        """Take a change back; it can be tried again when that fails."""
        undo = self._undos.get(change_id)
        if undo is None:
            raise AddonError("no_undo", "This can no longer be undone.", 404)
        await undo()
        self._undos.pop(change_id, None)

    async def add_alias(self, entity_id: str, alias: str) -> str:
        """Have an entity be called `alias` as well."""
        entry = await self._entry(entity_id)
        before = list(entry.get("aliases") or [])
        # In the list null stands for the computed name; an empty one means only that.
        start = before or ([None] if "next_name_part" in entry else [])
        if any(each is not None and each.casefold() == alias.casefold() for each in start):
            return self._kept(_nothing)
        await self._update(entity_id, aliases=[*start, alias])

        async def undo() -> None:
            now = list((await self._entry(entity_id)).get("aliases") or [])
            if alias not in now:
                raise _changed_since(entity_id)
            left = [each for each in now if each != alias]
            await self._update(entity_id, aliases=before if left == start else left)

        return self._kept(undo)

    async def set_area(self, entity_id: str, area_id: str | None) -> str:
        """Put an entity into an area; None gives it that of its device."""
        if area_id is not None and area_id not in self._mirror.house.areas:
            raise AddonError("unknown_area", "There is no such area in Home Assistant.", 404)
        before = (await self._entry(entity_id)).get("area_id")
        await self._update(entity_id, area_id=area_id)

        async def undo() -> None:
            if (await self._entry(entity_id)).get("area_id") != area_id:
                raise _changed_since(entity_id)
            await self._update(entity_id, area_id=before)

        return self._kept(undo)

    async def expose(self, entity_ids: Iterable[str], expose: bool) -> str:
        """Expose entities to Assist, or no longer; those that are so already stay out of undoing.

        Home Assistant says which of them changed.
        """
        answer = await self._expose(list(dict.fromkeys(entity_ids)), expose)
        changed = list((answer or {}).get("changed_entity_ids") or ())

        async def undo() -> None:
            if changed:
                await self._expose(changed, not expose)

        return self._kept(undo)

    async def _expose(self, entity_ids: list[str], expose: bool) -> Any:
        return await self._connection.command(
            "homeassistant/expose_entity",
            assistants=[ASSISTANT],
            entity_ids=entity_ids,
            should_expose=expose,
        )

    async def _entry(self, entity_id: str) -> dict[str, Any]:
        found = await self._connection.command(
            "config/entity_registry/get_entries", entity_ids=[entity_id]
        )
        entry = (found or {}).get(entity_id)
        if entry is None:
            raise AddonError(
                "not_registered",
                "Home Assistant cannot change this entity: it has no unique ID.",
                409,
            )
        return dict(entry)

    async def _update(self, entity_id: str, **changes: Any) -> None:
        await self._connection.command(
            "config/entity_registry/update", entity_id=entity_id, **changes
        )

    def _kept(self, undo: _Undo) -> str:
        change_id = uuid.uuid4().hex
        self._undos[change_id] = undo
        while len(self._undos) > _KEPT:
            self._undos.popitem(last=False)
        return change_id


async def _nothing() -> None:
    """Undo what did not have to be done."""


def _changed_since(entity_id: str) -> AddonError:
    return AddonError(
        "changed_since",
        f"{entity_id} was changed in Home Assistant since then. It stays as it is now.",
        409,
        private=True,
    )
