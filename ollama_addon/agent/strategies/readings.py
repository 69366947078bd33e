"""Core's reading tools, answered from the mirror under the names that models know them by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ollama_addon.agent.actions.repair_names import Names
from ollama_addon.agent.actions.repair_targets import Targets
from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.agent.strategies.prompt import state_text
from ollama_addon.home.model import Entity

_LIVE = frozenset({"getlivecontext", "gethomestate", "getstate", "hassgetstate", "getstates",
                   "getentitystate", "getdevices"})  # fmt: skip
_CLOCK = frozenset({"getdatetime", "getcurrenttime", "getcurrentdate", "hassgetcurrenttime",
                    "hassgetcurrentdate", "getdate", "gettime"})  # fmt: skip
NAMES = frozenset({"GetLiveContext", "GetDateTime", "GetState", "GetHomeState", "HassGetState",
                   "HassGetCurrentTime", "HassGetCurrentDate"})  # fmt: skip
"""Names of the tools that are answered here, for who looks for calls in text."""
_MOST = 60
"""Things that one answer tells of at most."""
_SURE = 0.6


def answer(
    name: str, arguments: Mapping[str, Any], labels: Labels, names: Names, now: datetime
) -> str | None:
    """Return what a reading tool answers, as JSON; None for a tool that is none of them."""
    key = re.sub(r"[^a-z]", "", re.split(r"__|\.", name)[-1].lower())
    if key in _CLOCK:
        told = {"date": now.strftime("%Y-%m-%d"), "time": now.strftime("%H:%M")}
        return _json({**told, "weekday": now.strftime("%A")})
    if key not in _LIVE:
        return None
    found = _asked(arguments, labels, names)
    if isinstance(found, str):
        return _json({"error": found})
    states = {labels[entity]: state_text(entity, labels.house) for entity in found[:_MOST]}
    told_of: dict[str, Any] = {"states": states}
    if len(found) > _MOST:
        told_of["more"] = f"{len(found) - _MOST} others; name an area or a kind"
    return _json(told_of)


def _asked(arguments: Mapping[str, Any], labels: Labels, names: Names) -> list[Entity] | str:
    """Return what a call asks about; a sentence for what is not there."""
    house = labels.house
    targets = Targets(names, None, [])
    found = sorted(house.entities.values(), key=lambda each: each.id)
    for slot, places in (("area", house.areas), ("floor", house.floors)):
        if said := _listed(arguments.get(slot)):
            meant = {targets.place(each, places) for each in said} - {None}
            if not meant:
                known = ", ".join(sorted(place.name for place in places.values()))
                return f"There is no {slot} '{said[0]}'. There are: {known}."
            found = [
                entity
                for entity in found
                if (area := house.area_of(entity))
                and (area.id if slot == "area" else area.floor_id) in meant
            ]
    for slot in ("domain", "device_class"):
        if kinds := _listed(arguments.get(slot)):
            found = [e for e in found if e.domain in kinds or e.device_class in kinds] or found
    if wanted := _listed(arguments.get("name") or arguments.get("entity_id")):
        named = [entity for each in wanted for entity in _named(each, found, names)]
        return named or f"There is no '{wanted[0]}' in this home."
    return found


def _named(name: str, among: list[Entity], names: Names) -> list[Entity]:
    exact = [entity for entity in among if name in (entity.id, names.labels[entity.id])]
    if exact:
        return exact
    shares = names.named(re.sub(r"[._]", " ", name))
    found = [entity for entity in among if shares.get(entity.id, 0.0) >= _SURE]
    best = max((shares[entity.id] for entity in found), default=0.0)
    return [entity for entity in found if shares[entity.id] >= best - 0.1]


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [str(each) for each in values if isinstance(each, str | int) and str(each).strip()]


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False)
