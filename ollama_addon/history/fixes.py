"""What can be done about a turn that went wrong, the likeliest first: codes with what to call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ollama_addon.history.verdict import Kept, Verdict, nearest, unmatched
from ollama_addon.home.model import Entity, House

FixCode = Literal["add_alias", "expose", "set_area", "run_again", "download_model", "choose_model"]
MOST = 3
"""Fixes that are offered for one turn."""


@dataclass(frozen=True, slots=True)
class Fix:
    """One thing that a person can do with a click, and the request that does it."""

    code: FixCode
    params: Mapping[str, Any]
    method: str
    path: str
    body: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it as it is sent."""
        call = {"method": self.method, "path": self.path, "body": dict(self.body)}
        return {"code": self.code, "params": dict(self.params), "call": call}


def fixes(turn: Kept, verdict: Verdict, house: House, unexposed: Sequence[Entity]) -> list[Fix]:
    """Return up to three fixes for a turn with this verdict; none where nothing is wrong."""
    found: list[Fix] = []
    params = verdict.params
    match verdict.code:
        case "not_exposed":
            entity_id, name = params["entity_id"], params["name"]
            found += [_expose(entity_id, name), *_alias(unmatched(turn), house), _again(turn)]
        case "no_match" | "not_understood":
            found += [*_alias(unmatched(turn), house), _again(turn)]
        case "similar":
            found += [*_alias(str(params["words"]), house), _again(turn)]
        case "asked":
            found += _areas(turn, house)
        case "downloading":
            found += [_again(turn), _choose(turn)]
        case "model_missing":
            found += [*_download(turn), _choose(turn)]
        case "engine_down" | "home_away" | "stopped" | "failed" | "value" | "unknown_action":
            found.append(_again(turn))
        case "error" | "unusable":
            found += [_again(turn), _choose(turn)]
    return found[:MOST]


def _registry(code: Literal["add_alias", "expose", "set_area"], **params: Any) -> Fix:
    return Fix(code, params, "POST", "api/fixes", {"code": code, "params": params})


def _alias(words: str, house: House) -> list[Fix]:
    if not words:
        return []
    near = nearest(words, tuple(house.entities.values()))
    if not near:
        return []
    entities = [{"entity_id": entity.id, "name": entity.name} for entity in near]
    fix = _registry("add_alias", entity_id=near[0].id, alias=words)
    shown = {**fix.params, "name": near[0].name, "entities": entities}
    return [Fix(fix.code, shown, fix.method, fix.path, fix.body)]


def _expose(entity_id: str, name: str) -> Fix:
    fix = _registry("expose", entity_ids=[entity_id])
    return Fix(fix.code, {**fix.params, "names": [name]}, fix.method, fix.path, fix.body)


def _areas(turn: Kept, house: House) -> list[Fix]:
    """Return the fixes for things of one name: those without an area cannot be told apart."""
    ids = [id_ for clause in turn.get("clauses") or () for id_ in clause.get("same_name") or ()]
    areas = [
        {"id": area.id, "name": area.name}
        for area in sorted(house.areas.values(), key=lambda area: area.name.casefold())
    ]
    found = []
    for id_ in dict.fromkeys(ids):
        entity = house.entities.get(id_)
        if entity is not None and entity.area_id is None:
            fix = _registry("set_area", entity_id=id_, area_id=None)
            shown = {"entity_id": id_, "name": entity.name, "areas": areas}
            found.append(Fix(fix.code, shown, fix.method, fix.path, fix.body))
    return found


def _again(turn: Kept) -> Fix:
    params = {"turn_id": turn["turn_id"], "acts": bool(turn.get("actions"))}
    return Fix("run_again", params, "POST", "api/turns", {"again": turn["turn_id"]})


def _download(turn: Kept) -> list[Fix]:
    if not turn["model"]:
        return []
    body = {"name": turn["model"]}
    return [Fix("download_model", {"model": turn["model"]}, "POST", "api/models/pull", body)]


def _choose(turn: Kept) -> Fix:
    return Fix("choose_model", {"agent": turn["agent"]}, "GET", f"agents/{turn['agent']}", {})
