"""Intents and services, carried out by Home Assistant."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import Satellite
from ollama_addon.home.registries import ASSISTANT

_ENTITY_KEYS = frozenset({"entity_id", "entities", "group_members"})
"""Where the data of services name entities."""
_PLACES = frozenset({"area_id", "device_id", "floor_id", "label_id"})

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What an intent did something to, or failed to: an entity, an area or a floor."""

    type: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an intent; a refusal by Home Assistant is an outcome, not an exception."""

    ok: bool
    """Whether it was done, at least for one of its entities."""
    speech: str = ""
    """What the intent itself says, as a timer's status does; mostly nothing."""
    code: str = ""
    """When not `ok`, Home Assistant's code: `failed_to_handle`, `no_valid_targets` …"""
    reason: str = ""
    """When not `ok`, why, as a sentence."""
    success_targets: tuple[Target, ...] = ()
    failed_targets: tuple[Target, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    """Values for the reply: the response's `speech_slots`."""


class Actions:
    """Does things in the house of a mirror, and nothing to an entity that is not exposed."""

    def __init__(self, connection: Connection, mirror: Mirror) -> None:
        self._connection = connection
        self._mirror = mirror

    async def handle_intent(
        self,
        name: str,
        slots: Mapping[str, Any],
        *,
        language: str | None = None,
        satellite: Satellite | None = None,
        preferred_area: str | None = None,
        turn_token: str | None = None,
    ) -> Outcome:
        """Have Home Assistant handle the intent `name`, as Assist would.

        `slots` are plain values by slot, such as `{"name": "light.kitchen", "brightness": 40}`;
        the slot `name` also takes an entity id. `preferred_area` is the area that decides
        between entities of one name. With the `turn_token` of the companion it is done in the
        name of that turn. Home Assistant itself refuses what is not exposed.
        Raises `AddonError` only when Home Assistant does not answer.
        """
        data = dict(slots)
        if preferred_area:
            data["preferred_area_id"] = preferred_area
        if turn_token:
            answer = await self._act(turn_token, intent=name, data=data)
            if answer is not None:
                return _outcome(answer)
        request: dict[str, Any] = {"name": name, "data": data, "assistant": ASSISTANT}
        if language:
            request["language"] = language
        if satellite and satellite.device_id:
            request["device_id"] = satellite.device_id
        if satellite and satellite.satellite_id:
            request["satellite_id"] = satellite.satellite_id
        try:
            response = await self._connection.post("intent/handle", request)
        except AddonError as err:
            if err.code != "home_failed":
                raise
            # Home Assistant has no better answer to an unknown intent and slots of a wrong form.
            # Without the values, which are what somebody said.
            _LOGGER.warning("%s with %s: %s", name, ", ".join(data), err.logged)
            reason = f"Home Assistant does not take {name} with these values."
            return Outcome(False, code="invalid_intent", reason=reason)
        return _outcome(response)

    async def call_service(
        self,
        domain: str,
        service: str,
        data: Mapping[str, Any],
        entity_ids: Sequence[str],
        *,
        turn_token: str | None = None,
    ) -> Outcome:
        """Call a service on exposed entities; `data` are its fields.

        The outcome's code is `not_exposed` when one of the entities, or one that `data` names,
        is not exposed, and `failed_to_handle` when Home Assistant could not do it.
        Raises `AddonError` only when Home Assistant does not answer.
        """
        try:
            await self._call(
                domain, service, data, entity_ids, return_response=False, turn_token=turn_token
            )
        except AddonError as err:
            if err.code not in ("not_exposed", "home_failed"):
                raise
            code = "failed_to_handle" if err.code == "home_failed" else err.code
            return Outcome(False, code=code, reason=err.message)
        entities = self._mirror.house.entities
        return Outcome(
            True,
            success_targets=tuple(
                Target("entity", entity_id, entities[entity_id].name)
                for entity_id in entity_ids
                if entity_id in entities
            ),
        )

    async def todo_items(
        self, entity_id: str, status: Sequence[str] = ("needs_action",)
    ) -> list[dict[str, Any]]:
        """Return the items of a to-do list: `summary`, `uid`, `status`, perhaps `due`.

        This and the next two raise `AddonError`: `not_exposed`, or as the connection does.
        """
        return await self._read("todo", "get_items", entity_id, "items", status=list(status))

    async def calendar_events(self, entity_id: str, start: str, end: str) -> list[dict[str, Any]]:
        """Return the events between two ISO times: `start`, `end`, `summary`, perhaps more."""
        return await self._read(
            "calendar",
            "get_events",
            entity_id,
            "events",
            start_date_time=start,
            end_date_time=end,
        )

    async def weather_forecast(self, entity_id: str, kind: str = "daily") -> list[dict[str, Any]]:
        """Return the `daily`, `hourly` or `twice_daily` forecast, in the house's units."""
        return await self._read("weather", "get_forecasts", entity_id, "forecast", type=kind)

    async def _read(
        self, domain: str, service: str, entity_id: str, key: str, **data: Any
    ) -> list[dict[str, Any]]:
        """Return what a service reads of one entity; raises `AddonError`."""
        result = await self._call(domain, service, data, [entity_id], return_response=True)
        return list(result["response"][entity_id].get(key) or [])

    async def _act(self, turn_token: str, **what: Any) -> Mapping[str, Any] | None:
        """Have the companion do something as a turn; None where there is no such turn, or it.

        Raises `AddonError` as the connection does.
        """
        try:
            answer = await self._connection.command("ollama_addon/act", turn=turn_token, **what)
        except AddonError as err:
            # hass-client keeps the message of an error, not its code.
            if err.code == "home_failed" and err.message.startswith("Unknown command"):
                return None
            raise
        return None if answer.get("unknown_turn") else dict(answer)

    async def _call(
        self,
        domain: str,
        service: str,
        data: Mapping[str, Any],
        entity_ids: Sequence[str],
        return_response: bool,
        turn_token: str | None = None,
    ) -> Any:
        if not entity_ids or not _PLACES.isdisjoint(data):
            raise AddonError(
                "not_exposed",
                f"The service {domain}.{service} must be called with the entities that it is for.",
                403,
            )
        await self._mirror.check_exposed([*entity_ids, *_entities(data)])
        if turn_token:
            answer = await self._act(
                turn_token, service=f"{domain}.{service}", data=data, entity_id=list(entity_ids)
            )
            if answer is not None:
                return answer
        return await self._connection.command(
            "call_service",
            domain=domain,
            service=service,
            service_data=dict(data),
            target={"entity_id": list(entity_ids)},
            return_response=return_response,
        )


def _outcome(response: Mapping[str, Any]) -> Outcome:
    """Read Home Assistant's intent response."""
    data: Mapping[str, Any] = response.get("data") or {}
    speech = str(((response.get("speech") or {}).get("plain") or {}).get("speech") or "")
    if response.get("response_type") == "error":
        reason = speech or "Home Assistant could not do that."
        return Outcome(False, speech, str(data.get("code") or "unknown"), reason)
    success, failed = _targets(data.get("success")), _targets(data.get("failed"))
    # An area counts as a success of its own, even when nothing in it could be reached.
    if failed and not any(target.type == "entity" for target in success):
        names = ", ".join(target.name for target in failed)
        reason = f"Home Assistant could not reach {names}."
        return Outcome(False, speech, "failed_to_handle", reason, (), failed)
    slots = response.get("speech_slots") or {}
    return Outcome(True, speech, "", "", success, failed, slots)


def _targets(entries: Sequence[Mapping[str, Any]] | None) -> tuple[Target, ...]:
    return tuple(
        Target(str(entry.get("type")), str(entry.get("id") or ""), str(entry.get("name") or ""))
        for entry in entries or ()
    )


def _entities(data: Any) -> Iterator[str]:
    """Yield the entities that a service's data name, at any depth."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key in _ENTITY_KEYS:
                names = value.split(",") if isinstance(value, str) else value or ()
                yield from (str(name).strip() for name in names)
            else:
                yield from _entities(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _entities(value)
