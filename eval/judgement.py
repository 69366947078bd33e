"""Whether an interpretation is right: what it would do, and what it would not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eval.cases import Ask, Case, Kept, Outcome
from eval.home import Home
from eval.reading import Spoken, first_change
from eval.scoring import Spoken as Said, expected, judge_house
from eval.simulation import Simulation
from eval.values import House
from ollama_addon.understanding.interpretation import Clause, Moment, Mood, Question, When

Grade = Literal["right", "asked", "missed", "wrong", "opposite"]
GRADES: tuple[Grade, ...] = ("right", "asked", "missed", "wrong", "opposite")
_OFFERED = 6
"""Candidates that a tiny model is shown at most."""
_OPPOSITE = {
    a: b
    for pair in (
        ("on", "off"),
        ("open", "closed"),
        ("locked", "unlocked"),
        ("playing", "paused"),
        ("cleaning", "returning"),
        ("mowing", "docked"),
        (True, False),
    )
    for a, b in (pair, pair[::-1])
}
_SAME_STATE = {"open": "on", "closed": "off", "wet": "on", "motion": "on", "unlocked": "open"}
"""What a binary sensor calls the states that people ask for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How a case ended."""

    grade: Grade
    reason: str = ""
    offered: bool = False
    """Whether what is right is among the candidates, where nothing certain was done."""


def judge_interpretation(
    case: Case, home: Home, spoken: Spoken, simulation: Simulation, lit: House
) -> Judged:
    """Judge what came of a case. `simulation` is as the case left it."""
    if spoken.failure:
        return Judged("wrong", spoken.failure)
    if spoken.did:
        return _judge_done(case, home, spoken, lit)
    if case.kept is not None:
        return _judge_kept(case.kept, home, spoken, lit, case)
    if spoken.kept:
        return Judged("wrong", f"kept for later: {spoken.kept[0][0].words}")
    if case.ask is not None or (case.kind == "question" and not _changes(case)):
        return _judge_question(case.ask, home, spoken)
    if any(outcome.asks for outcome in case.outcomes) and _asks_back(spoken):
        return Judged("asked")
    if case.missing or case.kind in ("missing", "impossible", "unexposed"):
        return _judge_missing(spoken)
    if not _changes(case):
        return _judge_quiet(case, spoken)
    offered = _is_offered(case, home, spoken, simulation, lit)
    return Judged("missed", _why_not(spoken), offered)


def _changes(case: Case) -> bool:
    """Whether every right outcome does something, or asks."""
    return all(each.change or each.timers or each.asks for each in case.outcomes)


def _judge_done(case: Case, home: Home, spoken: Spoken, lit: House) -> Judged:
    verdict = judge_house(case, home, spoken.before, spoken.after, _said(spoken), lit)
    if case.kept and (case.kept.length or case.kept.until) and not verdict.problems:
        return _judge_kept(case.kept, home, spoken, lit, case)
    if case.kept and not verdict.problems:
        return Judged("wrong", "done now, although it was for later")
    if not verdict.problems and not any(outcome.asks for outcome in case.outcomes):
        quiet = not _changes(case) and spoken.acted and not case.outcomes[0].free
        if not quiet:
            return Judged("right")
        grade: Grade = "opposite" if _is_opposite(case, home, spoken) else "wrong"
        return Judged(grade, "something was done")
    if not verdict.problems and any(_is_met(each, case, home, spoken, lit) for each in case.any_of):
        return Judged("right")
    reason = "; ".join(verdict.problems) or "it did not ask back"
    return Judged("opposite" if _is_opposite(case, home, spoken) else "wrong", reason)


def _is_met(outcome: Outcome, case: Case, home: Home, spoken: Spoken, lit: House) -> bool:
    """Whether this one outcome, which does not ask, is what happened."""
    if outcome.asks:
        return False
    only = case.model_copy(update={"any_of": [outcome]})
    return not judge_house(only, home, spoken.before, spoken.after, _said(spoken), lit).problems


def _said(spoken: Spoken, *, asks: bool = False) -> Said:
    return Said("", asks=asks, timers=tuple(spoken.timers))


def _is_opposite(case: Case, home: Home, spoken: Spoken) -> bool:
    """Whether something was done the other way round, or done although it was forbidden."""
    if case.kind in ("negated", "report"):
        return True
    for outcome in case.outcomes:
        for entity_id, wanted in expected(outcome, home).items():
            if entity_id not in spoken.acted:
                continue
            before, after = spoken.before[entity_id], spoken.after[entity_id]
            for key, value in wanted.items():
                if _turned(value, before.get(key), after.get(key)):
                    return True
    return False


def _turned(wanted: Any, before: Any, after: Any) -> bool:
    if isinstance(wanted, list):
        if not wanted or not all(isinstance(each, int | float) for each in wanted):
            return False
        wanted = sum(wanted) / len(wanted)
    if isinstance(wanted, bool | str):
        return wanted in _OPPOSITE and _OPPOSITE[wanted] == after
    if not all(isinstance(each, int | float) for each in (wanted, before, after)):
        return False
    return bool((wanted - before) * (after - before) < 0)


def _judge_kept(kept: Kept, home: Home, spoken: Spoken, lit: House, case: Case) -> Judged:
    if not spoken.kept:
        whens = [clause.when for clause in spoken.last.clauses if clause.when]
        if "unclear" in kept.trigger and any(not when.understood for when in whens):
            return Judged("right")
        found = any(when.understood and not differs(kept, when, home) for when in whens)
        return Judged("missed", _why_not(spoken), offered=found)
    for when, house in spoken.kept:
        if problem := differs(kept, when, home):
            return Judged("wrong", problem)
        outcome = Outcome(change=kept.change)
        only = case.model_copy(update={"any_of": [outcome], "change": {}, "timers": []})
        problems = judge_house(only, home, spoken.before, house, _said(spoken), lit).problems
        if kept.change and problems:
            return Judged("wrong", "kept: " + "; ".join(problems))
    return Judged("right")


def differs(kept: Kept, when: When, home: Home) -> str:
    """Return how a time differs from the one that was said; empty when it does not."""
    found: list[str] = []
    at = when.at or (when.every.at if when.every else None) or Moment()
    triggers = [trigger for trigger in when.triggers if trigger.kind != "unclear"] or when.triggers

    def compare(what: str, wanted: Any, got: Any) -> None:
        if wanted is not None and wanted != got:
            found.append(f"{what} is {got}, not {wanted}")

    compare("delay", kept.delay, when.delay)
    compare("length", kept.length, when.length)
    compare("days", kept.days, at.days)
    compare("weekday", kept.weekday, at.weekday)
    sun = at.sun or next((trigger.event for trigger in triggers if trigger.event), "")
    compare("sun", kept.sun, sun)
    compare("part", kept.part, at.part)
    if kept.at is not None and not _is_time(kept.at, at):
        found.append(f"at is {at.hour}:{at.minute:02} {at.part}, not {kept.at}")
    if kept.until is not None and not (when.until and _is_time(kept.until, when.until)):
        found.append(f"until is not {kept.until}")
    if kept.every is not None:
        days = list(when.every.weekdays) if when.every else None
        found += [] if days in (kept.every, kept.every or list(range(7))) else [f"every is {days}"]
    compare("interval", kept.interval, when.every.interval if when.every else None)
    if kept.trigger and not any(trigger.kind in kept.trigger for trigger in triggers):
        found.append(f"trigger is {[trigger.kind for trigger in triggers]}, not {kept.trigger}")
    if kept.of:
        wanted = {entity_id for selector in kept.of for entity_id in home.select(selector)}
        got = {entity.id for trigger in triggers for entity in trigger.entities}
        found += [] if got == wanted else [f"the trigger is about {sorted(got)}"]
    states = {_SAME_STATE.get(trigger.to, trigger.to) for trigger in triggers}
    if kept.to is not None and _SAME_STATE.get(kept.to, kept.to) not in states:
        found.append(f"the trigger is {sorted(states)}, not {kept.to}")
    compare("above", kept.above, next((t.above for t in triggers if t.above is not None), None))
    compare("below", kept.below, next((t.below for t in triggers if t.below is not None), None))
    return "; ".join(found)


def _is_time(wanted: str, moment: Moment) -> bool:
    """Whether a moment is a time of the day, or may be where nobody said which half of it."""
    hours, minutes = (int(part) for part in wanted.split(":"))
    hour = {"midnight": 0, "noon": 12}.get(moment.part) if moment.hour is None else moment.hour
    if hour is None or moment.minute != minutes:
        return False
    late = moment.part in ("afternoon", "evening", "night") and hour < 12
    return hour == hours or ((moment.half_day or late) and hour % 12 == hours % 12)


def _judge_question(ask: Ask | None, home: Home, spoken: Spoken) -> Judged:
    questions = [clause.question for clause in spoken.last.clauses if clause.question]
    if not questions or Mood.QUESTION not in spoken.last.moods:
        return Judged("missed", f"not read as a question but {_why_not(spoken)}")
    if ask is None:
        return Judged("right")
    problems = [_other(ask, question, home) for question in questions]
    return Judged("missed", problems[0]) if all(problems) else Judged("right")


def _other(ask: Ask, question: Question, home: Home) -> str:
    """Return how a question differs from the one that was asked; empty when it does not."""
    if question.kind not in ask.kind:
        return f"a question of kind {question.kind}, not {'/'.join(ask.kind)}"
    wanted = {entity_id for selector in ask.about for entity_id in home.select(selector)}
    got = {entity.id for entity in question.entities}
    if ask.about and wanted != got:
        return f"a question about {sorted(got)}, not {sorted(wanted)}"
    state = question.state
    if ask.state and _SAME_STATE.get(state, state) != _SAME_STATE.get(ask.state, ask.state):
        return f"a question for '{state}', not '{ask.state}'"
    period = [ask.period] if ask.period else []
    for what, asked in (("figure", ask.figure), ("period", period)):
        found = question.detail.get(what)
        if asked and found and found not in asked:
            return f"a question of the {what} {found}, not {'/'.join(asked)}"
    return ""


def _asks_back(spoken: Spoken) -> bool:
    """Whether what was said leaves a choice, so that the agent asks."""
    return any(
        clause.same_name
        or len(clause.candidates) > 1
        or clause.mood is Mood.WISH
        or any(candidate.whole_home for candidate in clause.candidates)
        for clause in spoken.last.clauses
    )


def _may_act(clause: Clause) -> bool:
    """Whether a tiny model would be asked what to do."""
    answered = clause.refusal or clause.missing_place or clause.missing_thing or clause.same_name
    return clause.mood is Mood.ORDER and bool(clause.candidates) and not answered


def _judge_missing(spoken: Spoken) -> Judged:
    acting = [clause for clause in spoken.last.clauses if _may_act(clause)]
    if acting:
        return Judged("missed", f"a model may do: {acting[0].candidates[0].phrase}")
    return Judged("right")


def _judge_quiet(case: Case, spoken: Spoken) -> Judged:
    acting = [clause for clause in spoken.last.clauses if _may_act(clause)]
    if acting and not any(outcome.free for outcome in case.outcomes):
        return Judged("missed", f"a model may do: {acting[0].candidates[0].phrase}")
    if case.kind == "talk" and Mood.QUESTION in spoken.last.moods and _is_computed(spoken):
        return Judged("missed", "talk read as a question about the house")
    return Judged("right")


def _is_computed(spoken: Spoken) -> bool:
    return any(
        clause.question and clause.question.kind != "other" for clause in spoken.last.clauses
    )


def _is_offered(case: Case, home: Home, spoken: Spoken, simulation: Simulation, lit: House) -> bool:
    """Whether one of the candidates of the only order is right."""
    orders = [clause for clause in spoken.last.clauses if clause.mood is Mood.ORDER]
    if len(orders) != 1:
        return False
    for candidate in orders[0].candidates[:_OFFERED]:
        after = first_change(candidate, simulation)
        said = _said(spoken)
        if after and not judge_house(case, home, spoken.before, after, said, lit).problems:
            return True
    return False


def _why_not(spoken: Spoken) -> str:
    """Return why nothing was done, in the codes of the interpretation."""
    found: list[str] = []
    for clause in spoken.last.clauses:
        more: Mapping[str, object] = {
            "doubts": ",".join(clause.doubts),
            "missing": clause.missing_place or clause.missing_thing,
            "refused": clause.refusal.reason if clause.refusal else "",
            "same name": len(clause.same_name) or "",
            "unexplained": ",".join(clause.unexplained),
        }
        told = " ".join(f"{key}={value}" for key, value in more.items() if value)
        found.append(f"{clause.mood} {told}".strip())
    return "; ".join(found) or "nothing was understood"
