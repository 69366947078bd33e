"""One case said to the interpretation alone: what it would do to the house, and what it asks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from eval.cases import Case
from eval.home import Home
from eval.simulation import Simulation, UnsimulatedError
from eval.values import Values
from ollama_addon.agent.actions.confirmation import asks_first
from ollama_addon.home.model import House
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Context,
    Interpretation,
    Mood,
    When,
)

_CONFIRMED = ("unlock", "garage_door", "alarm")
"""Kinds of action that ask first by default."""


class Interprets(Protocol):
    """What reads sentences: `Interpreter`, or anything like it."""

    def interpret(self, text: str, context: Context) -> Interpretation:
        """Return what a sentence means in the house that this was made for."""
        ...


class MakesInterpreter(Protocol):
    """How an interpreter is made."""

    def __call__(self, house: House, language: str) -> Interprets:
        """Return the interpreter of a house in a language."""
        ...


@dataclass(slots=True)
class Spoken:
    """What came of the turns of one case."""

    before: dict[str, Values]
    after: dict[str, Values]
    timers: list[int]
    acted: set[str]
    """All to which something was done, whether or not it changed."""
    did: bool = False
    """Whether anything was done that is more than looking."""
    interpretations: list[Interpretation] = field(default_factory=list)
    kept: list[tuple[When, dict[str, Values]]] = field(default_factory=list)
    """For each order kept for later: when, and the house as it would be then."""
    failure: str = ""
    """Why an action could not be simulated."""
    milliseconds: list[float] = field(default_factory=list)

    @property
    def last(self) -> Interpretation:
        """The interpretation of the last turn."""
        return self.interpretations[-1]


def speak(case: Case, home: Home, simulation: Simulation, interpreter: Interprets) -> Spoken:
    """Say the turns of a case, one after the other, and do what is certain.

    `simulation` is in its first state, and is left as the case leaves it.
    """
    before = simulation.values()
    spoken = Spoken(before, before, [], simulation.acted)
    context = Context(
        area_id=simulation.house.device_areas.get(case.at or ""), has_satellite=bool(case.at)
    )
    pending: list[Candidate] = []
    earlier = simulation.snapshot()
    for number, sentence in enumerate(case.say):
        began = time.perf_counter()
        interpretation = interpreter.interpret(sentence, context)
        spoken.milliseconds.append((time.perf_counter() - began) * 1000)
        spoken.interpretations.append(interpretation)
        moods = interpretation.moods
        now: list[Candidate] = []
        if pending and moods & {Mood.YES, Mood.NO, Mood.NEVER_MIND}:
            now = pending if Mood.YES in moods else []
            pending = []
        elif Mood.UNDO in moods and interpretation.certain:
            simulation.restore(earlier)
            spoken.did = True
        elif interpretation.certain:
            pending = []
            now = _now(interpretation.clauses, simulation, spoken)
            if number + 1 < len(case.say) and any(_asks(each, simulation) for each in now):
                pending, now = now, []
        if now:
            earlier = simulation.snapshot()
        for candidate in now:
            _do(candidate, simulation, spoken)
        context = _next(context, interpretation, now or pending, asked=bool(pending))
    spoken.after = simulation.values()
    spoken.timers = [timer.seconds for timer in simulation.timers]
    return spoken


def first_change(candidate: Candidate, simulation: Simulation) -> dict[str, Values] | None:
    """Return the house as it would be, and leave it as it is; None when that is not known."""
    snapshot, acted = simulation.snapshot(), set(simulation.acted)
    try:
        for action in candidate.actions:
            simulation.do(action)
        return simulation.values()
    except UnsimulatedError:
        return None
    finally:
        simulation.restore(snapshot)
        simulation.acted.clear()
        simulation.acted.update(acted)


def _now(clauses: Sequence[Clause], simulation: Simulation, spoken: Spoken) -> list[Candidate]:
    """Return what the orders would do now; what is for later is kept in `spoken`."""
    found = []
    for clause in clauses:
        if clause.mood is not Mood.ORDER or not clause.candidates:
            continue
        candidate, when = clause.candidates[0], clause.when
        if when is not None:
            house = first_change(candidate, simulation)
            spoken.kept.append((when, house or {}))
            if when.repeats or not (when.length or when.until):
                continue
        found.append(candidate)
    return found


def _asks(candidate: Candidate, simulation: Simulation) -> bool:
    """Whether the agent would want this confirmed."""
    return any(
        asks_first(action, simulation.house.entities[target], simulation.house, _CONFIRMED)
        for action in candidate.actions
        for target in simulation.targets(action)
        if "Timer" not in action.intent
    )


def _do(candidate: Candidate, simulation: Simulation, spoken: Spoken) -> None:
    for action in candidate.actions:
        try:
            spoken.did |= simulation.do(action)
        except UnsimulatedError as error:
            spoken.did = True
            spoken.failure = str(error)


def _next(
    context: Context, interpretation: Interpretation, now: Sequence[Candidate], *, asked: bool
) -> Context:
    """Return what the next sentence is said into."""
    clauses = interpretation.clauses
    undecided = any(
        clause.same_name or (len(clause.candidates) > 1 and not clause.certain)
        for clause in clauses
        if clause.mood is Mood.ORDER
    )
    entities = [
        *(entity for candidate in now for entity in candidate.entities),
        *(entity for clause in clauses if clause.question for entity in clause.question.entities),
        *(entity for clause in clauses for entity in clause.same_name),
    ]
    best = [clause.candidates[0] for clause in clauses if clause.candidates]
    return Context(
        area_id=context.area_id,
        has_satellite=context.has_satellite,
        previous=tuple(now or best) or context.previous,
        previous_entities=tuple(dict.fromkeys(entities)) or context.previous_entities,
        asked=asked or undecided,
    )
