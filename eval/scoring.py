"""Whether what happened to a house is what should have: pure functions of before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.cases import QUIET, Case, Outcome
from eval.home import Home
from eval.values import HAPPENINGS, House, Values, meets
from eval.words import answers, claims, complaints, plain

_LIST_CHANGES = {"added", "completed", "removed"}
_MAKES_ON = {"brightness_pct", "color", "color_temp_kelvin"}
_TALKING = 30
"""Seconds that a timer may have run while the conversation went on."""
_MAY_WAKE = {"percentage", "source"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """What came back from the agent in the end."""

    reply: str
    asks: bool = False
    error: str | None = None
    timers: Sequence[int] = ()
    """The seconds that are left on each timer of the satellite."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a case passed, and whether nothing but the expected was touched."""

    problems: tuple[str, ...]
    touched: tuple[str, ...]
    """Entities that changed although no right outcome changes them."""

    @property
    def passed(self) -> bool:
        """Whether everything is as one of the outcomes has it."""
        return not self.problems


def judge(
    case: Case, home: Home, before: House, after: House, spoken: Spoken, lit: House
) -> Verdict:
    """Judge a case by the house before and after it, and by what was said in the end.

    `lit` holds what the lights and fans of this home are when they are merely turned on.
    """
    house = judge_house(case, home, before, after, spoken, lit)
    problems = [*house.problems, *complaints(spoken.reply, case.reply)]
    if case.answer and not answers(spoken.reply, case.answer, case.language):
        problems.append(f"the reply does not say {case.answer}")
    if spoken.error:
        problems.append(f"the turn failed: {spoken.error}")
    elif not spoken.reply.strip():
        problems.append("nothing was said")
    quiet = case.nothing or case.kind in QUIET
    if quiet and not spoken.asks and claims(spoken.reply, case.language):
        problems.append("the reply says that something was done")
    return Verdict(tuple(problems), house.touched)


def judge_house(
    case: Case, home: Home, before: House, after: House, spoken: Spoken, lit: House
) -> Verdict:
    """Judge what happened to the house, whatever was said."""
    wanted = [expected(outcome, home) for outcome in case.outcomes]
    allowed = set().union(*wanted, *(_free(outcome, home) for outcome in case.outcomes))
    touched = tuple(
        entity_id
        for entity_id, values in before.items()
        if entity_id not in allowed and after[entity_id] != values
    )
    problems = min(
        (
            _problems(outcome, specification, home, before, after, spoken, lit)
            for outcome, specification in zip(case.outcomes, wanted, strict=True)
        ),
        key=len,
    )
    return Verdict(tuple(problems), touched)


def expected(outcome: Outcome, home: Home) -> dict[str, dict[str, Any]]:
    """Return what each changed entity has to be, with what scenes and scripts set."""
    found: dict[str, dict[str, Any]] = {}
    for selector, wanted in outcome.change.items():
        for entity_id in home.select(selector):
            found[entity_id] = _specification(entity_id, wanted)
            for other, state in home.entities[entity_id].get("sets", {}).items():
                found.setdefault(other, _specification(other, state))
    return found


def _specification(entity_id: str, wanted: Any) -> dict[str, Any]:
    if isinstance(wanted, dict):
        return wanted
    happens = entity_id.partition(".")[0] in HAPPENINGS
    return {"happened": True} if happens else {"state": wanted}


def _free(outcome: Outcome, home: Home) -> set[str]:
    return {entity_id for selector in outcome.free for entity_id in home.select(selector)}


def _problems(
    outcome: Outcome,
    wanted: Mapping[str, Mapping[str, Any]],
    home: Home,
    before: House,
    after: House,
    spoken: Spoken,
    lit: House,
) -> list[str]:
    found = []
    free = _free(outcome, home)
    for entity_id, values in before.items():
        if entity_id in wanted:
            found += _differences(
                entity_id, wanted[entity_id], values, after[entity_id], lit.get(entity_id, {})
            )
        elif entity_id not in free and after[entity_id] != values:
            found.append(f"{entity_id} must not change: {_shown(values, after[entity_id])}")
    if outcome.asks and not spoken.asks:
        found.append("it did not ask back")
    seconds = sorted(timer.seconds for timer in outcome.timers)
    left = sorted(spoken.timers)
    if len(left) != len(seconds) or not all(
        0 <= asked - is_left <= _TALKING for asked, is_left in zip(seconds, left, strict=True)
    ):
        found.append(f"timers with {left} seconds left, not of {seconds}")
    return found


def _differences(
    entity_id: str, wanted: Mapping[str, Any], before: Values, after: Values, lit: Values
) -> list[str]:
    if "happened" in wanted:
        return [] if before["happened"] != after["happened"] else [f"{entity_id} did not run"]
    if _LIST_CHANGES & wanted.keys():
        return _list_differences(entity_id, wanted, before["items"], after["items"])
    complete = _implied(wanted, before, after, lit)
    return [
        f"{entity_id}: {key} is {after.get(key)}, not {value}"
        for key, value in complete.items()
        if not meets(key, value, after.get(key))
    ]


def _implied(
    wanted: Mapping[str, Any], before: Values, after: Values, lit: Values
) -> dict[str, Any]:
    """Return what is wanted together with what follows from it and what must stay."""
    complete = dict(wanted)
    for key in sorted((before.keys() & after.keys()) - wanted.keys()):
        if key == "state":
            if _MAKES_ON & wanted.keys():
                complete[key] = "on"
            elif not ({"current_position"} | _MAY_WAKE) & wanted.keys():
                complete[key] = before[key]
        elif key == "current_position":
            # Open is all the way, when nothing else was said.
            complete[key] = {"open": 100, "closed": 0}.get(wanted.get("state", ""), before[key])
        elif key == "percentage" and "state" in wanted:
            complete[key] = lit[key] if wanted["state"] == "on" else 0
        else:
            complete[key] = before[key]
    # What only a light that is on has: nobody asked for a color when it was to be turned on.
    for key in sorted((_MAKES_ON & after.keys()) - before.keys() - wanted.keys()):
        complete[key] = lit.get(key)
    return complete


def _list_differences(
    entity_id: str,
    wanted: Mapping[str, list[str]],
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> list[str]:
    had, has = (
        {plain(text): status for text, status in items.items()} for items in (before, after)
    )
    found = []
    for phrase in wanted.get("added", ()):
        names = [plain(name) for name in phrase.split("|")]
        name = next((name for name in names if has.get(name) == "needs_action"), None)
        if name is None:
            found.append(f"{entity_id} lacks {names[0]}")
        else:
            had[name] = "needs_action"
    for phrase in wanted.get("completed", ()):
        had[plain(phrase)] = "completed"
    for phrase in wanted.get("removed", ()):
        had.pop(plain(phrase), None)
    if not found and had != has:
        found.append(f"{entity_id} has {_listed(has)}, not {_listed(had)}")
    return found


def _listed(items: Mapping[str, str]) -> str:
    return ", ".join(
        f"{text} (done)" if status == "completed" else text for text, status in items.items()
    )


def _shown(before: Values, after: Values) -> str:
    keys = sorted(before.keys() | after.keys())
    return ", ".join(
        f"{key} {before.get(key)} → {after.get(key)}"
        for key in keys
        if before.get(key) != after.get(key)
    )
