"""What became of a turn, in one line: a code and its parameters, worded where it is read.

It is made of what was kept of the turn and of the house as it is now, when somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz, process, utils

from ollama_addon.home.model import Entity, House

Kept = Mapping[str, Any]
"""A turn as `Trace.as_json` keeps it."""

_ALIKE = 80.0
"""From which likeness on, of 100, two names may be the same."""
_WEAK = 0.75
"""Below which score a candidate is only similar to what was said."""
_SHORTEST = 3
"""Letters of a name that is looked for in a sentence."""
_AWAY = frozenset({"home_away", "home_refused", "home_slow"})
_ENGINE = frozenset({"engine_down", "engine_busy"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a turn. `params` are what its sentence needs: names, numbers, words."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


def verdict(turn: Kept, house: House, unexposed: Sequence[Entity] = ()) -> Verdict:
    """Return what became of a turn; `unexposed` are entities that the agent may not know of."""
    if (error := turn.get("error")) is not None:
        return _broken(error, turn)
    if turn["outcome"] == "stopped":
        return Verdict("stopped", {"tokens": _tokens(turn)})
    if waiting := turn.get("waiting"):
        code = "model_missing" if waiting == "no_model" else "downloading"
        return Verdict(code, {"model": turn["model"]})
    for check in (_refused, _failed, _not_there, _acted):
        if (found := check(turn, house, unexposed)) is not None:
            return found
    match turn["outcome"]:
        case "asked":
            return Verdict("asked", {"names": _candidates(turn, house)})
        case "done":
            return Verdict("done", {"names": []})
        case "talked":
            return Verdict("talked")
        case "answered":
            return Verdict("answered")
        case "not_understood":
            return Verdict("not_understood")
    return Verdict("failed", {"reason": ""})


def used(actions: Iterable[Kept], clauses: Iterable[Kept] = ()) -> list[str]:
    """Return the entities that a turn did something to or was asked about, without repetition."""
    found: dict[str, None] = {}
    for action in actions:
        name = (action.get("arguments") or {}).get("name")
        if isinstance(name, str) and re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", name):
            found[name] = None
        result = action.get("result") or {}
        for each in (*(result.get("changed") or ()), *(result.get("unchanged") or ())):
            if each.get("id"):
                found[each["id"]] = None
    for clause in clauses:
        found |= dict.fromkeys(clause.get("asked_ids") or ())
    return list(found)


def unmatched(turn: Kept) -> str:
    """Return the words that name something which this house does not have; empty if none do."""
    for clause in turn.get("clauses") or ():
        unknown = " ".join(
            word["text"] for word in clause.get("words") or () if word["role"] == "unknown"
        )
        missing = str(clause.get("missing_thing") or clause.get("missing_place") or "")
        # A name of several words is missing as a whole, not only by its first one.
        if words := unknown if missing in unknown else missing:
            return words
    return ""


def nearest(words: str, entities: Iterable[Entity], most: int = 5) -> list[Entity]:
    """Return the entities whose names are most like some words, the nearest first."""
    names = {
        (entity.id, name): name for entity in entities for name in (entity.name, *entity.aliases)
    }
    by_id = {entity.id: entity for entity in entities}
    found = process.extract(
        words, names, scorer=fuzz.WRatio, processor=utils.default_process, limit=3 * most
    )
    return [by_id[id_] for id_ in list(dict.fromkeys(key[0] for _, _, key in found))[:most]]


def named_but_unexposed(turn: Kept, unexposed: Sequence[Entity]) -> Entity | None:
    """Return what the sentence names and the agent may not know of, if there is such."""
    said = f" {_plain(turn['text'])} "
    named = [
        (len(name), entity)
        for entity in unexposed
        for each in (entity.name, *entity.aliases)
        if len(name := _plain(each)) >= _SHORTEST and f" {name} " in said
    ]
    if named:
        return max(named, key=lambda pair: pair[0])[1]
    if not (words := unmatched(turn)):
        return None
    close = process.extractOne(
        words,
        {entity.id: entity.name for entity in unexposed},
        scorer=fuzz.ratio,
        processor=utils.default_process,
        score_cutoff=_ALIKE,
    )
    return next((each for each in unexposed if close and each.id == close[2]), None)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _broken(error: Kept, turn: Kept) -> Verdict:
    code = str(error.get("code") or "")
    if code in _AWAY:
        return Verdict("home_away")
    if code in _ENGINE:
        return Verdict("engine_down")
    if code in ("bad_answer", "context_overflow", "model_failed"):
        return Verdict("unusable", {"cause": code})
    if code == "model_missing":
        return Verdict("model_missing", {"model": turn["model"]})
    return Verdict("error", {"code": code, "detail": str(error.get("message") or "")})


def _tokens(turn: Kept) -> int:
    """Return about how many tokens were written; an engine that was cut off did not count them."""
    counted = sum(asked.get("completion_tokens") or 0 for asked in turn.get("asked") or ())
    written = sum(len(asked.get("answer") or "") for asked in turn.get("asked") or ())
    return int(counted or round(written / 4))


def _refused(turn: Kept, house: House, unexposed: Sequence[Entity]) -> Verdict | None:
    """Return why something was refused before Home Assistant was asked."""
    refusals = [each["refusal"] for each in turn.get("clauses") or () if each.get("refusal")]
    found = [
        (each["reason"], each.get("values") or {}, each.get("entity_ids") or ())
        for each in refusals
    ]
    found += [
        (each.get("reason"), each.get("values") or {}, each.get("target_ids") or ())
        for each in turn.get("proposals") or ()
        if each.get("verdict") == "refused"
    ]
    if turn["outcome"] == "done" or not found:
        return None
    reason, values, ids = found[0]
    names = _names(ids, house)
    if reason in ("cannot", "range", "value", "unknown_action"):
        return Verdict(str(reason), {**values, "names": names})
    return _unknown(turn, unexposed)


def _failed(turn: Kept, house: House, unexposed: Sequence[Entity]) -> Verdict | None:
    for action in turn.get("actions") or ():
        if action.get("ok") is False:
            result = action.get("result") or {}
            params = {"names": list(result.get("failed") or ()), "reason": result.get("reason", "")}
            return Verdict("failed", params)
    return None


def _not_there(turn: Kept, house: House, unexposed: Sequence[Entity]) -> Verdict | None:
    if turn.get("actions") or turn["outcome"] in ("done", "talked", "asked"):
        return None
    if turn["outcome"] == "answered" and not unmatched(turn):
        return None
    if named_but_unexposed(turn, unexposed) is None and not unmatched(turn):
        return None
    return _unknown(turn, unexposed)


def _unknown(turn: Kept, unexposed: Sequence[Entity]) -> Verdict:
    if (entity := named_but_unexposed(turn, unexposed)) is not None:
        return Verdict("not_exposed", {"name": entity.name, "entity_id": entity.id})
    return Verdict("no_match", {"words": unmatched(turn)})


def _acted(turn: Kept, house: House, unexposed: Sequence[Entity]) -> Verdict | None:
    actions = turn.get("actions") or ()
    if not actions or turn["outcome"] != "done":
        return None
    changed = [each for action in actions for each in _seen(action, "changed")]
    same = [each for action in actions for each in _seen(action, "unchanged")]
    if (similar := _similar(turn, house)) is not None:
        return similar
    if changed:
        return Verdict("done", {"changed": changed, "names": [each["name"] for each in changed]})
    if same:
        names = [each["name"] for each in same]
        return Verdict("no_change", {"unchanged": same, "names": names})
    return Verdict("done", {"names": _names(used(actions), house)})


def _seen(action: Kept, what: str) -> list[dict[str, Any]]:
    return list((action.get("result") or {}).get(what) or ())


def _similar(turn: Kept, house: House) -> Verdict | None:
    """Return that something was taken for a similar thing, if it was."""
    done = set(used(turn["actions"]))
    for clause in turn.get("clauses") or ():
        for candidate in clause.get("candidates") or ():
            ids = candidate.get("entity_ids") or ()
            inexact = [
                word["text"]
                for word in clause.get("words") or ()
                if word["role"] == "name" and not word.get("exact", True)
            ]
            weak = candidate["score"] < _WEAK
            if ids and done.issuperset(ids) and (weak or inexact):
                words = " ".join(inexact) or unmatched(turn) or clause["text"]
                return Verdict(
                    "similar",
                    {
                        "words": words,
                        "names": _names(ids, house),
                        "percent": round(100 * candidate["score"]),
                    },
                )
    return None


def _candidates(turn: Kept, house: House) -> list[str]:
    for clause in turn.get("clauses") or ():
        if ids := clause.get("same_name"):
            return _names(ids, house)
    for proposal in turn.get("proposals") or ():
        if names := proposal.get("candidates"):
            return list(names)
    return []


def _names(ids: Iterable[str], house: House) -> list[str]:
    return [house.entities[id_].name if id_ in house.entities else id_ for id_ in ids]
