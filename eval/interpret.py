"""All sentences through the interpretation alone: no model and no Home Assistant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from eval.cases import Case
from eval.home import Home
from eval.judgement import Grade, Judged, judge_interpretation
from eval.metamorphic import Turned, turned
from eval.reading import Interprets, MakesInterpreter, Spoken, speak
from eval.simulation import Simulation
from eval.values import House
from ollama_addon.understanding.interpretation import Context, Interpretation, Mood
from ollama_addon.understanding.vocabulary import Action

_LIT = ("light", "fan")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a case was read."""

    id: str
    kind: str
    set: str
    home: str
    language: str
    said: tuple[str, ...]
    grade: Grade
    reason: str
    offered: bool
    certain: bool
    """Whether something was done, or kept, without a model."""
    roles: tuple[str, ...]
    """The words of the last turn with their roles."""
    milliseconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Metamorphosis:
    """A sentence that was turned into one that must not act, and did all the same."""

    id: str
    language: str
    way: str
    said: str
    did: str


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has shown."""

    readings: Sequence[Reading]
    tried: Mapping[str, int]
    """How many sentences were turned, by language."""
    acted: Sequence[Metamorphosis]


def run(
    cases: Iterable[Case], homes: Mapping[str, Home], make: MakesInterpreter, *, most: int = 40
) -> Run:
    """Read the cases home by home, and what is made of those that were done with certainty.

    `most` is how many turned sentences are made of one.
    """
    readings: list[Reading] = []
    tried: dict[str, int] = {}
    acted: list[Metamorphosis] = []
    ordered = sorted(cases, key=lambda case: (case.home, case.language))
    for (home_id, language), together in groupby(
        ordered, key=lambda case: (case.home, case.language)
    ):
        home = homes[home_id]
        simulation = Simulation(home)
        interpreter = make(simulation.house, language)
        lit = _lit(simulation)
        for case in together:
            spoken = speak(case, home, simulation, interpreter)
            judged = judge_interpretation(case, home, spoken, simulation, lit)
            readings.append(_reading(case, spoken, judged))
            simulation.reset()
            if len(case.say) == 1 and spoken.did and judged.grade == "right":
                for each in list(turned(case, home, spoken.last))[:most]:
                    tried[language] = tried.get(language, 0) + 1
                    if did := _acts(interpreter, each, case, simulation):
                        acted.append(Metamorphosis(case.id, language, each.way, each.said, did))
    return Run(readings, tried, acted)


def _reading(case: Case, spoken: Spoken, judged: Judged) -> Reading:
    return Reading(
        id=case.id,
        kind=case.kind,
        set=case.set,
        home=case.home,
        language=case.language,
        said=tuple(case.say),
        grade=judged.grade,
        reason=judged.reason,
        offered=judged.offered,
        certain=spoken.did or bool(spoken.kept),
        roles=tuple(roles(spoken.last)),
        milliseconds=tuple(spoken.milliseconds),
    )


def roles(interpretation: Interpretation) -> Iterator[str]:
    """Yield for each clause its mood and its words with their roles; `!` marks an unused one."""
    for clause in interpretation.clauses:
        words = " ".join(
            f"{word.text}[{word.role}{':' + word.meaning if word.meaning else ''}"
            f"{'' if word.used else '!'}]"
            for word in clause.words
        )
        certain = "certain" if clause.certain else ",".join(clause.doubts)
        best = clause.candidates[0].phrase if clause.candidates else "–"
        yield f"{clause.mood} ({certain}) {words} → {best}"


def _acts(interpreter: Interprets, each: Turned, case: Case, simulation: Simulation) -> str:
    """Return what a turned sentence would do now, empty when it does nothing."""
    area = simulation.house.device_areas.get(case.at or "")
    interpretation = interpreter.interpret(each.said, Context(area, bool(case.at)))
    if not interpretation.certain:
        return ""
    phrases = []
    for clause in interpretation.clauses:
        if clause.mood is not Mood.ORDER or not clause.candidates:
            continue
        when = clause.when
        if when is not None and not (when.length or when.until):
            continue
        phrases.append(clause.candidates[0].phrase)
    return "; ".join(phrases)


def _lit(simulation: Simulation) -> House:
    """Return what lights and fans are when they are merely turned on."""
    for entity in simulation.house.entities.values():
        if entity.domain in _LIT:
            simulation.do(Action("HassTurnOn", {"name": entity.id}))
    house = simulation.values()
    simulation.reset()
    return {each: house[each] for each in house if each.partition(".")[0] in _LIT}
