"""What needs no model: what is certain is done, what is asked is answered from the house.

Nothing here does anything. Each clause of an interpretation becomes a step that the agent takes,
or a reason why a model has to be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Interpretation,
    Mood,
    Question,
    Refusal,
    Role,
    When,
)
from ollama_addon.understanding.vocabulary import Action

_ASKED = frozenset({"whole_home", "everything"})
"""Doubts that a question to the person settles."""


@dataclass(frozen=True, slots=True)
class Do:
    """Carry a candidate out, now or when the person said."""

    candidate: Candidate
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Sure:
    """Ask whether a candidate is meant that reaches the whole home."""

    candidate: Candidate
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Which:
    """Ask which of some things is meant."""

    entities: tuple[Entity, ...]
    candidates: tuple[Candidate, ...]
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Answer a question about the house."""

    question: Question


@dataclass(frozen=True, slots=True)
class Say:
    """Say one of our own sentences: its key, and what it names."""

    key: str
    words: str = ""
    entities: tuple[Entity, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Plans:
    """Cancel or move what is planned."""

    cancel: bool
    entities: tuple[Entity, ...] = ()
    when: When | None = None
    named: bool = False
    """Whether something was named: then nothing else is meant."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A model has to be asked about this clause."""

    clause: Clause
    reasons: tuple[str, ...] = ()


Step = Do | Sure | Which | Tell | Say | Plans | Ask


@dataclass(frozen=True, slots=True)
class Route:
    """What is done about each clause, and why a model is asked, if one is."""

    steps: tuple[Step, ...]
    reasons: tuple[str, ...] = field(default=())
    """Why it is not instant, as codes; empty where it is."""

    @property
    def instant(self) -> bool:
        """Whether no model is needed."""
        return bool(self.steps) and not self.reasons


def route(interpretation: Interpretation, *, planned: bool, instant: bool = True) -> Route:
    """Return what can be done about an interpretation without a model.

    `planned` tells that something is planned which can be cancelled or moved; `instant` is the
    agent's option: without it what is certain goes to the model as well.
    """
    if not interpretation.clauses:
        return Route((), ("no_reader",))
    steps = tuple(_step(clause, planned=planned) for clause in _without_times(interpretation))
    if len(steps) > 1:
        # A "no" in front of an order says nothing by itself.
        steps = (
            tuple(s for s in steps if not (isinstance(s, Say) and s.key == "nothing_asked"))
            or steps
        )
    reasons = tuple(
        dict.fromkeys(reason for step in steps if isinstance(step, Ask) for reason in step.reasons)
    )
    if not instant and any(isinstance(step, Do | Sure) for step in steps):
        reasons = (*reasons, "option")
    return Route(steps, reasons)


def _without_times(interpretation: Interpretation) -> Sequence[Clause]:
    """Return the clauses, but for those that only say when another one is meant."""
    clauses = interpretation.clauses
    ordered = {id(c.when) for c in clauses if c.mood is Mood.ORDER and c.when is not None}
    return [
        clause
        for clause in clauses
        if not (
            clause.mood is Mood.TALK
            and id(clause.when) in ordered
            and all(word.role is Role.TIME for word in clause.words)
        )
    ]


def _step(clause: Clause, *, planned: bool) -> Step:
    match clause.mood:
        case Mood.NEGATED:
            if clause.missing_place:
                return Say("no_place", clause.missing_place)
            return Say("left")
        case Mood.REPORT:
            return Say("noted")
        case Mood.QUESTION:
            return _asked(clause)
        case Mood.TALK | Mood.WISH:
            return Ask(clause, (clause.mood.value,))
        case Mood.YES | Mood.NO:
            return Say("nothing_asked")
        case Mood.NEVER_MIND:
            return Plans(cancel=True) if planned else Say("left")
        case Mood.UNDO:
            return Say("no_undo")
    return _ordered(clause, planned=planned)


def _asked(clause: Clause) -> Step:
    question = clause.question
    if clause.missing_place:
        return Say("no_place", clause.missing_place)
    if _asks_to_be_told(clause):
        return Do(Candidate((Action("HassBroadcast"),), (), "tell", 1.0), clause.when)
    if question is None or question.kind == "other" or not clause.certain:
        return Ask(clause, clause.doubts or ("question",))
    return Tell(question)


def _asks_to_be_told(clause: Clause) -> bool:
    """Whether it is "tell me when the washing machine is done": nothing but that and an event."""
    when, roles = clause.when, {word.role for word in clause.words}
    return (
        when is not None
        and when.understood
        and any(not trigger.condition for trigger in when.triggers)
        and roles <= {Role.TIME, Role.QUESTION, Role.FILLER, Role.REQUEST, Role.SUBJECT}
        and any(word.role is Role.QUESTION and word.meaning == "ask" for word in clause.words)
    )


def _ordered(clause: Clause, *, planned: bool) -> Step:
    if clause.certain and clause.candidates:
        return Do(clause.candidates[0], clause.when)
    if planned and (plans := _plans(clause)) is not None:
        return plans
    if clause.when is not None and not clause.when.understood:
        return Say("when_unclear", clause.when.words)
    if clause.refusal is not None:
        return Say(clause.refusal.reason, refusal=clause.refusal, entities=clause.refusal.entities)
    if clause.missing_place:
        return Say("no_place", clause.missing_place)
    doubts = set(clause.doubts)
    if clause.same_name and doubts <= {"same_name", "unused", "nothing"}:
        return Which(clause.same_name, clause.candidates, clause.when)
    if clause.candidates and doubts and doubts <= _ASKED:
        return Sure(clause.candidates[0], clause.when)
    return Ask(clause, clause.doubts or ("unclear",))


def _plans(clause: Clause) -> Plans | None:
    """Return what an order says about what is planned: "cancel that", "make it eight"."""
    cancels = any(
        word.role is Role.VERB and "cancel" in word.meaning.split() for word in clause.words
    )
    names = any(word.role in (Role.NAME, Role.KIND, Role.AREA) for word in clause.words)
    if cancels:
        spoken = tuple(dict.fromkeys((*clause.named, *clause.same_name)))
        return Plans(cancel=True, entities=spoken, named=names)
    timed = clause.when is not None and clause.when.understood and not clause.candidates
    if timed and not names:
        return Plans(cancel=False, when=clause.when)
    return None


def choices(steps: Sequence[Step]) -> tuple[Candidate, ...]:
    """Return what a tiny model may choose from: the candidates of the clauses in doubt."""
    return tuple(
        candidate
        for step in steps
        if isinstance(step, Ask) and step.clause.mood is Mood.ORDER
        for candidate in step.clause.candidates
    )
